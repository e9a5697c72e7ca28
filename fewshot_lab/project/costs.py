"""Which errors are worse than others, as a project's user says, and how often they happen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import by_cost, check_costs
from fewshot_lab.stats import Evidence, Interval, share_of_groups
from fewshot_lab.tables import read_rows

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder

SETTING = "error_costs"
MOST = 1000.0


@dataclass(frozen=True)
class ErrorCost:
    """One kind of error and how much worse it is than an ordinary one.

    Attributes
    ----------
    true, called : int
        Class ids: an image of the one is called the other.
    times : float
    """

    true: int
    called: int
    times: float


def error_costs(project: ProjectFolder) -> tuple[ErrorCost, ...]:
    """Return the errors that are not ordinary; of classes that are on the list still."""
    live = {row.id for row in project.store.classes()}
    stored = [ErrorCost(**each) for each in project.store.get(SETTING) or []]
    return tuple(each for each in stored if {each.true, each.called} <= live)


def set_error_costs(project: ProjectFolder, costs: Sequence[ErrorCost]) -> None:
    """Say which errors are worse than others; without any all are equal.

    Those of retired classes are kept for when they come back.

    Raises
    ------
    FewshotLabError
        For a number that is no cost, or an error that is none or is named twice.
    """
    names = {row.id: row.name for row in project.store.classes()}
    for each in costs:
        if each.true == each.called:
            name = names.get(each.true, str(each.true))
            raise FewshotLabError(
                f"Calling {name} {name} is not an error: name two different classes."
            )
        if not 0 < each.times <= MOST:
            raise FewshotLabError(
                f"{each.times:g} times worse is not a cost: give a number above 0 "
                f"and at most {MOST:g}."
            )
    if len({(each.true, each.called) for each in costs}) < len(costs):
        raise FewshotLabError("One error has two costs: give each once.")
    kept = [asdict(each) for each in costs if each.times != 1]
    stored = project.store.get(SETTING) or []
    gone = [each for each in stored if not {each["true"], each["called"]} <= names.keys()]
    project.store.set(SETTING, [*kept, *gone] or None)


def costs_of(project: ProjectFolder, class_ids: Sequence[int] | np.ndarray) -> np.ndarray | None:
    """Return the costs (K, K) among the classes of a classifier; None where all are equal."""
    place = {int(c): k for k, c in enumerate(class_ids)}
    costs = 1.0 - np.eye(len(place))
    for each in error_costs(project):
        if each.true in place and each.called in place:
            costs[place[each.true], place[each.called]] = each.times
    return None if (costs == 1.0 - np.eye(len(place))).all() else costs


def parse_cost(project: ProjectFolder, text: str) -> ErrorCost:
    """Read "blast>normal=20": to call a blast normal is 20 times worse than another error.

    Raises
    ------
    FewshotLabError
    """
    pair, equal, times = text.rpartition("=")
    true, above, called = pair.partition(">")
    if not equal or not above:
        raise FewshotLabError(
            f"{text!r} names no error: write it as TRUE>CALLED=TIMES, as in blast>normal=20."
        )
    return ErrorCost(class_id(project, true), class_id(project, called), _number(times))


def read_cost_table(project: ProjectFolder, path: Path) -> tuple[ErrorCost, ...]:
    """Read a table of costs: a CSV with the true class in rows, what it is called in columns.

    Raises
    ------
    FewshotLabError
        Where it has not one row and one column for each class.
    """
    rows = [[cell.strip() for cell in row] for _, row in read_rows(path)]
    if not rows:
        raise FewshotLabError(f"{path} is empty: give a row and a column for each class.")
    columns = [class_id(project, name) for name in rows[0][1:]]
    ids = [class_id(project, row[0]) for row in rows[1:]]
    classes = [row.id for row in project.store.classes()]
    if sorted(columns) != sorted(classes) or sorted(ids) != sorted(classes):
        raise FewshotLabError(
            f"The costs are a table of {len(ids)} x {len(columns)}, and there are {len(classes)} "
            "classes: give one row and one column for each class."
        )
    for row in rows[1:]:
        if len(row) != len(rows[0]):
            raise FewshotLabError(
                f"The row of {row[0]} has {len(row) - 1} costs, and there are {len(columns)} "
                "columns: give one cost for each."
            )
    table = np.array([[_number(cell or "0") for cell in row[1:]] for row in rows[1:]])
    order = [columns.index(i) for i in ids]
    check_costs(table[:, order], len(classes))
    return tuple(
        ErrorCost(i, j, float(table[a, b]))
        for a, i in enumerate(ids)
        for b, j in enumerate(columns)
        if i != j and table[a, b] != 1
    )


def class_id(project: ProjectFolder, name: str) -> int:
    """Return the id of a class by its name.

    Raises
    ------
    FewshotLabError
        Where there is none; those that exist are named.
    """
    id_of = {row.name.casefold(): row.id for row in project.store.classes()}
    matching_id = id_of.get(name.strip().casefold())
    if matching_id is None:
        known = ", ".join(row.name for row in project.store.classes())
        raise FewshotLabError(f"There is no class {name.strip()!r}; there are: {known or 'none'}.")
    return matching_id


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        why = f"{text.strip()!r} is not a number: write 20, or 7.5."
        raise FewshotLabError(why) from None


def cost_figures(
    project: ProjectFolder, evidence: Evidence, class_ids: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    """Return each error that is not ordinary, and how often it happens, as JSON.

    Returns
    -------
    dict
        ``errors`` with ``sentence``, ``rate`` (of the images of the true class) and ``without``
        (the same where all errors are equal); ``accuracy`` and ``accuracy_without``; ``evidence``.
        Without costs or images only ``reason``.
    """
    costs = costs_of(project, class_ids)
    if costs is None:
        return {"reason": "All errors count the same."}
    errors: list[dict[str, Any]] = []
    by_costs = by_cost(evidence, costs)
    for k, j in np.argwhere(~np.eye(len(costs), dtype=bool) & (costs != 1)):
        of_class = evidence.take(np.flatnonzero(evidence.y == k))
        rate, without = (
            share_of_groups(e.predicted == j, e.groups)
            for e in (by_cost(of_class, costs), of_class)
        )
        words = cost_words(names[k], names[j], float(costs[k, j]))
        errors.append(
            {
                "true": names[k],
                "called": names[j],
                "times": float(costs[k, j]),
                "says": words,
                "rate": asdict(rate),
                "without": asdict(without),
                "sentence": f"{words} {_happens(rate, without, names[k])}",
            }
        )
    return {
        "evidence": evidence.words,
        "errors": sorted(errors, key=lambda each: -each["times"]),
        "accuracy": asdict(share_of_groups(by_costs.right, evidence.groups)),
        "accuracy_without": asdict(share_of_groups(evidence.right, evidence.groups)),
        "decides": "Each image gets the class whose errors are expected to cost least, and errors "
        "count towards the error wanted as often as they cost.",
    }


def cost_words(true: str, called: str, times: float) -> str:
    """Say in words what an error costs."""
    if times < 1:
        return f"Calling {true} {called} counts {times:g} of another error."
    return f"Calling {true} {called} is {times:g} times worse than another error."


def _happens(rate: Interval, without: Interval, true: str) -> str:
    if not rate.n:
        return f"No image of {true} tells how often it happens."
    return (
        f"It happens in {100 * rate.value:.1f} % of them ({100 * rate.low:.1f}–"
        f"{100 * rate.high:.1f}, n = {rate.n:,}); were all errors equal, in "
        f"{100 * without.value:.1f} %."
    )
