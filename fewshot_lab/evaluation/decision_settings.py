"""How somebody wants to act on probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import known_fields


@dataclass(frozen=True)
class Settings:
    """How somebody wants to act on probabilities.

    Attributes
    ----------
    target_error : float
        Error wanted among the images that are decided.
    per_class : bool
        A threshold for each predicted class, each keeping the error by itself.
    assure : bool
        Assure the error with 95 % confidence where the audit set is large enough.
    set_coverage : float
        How often a prediction set is to hold the true class.
    set_method : str
        "lac" (smallest sets) or "aps".
    set_per_class : bool
        Each class keeps the promise by itself.
    unlike_share : float
        Share of the pool's own images that is called unlike anything labelled.
    """

    target_error: float = 0.05
    per_class: bool = False
    assure: bool = True
    set_coverage: float = 0.9
    set_method: str = "lac"
    set_per_class: bool = False
    unlike_share: float = 0.04

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        FewshotLabError
        """
        if not 0 < self.target_error < 1:
            raise FewshotLabError(
                f"The target error is {self.target_error:g}: give a share between 0 and 1, as in "
                "0.05 for 5 %."
            )
        if not 0 < self.set_coverage < 1:
            raise FewshotLabError(
                f"The coverage of the sets is {self.set_coverage:g}: give a share between 0 and 1, "
                "as in 0.9 for 90 %."
            )
        if not 0 <= self.unlike_share < 1:
            raise FewshotLabError(
                f"The share of unlike images is {self.unlike_share:g}: give one from 0 to 1."
            )
        if self.set_method not in ("lac", "aps"):
            raise FewshotLabError(f"There are no sets by {self.set_method!r}: use lac or aps.")

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Settings:
        """Return the settings stored in a project; what it does not know is left out."""
        return cls(**known_fields(cls, stored))

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`of` reads."""
        return asdict(self)
