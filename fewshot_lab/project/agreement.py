"""Who labelled what, and how far they agree: computed from the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations, takewhile
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.evaluation import pace
from fewshot_lab.project.answers import UNUSABLE, Records, read
from fewshot_lab.project.grades import grades_of
from fewshot_lab.project.prediction_effect import effect_of_predictions
from fewshot_lab.stats import (
    Interval,
    cohen_kappa,
    fleiss_kappa,
    quadratic_agreement,
    quadratic_kappa,
    raw_agreement,
)
from fewshot_lab.store import RULES, Team, in_conflict

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore
from fewshot_lab.project.agreement_report import (
    COHEN,
    FLEISS,
    GENERAL,
    Conflict,
    Pair,
    PeopleReport,
    Person,
)


def people_report(project: ProjectCore) -> PeopleReport:
    """Return who labelled what in a project, and how far they agree."""
    store = project.store
    position = store.position()
    team, changes = store.team(), store.team_changes()
    events = store.events()
    records = read(events, store.class_targets())
    answers = {
        image_id: independent
        for image_id, by in records.items()
        if len(
            independent := {
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
    counts = _counts(answers, list(categories))
    groups = _keys(list(answers), group_of)
    raters = {who for by in answers.values() for who in by}
    order = grades_of(project)
    kappa, kind = None, ""
    if len(raters) == 2:
        a, b = sorted(raters)
        kind = COHEN
        kappa = _pair(a, b, answers, group_of, order).kappa
    elif raters:
        kind = FLEISS if len(set(counts.sum(axis=1))) == 1 else GENERAL
        kappa = fleiss_kappa(counts, groups)
    everyone = {person.name: person.labels for person in people}
    pairs = [
        _pair(a, b, answers, group_of, order)
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
        weighted=_weighted(answers, order, group_of),
    )


def conflicts(project: ProjectCore) -> list[Conflict]:
    """Return the images that people label differently, those nobody has decided first."""
    store = project.store
    labels = store.labels()
    disputed = []
    for image_id, by in store.opinions().items():
        if len(by) < 2 or not in_conflict(by.values()):
            continue
        label = labels.get(image_id)
        decided = any(opinion.decided for opinion in by.values())
        disputed.append(Conflict(image_id, by, label, decided))
    return sorted(disputed, key=lambda c: (c.decided, c.label is not None, c.image_id))


def _people(
    project: ProjectCore,
    records: Records,
    answers: Mapping[str, Mapping[str, int]],
    group_of: Mapping[str, str] | None,
) -> list[Person]:
    store = project.store
    labels = Counter(who for by in store.opinions().values() for who in by)
    shared = Counter(who for answered in answers.values() for who in answered)
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
    order: Sequence[int],
) -> Pair:
    ids = [image_id for image_id, by in answers.items() if a in by and b in by]
    first = np.array([answers[i][a] for i in ids], dtype=np.int64)
    second = np.array([answers[i][b] for i in ids], dtype=np.int64)
    groups = _keys(ids, group_of)
    agreement = raw_agreement(_two(first, second), groups)
    both = {i: {a: answers[i][a], b: answers[i][b]} for i in ids}
    weighted = _weighted(both, order, group_of)
    return Pair(a, b, cohen_kappa(first, second, groups), agreement, weighted)


def _weighted(
    answers: Mapping[str, Mapping[str, int]],
    order: Sequence[int],
    group_of: Mapping[str, str] | None,
) -> Interval | None:
    """Return the quadratic-weighted kappa of what was given a grade; None without any.

    Of two annotators it is Cohen's, of more Fleiss' with weights, as the unweighted ones are.
    """
    place = {value: grade for grade, value in enumerate(order)}
    graded = {i: {w: place[v] for w, v in by.items() if v in place} for i, by in answers.items()}
    graded = {i: by for i, by in graded.items() if len(by) > 1}
    if not graded:
        return None
    groups = _keys(list(graded), group_of)
    raters = sorted({who for by in graded.values() for who in by})
    if len(raters) == 2:
        first, second = (np.array([by[who] for by in graded.values()]) for who in raters)
        return quadratic_kappa(first, second, len(order), groups)
    return quadratic_agreement(_counts(graded, range(len(order))), groups)


def _counts(answers: Mapping[str, Mapping[str, int]], values: Sequence[int]) -> np.ndarray:
    place = {value: at for at, value in enumerate(values)}
    counts = np.zeros((len(answers), len(values)))
    for row, by in enumerate(answers.values()):
        for value in by.values():
            counts[row, place[value]] += 1
    return counts


def _groups(project: ProjectCore, ids: list[str]) -> dict[str, str] | None:
    groups = project.splits.groups_of(ids) if ids else None
    if groups is None:
        return None
    return dict(zip(ids, groups.astype(str).tolist(), strict=True))


def _keys(ids: list[str], group_of: Mapping[str, str] | None) -> np.ndarray | None:
    if group_of is None:
        return None
    return np.array([group_of[i] for i in ids], dtype=object)


def _since(changes: list[Any], team: Team) -> str:
    rule = (team.rule, team.seniors)
    since = list(takewhile(lambda c: (c.team.rule, c.team.seniors) == rule, changes))
    return f"{since[-1].annotator}, {since[-1].time.astimezone():%Y-%m-%d %H:%M}" if since else ""
