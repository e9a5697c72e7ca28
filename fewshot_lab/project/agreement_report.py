"""Who labelled what, and how far they agree: one report over the log."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import combinations
from typing import Any

import numpy as np

from fewshot_lab.evaluation import Pace
from fewshot_lab.files import finite
from fewshot_lab.project.answers import UNUSABLE
from fewshot_lab.project.prediction_effect import Effect
from fewshot_lab.stats import Interval
from fewshot_lab.store import Label, Team

COHEN = "Cohen's kappa"
FLEISS = "Fleiss' kappa"
GENERAL = "Fleiss' kappa, generalised to unequal numbers of labels (Gwet)"
FEWEST = 5
"""Images below which a kappa is not worth its digits."""


@dataclass(frozen=True)
class Person:
    """One annotator's share of the work.

    Attributes
    ----------
    labels : int
        Images that carry an opinion of theirs now.
    shared : int
        Of those, images that somebody else labelled, too, each without sight of the other's.
    repeats : int
        Images they labelled twice without knowing.
    self_kappa, self_agreement : Interval or None
        Of the two looks; None where nothing was repeated.
    """

    name: str
    labels: int
    shared: int
    pace: Pace | None
    last: datetime | None
    repeats: int
    self_kappa: Interval | None
    self_agreement: Interval | None


@dataclass(frozen=True)
class Pair:
    """Two annotators on the images that both labelled.

    ``weighted`` is their quadratic-weighted kappa where classes are grades.
    """

    a: str
    b: str
    kappa: Interval
    agreement: Interval
    weighted: Interval | None = None


@dataclass(frozen=True)
class Conflict:
    """An image that people label differently.

    Attributes
    ----------
    opinions : dict
        From annotator to opinion.
    label : Label or None
        What it counts as by the rule; None where the rule leaves it open.
    decided : bool
        Whether a senior has settled it.
    """

    image_id: str
    opinions: dict[str, Label]
    label: Label | None
    decided: bool


@dataclass(frozen=True)
class PeopleReport:
    """Everything the People view shows.

    Attributes
    ----------
    position : int
        Of the log.
    people : tuple of Person
        The most labels first.
    categories : dict
        From what could be said (class id, -1 for unusable) to its name.
    kappa, agreement : Interval or None
        Of all annotators; None without an image that two labelled independently.
    kind : str
        Which kappa it is.
    weighted : Interval or None
        Quadratic-weighted kappa of all annotators, on what they gave a grade; None where classes
        are no grades, or no image has two.
    pairs : tuple of Pair
    conflicts : tuple of Conflict
        Those without a decision first, and of them those that the rule leaves open.
    seen : int
        Labels left out of all agreement, because somebody else's was in sight.
    groups : int or None
        Over how many groups the images with two labels are spread; None where all stand alone.
    effect : Effect
    rule : str
        How opinions become the label that trains, in words.
    rule_since : str
        Who chose it and when, "" for the rule of a new project.
    """

    position: int
    team: Team
    people: tuple[Person, ...]
    categories: dict[int, str]
    kappa: Interval | None
    agreement: Interval | None
    kind: str
    pairs: tuple[Pair, ...]
    conflicts: tuple[Conflict, ...]
    images: int
    seen: int
    groups: int | None
    effect: Effect
    rule: str
    rule_since: str
    answers: Mapping[str, Mapping[str, int]] = field(repr=False, default_factory=dict)
    weighted: Interval | None = None

    def cells(self, a: str | None = None, b: str | None = None) -> dict[tuple[int, int], list[str]]:
        """Return the images behind each cell of the disagreement matrix.

        Parameters
        ----------
        a, b : str, optional
            Rows are what ``a`` said, columns what ``b`` said. Without them every pair of labels
            of every image is counted, both ways round.
        """
        images_by_cell: dict[tuple[int, int], list[str]] = {}
        for image_id, by in self.answers.items():
            if a is not None and b is not None:
                cells_of_image = {(by[a], by[b])} if a in by and b in by else set()
            else:
                cells_of_image = {(by[x], by[y]) for x in by for y in by if x != y}
            for cell in cells_of_image:
                images_by_cell.setdefault(cell, []).append(image_id)
        return images_by_cell

    def matrix(self, a: str | None = None, b: str | None = None) -> np.ndarray:
        """Return the disagreement matrix as counts (K, K), in the order of ``categories``.

        Of two annotators their images; of all, pairs of labels, those that differ on either side
        of the diagonal.
        """
        place = {value: at for at, value in enumerate(self.categories)}
        counts = np.zeros((len(place), len(place)), np.int64)
        for by in self.answers.values():
            pairs = [(a, b)] if a is not None and b is not None else combinations(sorted(by), 2)
            for x, y in pairs:
                if x not in by or y not in by:
                    continue
                i, j = place[by[x]], place[by[y]]
                counts[i, j] += 1
                if a is None and i != j:
                    counts[j, i] += 1
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can say it."""
        report = asdict(replace(self, answers={}, conflicts=()))
        del report["answers"]
        for person, each in zip(self.people, report["people"], strict=True):
            each["last"] = person.last.isoformat(timespec="seconds") if person.last else None
        report["categories"] = [
            {"id": value, "name": name} for value, name in self.categories.items()
        ]
        report["matrix"] = self.matrix().tolist()
        report["conflicts"] = [
            {
                "image": each.image_id,
                "opinions": {
                    who: self.categories.get(_value(o), o.kind) for who, o in each.opinions.items()
                },
                "label": each.label and self.categories.get(_value(each.label), each.label.kind),
                "decided": each.decided,
            }
            for each in self.conflicts
        ]
        return dict(finite(report))


def _value(label: Label) -> int:
    return UNUSABLE if label.class_id is None else label.class_id
