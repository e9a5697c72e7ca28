"""Whether a run is learning or collapsing, from a few numbers, in words."""

import copy
import dataclasses
import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from fewshot_lab.pretrain.recipe import Recipe

State = Literal["good", "watch", "bad"]
Action = Literal["noted", "paused"]

_LOOK_AGAIN = 100
"""Steps for which a run must look collapsed before it is said: a start may do so for a while."""

_LEARNT = 30
"""Steps at the full learning rate that a run has to leave what it began with."""


@dataclass(frozen=True)
class HealthFinding:
    """Something the numbers say.

    Attributes
    ----------
    name : str
        "uniform collapse", "constant collapse", "no information", "rank collapse", "not a number"
        or "diverging".
    state : "good", "watch" or "bad"
    sentence, advice : str
        What is seen, and the next change to try.
    action : "noted" or "paused"
    since : int
        The step at which it began; what was stored before is good.
    changes : dict
        The next change to try, as values of the recipe; empty where the images are to blame.
    """

    name: str
    state: State
    sentence: str
    advice: str
    action: Action = "noted"
    since: int = 0
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)


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


class HealthCheck:
    """Looks at the numbers of a run, row by row.

    DINO fails in two ways (Caron et al. 2021, section 5.3): the teacher says the same for all
    images, either evenly of all prototypes (uniform) or of one alone (constant). Both show in two
    entropies: that of one image's output, and that of the mean output. Their difference is what an
    output tells of its image; at 0 it tells nothing, wherever the two lie (no information). A loss
    that falls proves none of it.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._top = math.log(recipe.prototypes)
        # So many prototypes a batch's mean can use at most, if each view speaks for one.
        self._most = min(self._top, math.log(2 * recipe.batch_size))
        self._state: dict[str, Any] = {"since": {}, "named": [], "rank": 0.0, "now": None}

    def begin(self, rank: float) -> None:
        """Take note of the effective rank before the first step."""
        self._state["rank"] = max(self._state["rank"], rank)

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""
        return copy.deepcopy(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._state |= copy.deepcopy({k: v for k, v in state.items() if k in self._state})

    @property
    def troubled_since(self) -> int | None:
        """The step at which what is being watched began, or None while all is well."""
        since = self._state["since"]
        return min(since.values()) if since else None

    def look(self, numbers: dict[str, Any]) -> list[HealthFinding]:
        """Return what is new in this row.

        Parameters
        ----------
        numbers
            A row of kind "step" of ``metrics.jsonl``.
        """
        step = int(numbers["step"])
        if not math.isfinite(numbers["loss"]) or not math.isfinite(numbers["gradient_norm"]):
            finding = self._not_a_number(step, numbers)
            self._state["now"] = dataclasses.asdict(finding)
            return [finding]
        if "rank" in numbers:
            self._state["rank"] = max(self._state["rank"], numbers["rank"])
        since: dict[str, int] = self._state["since"]
        new: list[HealthFinding] = []
        worst: HealthFinding | None = None
        for name, seen in self._signs(numbers).items():
            if seen is None:  # nothing to judge it by in this row
                pass
            elif not seen:
                since.pop(name, None)
                if name in self._state["named"]:
                    self._state["named"].remove(name)
            else:
                since.setdefault(name, step)
            if name not in since:
                continue
            lasting = step - since[name] >= _LOOK_AGAIN
            if name in ("diverging", "no information"):
                lasting = lasting and self._full_steps(step) >= _LEARNT
            finding = self._finding(name, numbers, since[name], lasting)
            if worst is None or lasting:
                worst = finding
            if lasting and name not in self._state["named"]:
                self._state["named"].append(name)
                new.append(finding)
        self._state["now"] = None if worst is None else dataclasses.asdict(worst)
        return new

    def summary(self, step: int) -> dict[str, Any]:
        """Return the state in words, as ``health.json`` holds it."""
        now = self._state["now"]
        if now is None:
            sentence = "The teacher tells images apart, and its outputs use many prototypes."
            good = {"state": "good", "name": "", "sentence": sentence, "advice": "", "changes": {}}
            return {**good, "step": step}
        names = ("state", "name", "sentence", "advice", "changes")
        return {name: now[name] for name in names} | {"step": step}

    def _signs(self, numbers: dict[str, Any]) -> dict[str, bool | None]:
        one, mean = numbers["teacher_entropy"], numbers["mean_entropy"]
        rank = numbers.get("rank")
        difference = mean - one
        constant = mean < 0.4 * self._most
        return {
            "uniform collapse": one > 0.995 * self._top and numbers["kl"] < 0.005 * self._top,
            "constant collapse": constant and difference < 0.1 * self._most,
            # Neither even nor one alone, and yet the same of every image.
            "no information": not constant
            and one < 0.9 * self._top
            and difference < 0.02 * self._most,
            "rank collapse": None if rank is None else rank < 0.3 * self._state["rank"],
            "diverging": numbers["loss"] > 1.1 * self._top,
        }

    def _full_steps(self, step: int) -> float:
        """Return how many steps at the full learning rate the steps so far amount to."""
        warmup = max(1, min(self._recipe.warmup_steps, self._recipe.steps))
        warm = min(step, warmup)
        return warm * (warm + 1) / (2 * warmup) + max(0, step - warmup)

    def _finding(
        self, name: str, numbers: dict[str, Any], since: int, lasting: bool
    ) -> HealthFinding:
        loss, top = numbers["loss"], self._top
        sentence, advice = {
            "uniform collapse": (
                f"The teacher says the same of every image, evenly of all prototypes: its entropy "
                f"is {numbers['teacher_entropy']:.2f} of ln(prototypes) = {top:.2f}.",
                f"Lower the teacher's temperature (now {numbers['teacher_temperature']:g}; 0.04 "
                "is usual)."
                if numbers["teacher_temperature"] > 0.05
                else "Lower the learning rate to a third.",
            ),
            "constant collapse": (
                f"The teacher says the same prototype of nearly every image: the entropy of its "
                f"mean output is {numbers['mean_entropy']:.2f} of {self._most:.2f} possible.",
                "Switch centring on."
                if not self._recipe.centring
                else "Lower the learning rate to a third"
                + (
                    ", or the centre's momentum to 0.9."
                    if self._recipe.centre_momentum > 0.9
                    else "."
                ),
            ),
            "no information": (
                f"The teacher says the same of every image: what its output tells of one is "
                f"{max(0.0, numbers['mean_entropy'] - numbers['teacher_entropy']):.2f} of "
                f"{self._most:.2f} possible.",
                "Lower the learning rate to a third.",
            ),
            "rank collapse": (
                f"Embeddings fill ever fewer directions: the effective rank is "
                f"{numbers.get('rank', 0):.0f}, after {self._state['rank']:.0f} at its best.",
                "Lower the learning rate to a third, or let more of the first stages rest.",
            ),
            "diverging": (
                f"The loss is {loss:.2f}, above ln(prototypes) = {top:.2f}, which guessing gives.",
                "Lower the learning rate to a tenth, or warm up for longer.",
            ),
        }[name]
        return HealthFinding(
            name,
            "bad" if lasting else "watch",
            f"{sentence} So it has been since step {since:,}.",
            advice,
            "paused" if lasting else "noted",
            since,
            self._changes(name, numbers),
        )

    def _changes(self, name: str, numbers: dict[str, Any]) -> dict[str, Any]:
        """Return what :meth:`_finding` advises, as values of the recipe."""
        if name == "uniform collapse" and numbers["teacher_temperature"] > 0.05:
            low = min(0.04, self._recipe.teacher_temperature_start)
            return {"teacher_temperature": 0.04, "teacher_temperature_start": low}
        if name == "constant collapse" and not self._recipe.centring:
            return {"centring": True}
        return self._slower(10 if name == "diverging" else 3)

    def _slower(self, by: float) -> dict[str, Any]:
        names = ("learning_rate", "head_learning_rate")
        return {name: float(f"{getattr(self._recipe, name) / by:.2g}") for name in names}

    def _not_a_number(self, step: int, numbers: dict[str, Any]) -> HealthFinding:
        images = numbers.get("bad_images") or []
        of = f" It comes with {' and '.join(images[:3])}." if images else ""
        advice = (
            f"Leave {'it' if len(images) == 1 else 'them'} out in a clone of the run."
            if images
            else "Lower the learning rate to a third, or train in float32."
        )
        return HealthFinding(
            "not a number",
            "bad",
            f"Loss or gradient is not a number at step {step:,}.{of}",
            advice,
            "paused",
            step - 1,
            {} if images else self._slower(3),
        )
