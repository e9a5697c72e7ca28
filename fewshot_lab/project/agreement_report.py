"""Who labelled what, and how far they agree: one report over the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.evaluation import Pace, pace
from fewshot_lab.files import finite
from fewshot_lab.project.answers import UNUSABLE, Records, read
from fewshot_lab.project.prediction_effect import Effect, effect_of_predictions
from fewshot_lab.stats import Interval, cohen_kappa, fleiss_kappa, raw_agreement
from fewshot_lab.store import RULES, Label, Team, in_conflict

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore

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
    """Two annotators on the images that both labelled."""

    a: str
    b: str
    kappa: Interval
    agreement: Interval


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

    def cells(self, a: str | None = None, b: str | None = None) -> dict[tuple[int, int], list[str]]:
        """Return the images behind each cell of the disagreement matrix.

        Parameters
        ----------
        a, b : str, optional
            Rows are what ``a`` said, columns what ``b`` said. Without them every pair of labels
            of every image is counted, both ways round.
        """
        found: dict[tuple[int, int], list[str]] = {}
        for image_id, by in self.answers.items():
            if a is not None and b is not None:
                said = {(by[a], by[b])} if a in by and b in by else set()
            else:
                said = {(by[x], by[y]) for x in by for y in by if x != y}
            for cell in said:
                found.setdefault(cell, []).append(image_id)
        return found

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
        found = asdict(replace(self, answers={}, conflicts=()))
        del found["answers"]
        for person, each in zip(self.people, found["people"], strict=True):
            each["last"] = person.last.isoformat(timespec="seconds") if person.last else None
        found["categories"] = [
            {"id": value, "name": name} for value, name in self.categories.items()
        ]
        found["matrix"] = self.matrix().tolist()
        found["conflicts"] = [
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
        return dict(finite(found))


def people_report(project: ProjectCore) -> PeopleReport:
    """Return who labelled what in a project, and how far they agree."""
    store = project.store
    position = store.position()
    team, changes = store.team(), store.team_changes()
    events = store.events()
    records = read(events, store.class_targets())
    answers = {
        image_id: said
        for image_id, by in records.items()
        if len(
            said := {
                who: look.value
                for who, record in by.items()
                if (look := record.first) is not None and look.value is not None
            }
        )
        > 1
    }
    names = {row.id: row.name for row in store.classes(include_retired=True)}
    categories = {row.id: row.name for row in store.classes()}
    used = {value for by in answers.values() for value in by.values()}
    if UNUSABLE in used:
        categories[UNUSABLE] = "unusable"
    for value in sorted(used - categories.keys()):
        categories[value] = names.get(value, f"class {value}")
    group_of = _groups(project, list(records))
    people = _people(project, records, answers, group_of)
    counts, ids = _counts(answers, list(categories))
    groups = _keys(ids, group_of)
    raters = {who for by in answers.values() for who in by}
    kappa, kind = None, ""
    if len(raters) == 2:
        a, b = sorted(raters)
        kind = COHEN
        kappa = _pair(a, b, answers, group_of).kappa
    elif raters:
        kind = FLEISS if len(set(counts.sum(axis=1))) == 1 else GENERAL
        kappa = fleiss_kappa(counts, groups)
    everyone = {person.name: person.labels for person in people}
    pairs = [
        _pair(a, b, answers, group_of)
        for a, b in combinations(sorted(raters, key=lambda who: -everyone.get(who, 0)), 2)
    ]
    seen = sum(
        not look.apart and look.event.kind in ("class", "reject") and not look.event.machine
        for by in records.values()
        for record in by.values()
        for look in record.held
    )
    return PeopleReport(
        position=position,
        team=team,
        people=tuple(people),
        categories=categories,
        kappa=kappa,
        agreement=raw_agreement(counts, groups) if raters else None,
        kind=kind,
        pairs=tuple(pair for pair in pairs if pair.kappa.n),
        conflicts=tuple(conflicts(project)),
        images=len(answers),
        seen=seen,
        groups=None if groups is None else len(set(groups.tolist())),
        effect=effect_of_predictions(records, store.audit_ids(), changes, group_of),
        rule=RULES[team.rule],
        rule_since=_since(changes, team),
        answers=answers,
    )


def conflicts(project: ProjectCore) -> list[Conflict]:
    """Return the images that people label differently, those nobody has decided first."""
    store = project.store
    labels = store.labels()
    found = []
    for image_id, by in store.opinions().items():
        if len(by) < 2 or not in_conflict(by.values()):
            continue
        label = labels.get(image_id)
        decided = any(opinion.decided for opinion in by.values())
        found.append(Conflict(image_id, by, label, decided))
    return sorted(found, key=lambda c: (c.decided, c.label is not None, c.image_id))


def _people(
    project: ProjectCore,
    records: Records,
    answers: Mapping[str, Mapping[str, int]],
    group_of: Mapping[str, str] | None,
) -> list[Person]:
    store = project.store
    labels: dict[str, int] = {}
    for by in store.opinions().values():
        for who in by:
            labels[who] = labels.get(who, 0) + 1
    shared: dict[str, int] = {}
    for answered in answers.values():
        for who in answered:
            shared[who] = shared.get(who, 0) + 1
    events = [x.event for by in records.values() for r in by.values() for x in r.looks]
    events.sort(key=lambda event: event.id)
    people = []
    for name in {*labels, *(event.annotator for event in events)}:
        ids, first, second = _twice(records, name)
        groups = _keys(ids, group_of)
        own = np.array(first), np.array(second)
        last = max((e.time for e in events if e.annotator == name), default=None)
        people.append(
            Person(
                name=name,
                labels=labels.get(name, 0),
                shared=shared.get(name, 0),
                pace=pace(events, name),
                last=last,
                repeats=len(ids),
                self_kappa=cohen_kappa(*own, groups) if ids else None,
                self_agreement=raw_agreement(_two(*own), groups) if ids else None,
            )
        )
    return sorted(people, key=lambda person: (-person.labels, person.name.casefold()))


def _twice(records: Records, who: str) -> tuple[list[str], list[int], list[int]]:
    """Return the images somebody labelled twice without knowing, and both answers."""
    ids, first, second = [], [], []
    for image_id, by in records.items():
        record = by.get(who)
        if record is None:
            continue
        by_id = {look.event.id: look for look in record.looks}
        for look in record.held:
            if look.event.repeats is None or look.value is None:
                continue
            before = by_id.get(look.event.repeats)
            if before is None or before.value is None:
                continue
            ids.append(image_id)
            first.append(before.value)
            second.append(look.value)
            break
    return ids, first, second


def _two(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    values, code = np.unique(np.concatenate([first, second]), return_inverse=True)
    one = np.eye(len(values))
    return one[code[: len(first)]] + one[code[len(first) :]]


def _pair(
    a: str,
    b: str,
    answers: Mapping[str, Mapping[str, int]],
    group_of: Mapping[str, str] | None,
) -> Pair:
    ids = [image_id for image_id, by in answers.items() if a in by and b in by]
    first = np.array([answers[i][a] for i in ids], dtype=np.int64)
    second = np.array([answers[i][b] for i in ids], dtype=np.int64)
    groups = _keys(ids, group_of)
    agreement = raw_agreement(_two(first, second), groups)
    return Pair(a, b, cohen_kappa(first, second, groups), agreement)


def _counts(
    answers: Mapping[str, Mapping[str, int]], values: list[int]
) -> tuple[np.ndarray, list[str]]:
    place = {value: at for at, value in enumerate(values)}
    counts = np.zeros((len(answers), len(values)))
    for row, by in enumerate(answers.values()):
        for value in by.values():
            counts[row, place[value]] += 1
    return counts, list(answers)


def _groups(project: ProjectCore, ids: list[str]) -> dict[str, str] | None:
    found = project.splits.groups_of(ids) if ids else None
    if found is None:
        return None
    return dict(zip(ids, found.astype(str).tolist(), strict=True))


def _keys(ids: list[str], group_of: Mapping[str, str] | None) -> np.ndarray | None:
    if group_of is None:
        return None
    return np.array([group_of[i] for i in ids], dtype=object)


def _value(label: Label) -> int:
    return UNUSABLE if label.class_id is None else label.class_id


def _since(changes: list[Any], team: Team) -> str:
    found = None
    for change in changes:
        if change.team.rule != team.rule or change.team.seniors != team.seniors:
            break
        found = change
    if found is None:
        return ""
    return f"{found.annotator}, {found.time.astimezone():%Y-%m-%d %H:%M}"
