"""Whether a run is learning or collapsing, from a few numbers, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from fewshot_lab.pretrain._recipe import Recipe

State = Literal["good", "watch", "bad"]
Action = Literal["noted", "paused", "rolled back"]

_RANK_EVERY = 50


@dataclass(frozen=True)
class Finding:
    """Something the numbers say.

    Attributes
    ----------
    name : str
        "uniform collapse", "constant collapse", "rank collapse", "not a number", ...
    state : "good", "watch" or "bad"
    sentence, advice : str
        What is seen, and the next change to try.
    action : "noted", "paused" or "rolled back"
    """

    name: str
    state: State
    sentence: str
    advice: str
    action: Action = "noted"


def effective_rank(embedded: Tensor) -> float:
    """Return RankMe: the exponential of the entropy of the singular values' shares.

    Garrido et al. 2023, arXiv 2210.02885.

    Parameters
    ----------
    embedded
        (n, d), n >= 2.
    """
    values = torch.linalg.svdvals(embedded.double())
    shares = values / values.sum().clamp_min(1e-12) + 1e-7
    return float(torch.exp(-(shares * shares.log()).sum()))


class Health:
    """Looks at the numbers of a run, row by row."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._top = math.log(recipe.prototypes)
        self._state: dict[str, Any] = {"bad_since": {}, "named": [], "first_rank": None}
        self._latest: Finding | None = None

    def wants_rank(self, step: int) -> bool:
        """Say whether the effective rank is worth its cost at this step."""
        return step % max(_RANK_EVERY, self._recipe.log_steps) < self._recipe.log_steps

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._state = dict(state)

    def look(self, numbers: dict[str, Any]) -> list[Finding]:
        """Return what is new in this row."""
        found: list[Finding] = []
        if not math.isfinite(numbers["loss"]) or not math.isfinite(numbers["gradient_norm"]):
            found.append(
                Finding(
                    "not a number",
                    "bad",
                    f"Loss or gradient is not a number at step {numbers['step']}.",
                    "Look for a damaged image, or lower the learning rate to a third.",
                    "paused",
                )
            )
        self._latest = found[0] if found else None
        return found

    def summary(self, step: int) -> dict[str, Any]:
        """Return the state in words, as ``health.json`` holds it."""
        latest = self._latest
        return {
            "state": latest.state if latest else "good",
            "name": latest.name if latest else "",
            "sentence": latest.sentence if latest else "Nothing to complain of.",
            "advice": latest.advice if latest else "",
            "step": step,
        }
