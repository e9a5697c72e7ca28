"""How several annotators share a project: who sees what, and whose word trains."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import known_fields
from fewshot_lab.store.names import LONGEST_NAME, tidy_name

RULES = {
    "latest": "the newest opinion",
    "majority": "what most say",
    "senior": "a senior's opinion, else what most say",
    "soft": "every opinion by its share",
}


@dataclass(frozen=True)
class Team:
    """What is agreed on how people work together; the defaults are one list for all.

    Attributes
    ----------
    annotators : tuple of str
        Who labels; among them the images are split.
    split : bool
        Each annotator is given a share of the images instead of all.
    double : float
        Share of the images that ``per_image`` annotators label, each without seeing the others'.
    per_image : int
        How many label each of those.
    blind : float
        Share of the images on which predictions and others' labels stay hidden until one's own
        label is stored: 1 for all, something between for a random share, drawn per annotator.
    repeats : float
        How many of an annotator's own earlier images come back, per label.
    rule : str
        A key of :data:`RULES`: how several opinions become the label that trains.
    seniors : tuple of str
        Who decides where opinions differ.
    """

    annotators: tuple[str, ...] = ()
    split: bool = False
    double: float = 0.0
    per_image: int = 2
    blind: float = 0.0
    repeats: float = 0.0
    rule: str = "latest"
    seniors: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("annotators", "seniors"):
            names = tuple(tidy_name(str(name)) for name in getattr(self, field))
            object.__setattr__(self, field, tuple(dict.fromkeys(name for name in names if name)))
            for name in getattr(self, field):
                if len(name) > LONGEST_NAME:
                    raise FewshotLabError(
                        f"A name has at most {LONGEST_NAME} characters; “{name[:20]}…” has "
                        f"{len(name)}."
                    )
        for field, what in (
            ("double", "labelled by several"),
            ("blind", "labelled blind"),
            ("repeats", "repeated"),
        ):
            share = getattr(self, field)
            if not 0 <= share <= 1:
                raise FewshotLabError(
                    f"The share {what} must be from 0 to 100 %, not {100 * share:g} %."
                )
        if not 2 <= self.per_image <= 10:
            raise FewshotLabError("Between 2 and 10 annotators can label the same image.")
        if self.rule not in RULES:
            raise FewshotLabError(f"There is no rule “{self.rule}”; choose {', '.join(RULES)}.")
        if self.rule == "senior" and not self.seniors:
            raise FewshotLabError("The rule “senior” needs the name of a senior.")
        if self.split and len(self.annotators) < 2:
            raise FewshotLabError("To split the images, name at least two annotators.")
        if self.split and self.double and self.per_image > len(self.annotators):
            raise FewshotLabError(
                f"{self.per_image} annotators are to label the same image, but only "
                f"{len(self.annotators)} are named."
            )

    def to_json(self) -> str:
        """Return it as it is stored."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Team:
        """Return what was stored; what this version does not know is left out."""
        values = known_fields(cls, json.loads(text))
        for key in ("annotators", "seniors"):
            values[key] = tuple(values.get(key, ()))
        return cls(**values)

    def changes(self, before: Team) -> str:
        """Return in words what differs from an earlier agreement; "" where nothing does."""
        parts = []
        if self.rule != before.rule:
            parts.append(f"training label: {RULES[self.rule]}")
        if self.seniors != before.seniors:
            parts.append(f"seniors: {', '.join(self.seniors) or 'none'}")
        if self.annotators != before.annotators:
            parts.append(f"annotators: {', '.join(self.annotators) or 'anybody'}")
        if self.split != before.split:
            parts.append(
                "images split among annotators" if self.split else "all images for everyone"
            )
        if (self.double, self.per_image) != (before.double, before.per_image):
            parts.append(
                f"{_percent(self.double)} labelled by {self.per_image}"
                if self.double
                else "no image labelled by several on purpose"
            )
        if self.blind != before.blind:
            parts.append(
                f"{_percent(self.blind)} labelled blind" if self.blind else "nothing blind"
            )
        if self.repeats != before.repeats:
            parts.append(f"{_percent(self.repeats)} repeated" if self.repeats else "no repeats")
        return "; ".join(parts)


@dataclass(frozen=True)
class TeamChange:
    """An agreement, with who made it and when; it held from ``position`` of the log on."""

    position: int
    time: Any  # datetime
    annotator: str
    sentence: str
    team: Team


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
