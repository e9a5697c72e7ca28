"""Columns that may be what a classifier goes by: site, scanner, stain, batch, age, sex."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    LabelledImages,
    check_folds,
    confounding,
    confounding_report,
    unmeasured,
)
from fewshot_lab.project.costs import costs_of
from fewshot_lab.project.probabilities import class_names

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore

SETTING = "confounders"
MOST = 20
"""Different values; of more, each has too few images."""
FEW_NUMBERS = 6
"""Numbers up to which each stands for itself, as a batch does; more are put in bands."""
BANDS = 4
AGES = (20, 40, 60, 80)


def confounders_of(project: ProjectCore) -> list[str]:
    """Return the columns that were named, as far as images still have them."""
    named = project.store.get(SETTING) or []
    columns = project.store.columns() if named else []
    return [each for each in named if each in columns]


def set_confounders(project: ProjectCore, columns: Sequence[str]) -> None:
    """Name the columns that a classifier is suspected to go by; none takes them back.

    Raises
    ------
    FewshotLabError
        For a column that no image has, or that has one value, or very many.
    """
    columns = list(dict.fromkeys(columns))
    for column in columns:
        _, names = confounder_values(project, column, project.store.ids())
        if len(names) < 2:
            have = f"the same value, {names[0]}" if names else "no value"
            raise FewshotLabError(
                f"All images with a {column} have {have}: with one {column} alone nothing can be "
                "compared."
            )
    project.store.set(SETTING, columns)


def confounder_values(
    project: ProjectCore, column: str, ids: Sequence[str]
) -> tuple[NDArray[np.int64], list[str]]:
    """Return the value of each image (n,), -1 where it has none, and the values' names.

    Many numbers are put in bands: ages by twenty years, others by quarters of the images.

    Raises
    ------
    FewshotLabError
        For a column that no image has, or one with many values that are no numbers.
    """
    columns = project.store.columns()
    if column not in columns:
        choice = f"there are: {', '.join(columns)}" if columns else "the images have none"
        raise FewshotLabError(f"No image has a column {column!r}; {choice}.")
    stored = {i: text for i, v in project.store.column(column).items() if (text := _text(v))}
    different = sorted(set(stored.values()))
    numbers = {text: _number(text) for text in different}
    if len(different) > FEW_NUMBERS and all(n is not None for n in numbers.values()):
        of_number, names = _bands(column, np.array([numbers[t] for t in stored.values()]))
        place = {text: of_number(float(numbers[text] or 0)) for text in different}
    elif len(different) > MOST:
        raise FewshotLabError(
            f"The column {column!r} has {len(different):,} different values: it takes few values "
            f"with many images each, at most {MOST}, or numbers."
        )
    else:
        names = different
        place = {text: k for k, text in enumerate(names)}
    return np.array([place[stored[i]] if i in stored else -1 for i in ids], np.int64), names


def _text(value: object) -> str:
    text = str(value).strip()
    if text.casefold() in ("", "nan", "none", "null", "na", "n/a"):
        return ""
    return text.removesuffix(".0") if isinstance(value, float) else text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _bands(column: str, numbers: NDArray[np.float64]) -> tuple[Callable[[float], int], list[str]]:
    """Return which band a number is in, and the bands' names."""
    if re.search(r"(^|[^a-z])age($|[^a-z])", column.casefold()) and numbers.max() < 130:
        edges: Sequence[float] = AGES
        names = ["under 20", "20 to 39", "40 to 59", "60 to 79", "80 and over"]
    else:
        quarters = np.quantile(numbers, np.arange(1, BANDS) / BANDS, method="closest_observation")
        edges = sorted(set(quarters.tolist()) - {numbers.min()})
        inner = [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
        names = [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]
    band_numbers = np.unique(np.searchsorted(edges, numbers, side="right"))
    place = {int(band): k for k, band in enumerate(band_numbers)}
    return (
        lambda number: place[int(np.searchsorted(edges, number, side="right"))],
        [names[band] for band in band_numbers],
    )


def confounding_of(
    project: ProjectCore,
    fitted: Fitted,
    training_ids: Sequence[str],
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Return what each suspected confounder has to do with a classifier.

    Parameters
    ----------
    project : ProjectCore
    fitted : Fitted
    training_ids : sequence of str
        What it was fitted on, in order.
    columns : sequence of str, optional
        Those that the project names, if not given.

    Returns
    -------
    list of dict
        As :func:`fewshot_lab.evaluation.confounding_report` makes them.
    """
    named_by_caller = columns is not None
    columns = confounders_of(project) if columns is None else columns
    if not columns:
        return []
    splits, embeddings = project.splits, project.require_embeddings()
    left = fitted.out_of_fold
    groups = splits.groups_of(training_ids)
    noun, pairs = splits.rule.noun, splits.apart_pairs(training_ids)
    _, leaking = check_folds(groups, left.folds, training_ids, noun=noun, pairs=pairs)
    seen = np.flatnonzero(~np.isnan(left.probabilities[0, :, 0]) & ~leaking)
    ids = [training_ids[k] for k in seen.tolist()]
    finals = embeddings.parts.finals.dimensions
    names = class_names(project, fitted.class_ids)
    reports = []
    for column in columns:
        try:
            value, values = confounder_values(project, column, ids)
        except FewshotLabError as error:
            if named_by_caller:
                raise
            reports.append(unmeasured(column, str(error)))
            continue
        images = LabelledImages(
            embeddings.rows(ids),
            embeddings.matrix(ids)[:, :finals],
            left.y[seen],
            left.probabilities[0, seen],
            left.groups[seen],
            value,
        )
        result = confounding(
            images,
            fitted.pool_read(project.pool),
            column,
            values,
            noun=noun if groups is not None else "image",
            columns=len(columns),
            name=fitted.name,
            parameters=fitted.parameters,
            costs=costs_of(project, fitted.class_ids),
        )
        reports.append(confounding_report(result, names))
    return reports
