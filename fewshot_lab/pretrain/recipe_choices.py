"""Values of a recipe as they are chosen, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Choices:
    """Values taken one after the other; what was asked for goes before what is usual.

    Attributes
    ----------
    fixed : dict
        Values that are not to be chosen.
    values : dict
    reasons : dict
        A sentence for each value.
    """

    fixed: dict[str, Any]
    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, value: Any, reason: str) -> Any:
        """Take a value, and return what it became."""
        if name in self.fixed:
            value, reason = self.fixed[name], "As asked."
        self.values[name], self.reasons[name] = value, reason
        return value

    def take_dinos(self, **values: Any) -> None:
        """Take the values of DINO's own code."""
        for name, value in values.items():
            self.take(name, value, "DINO's.")
