"""Predictions as a table, a row for each picture; predict.py carries this text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.predict_classifier import Prediction
from fewshot_lab.whole_files import writing_table

RULE_COLUMNS = ("decision", "prediction_set", "unlike", "similarity", "why")
"""Columns for what follows from a probability: "decided" or "referred"; classes, joined by "|";
"yes" or "no"; the cosine to the labelled images; why it is referred."""


def header(names: list[str]) -> list[str]:
    """Return the columns of a table of predictions."""
    return ["path", "predicted", "probability", *(f"p_{name}" for name in names), *RULE_COLUMNS]


def rule_cells(
    decided: bool | None,
    classes: tuple[str, ...] | None,
    unlike: bool | None,
    similarity: float | None,
    why: str,
) -> list[str]:
    """Return the cells of :data:`RULE_COLUMNS`; empty where there is no rule."""
    return [
        "" if decided is None else "decided" if decided else "referred",
        "" if classes is None else "|".join(classes),
        "" if unlike is None else "yes" if unlike else "no",
        "" if similarity is None else f"{similarity:.4f}",
        why,
    ]


def write_predictions(
    rows: Iterable[Prediction],
    names: list[str],
    out: str | Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, list[tuple[str, str]]]:
    """Write predictions as CSV, and what could not be read beside it as ``NAME.errors.csv``.

    Parameters
    ----------
    rows : iterable of Prediction
    names : list of str
        The classes, in the order of the probabilities.
    out : path
        The columns are path, predicted, probability, one ``p_`` column per class, then
        :data:`RULE_COLUMNS`, empty without a rule. Nothing is there before the last row is written.

    Returns
    -------
    int, list of (path, reason)
        How many pictures have a prediction, and those that have none.

    Raises
    ------
    FewshotLabError
        Where ``out`` is a folder, or lies in none.
    """
    out = Path(out)
    if out.is_dir():  # said before any picture is looked at
        raise FewshotLabError(f"{out} is a folder: name the CSV to write.")
    if not out.absolute().parent.is_dir():
        raise FewshotLabError(f"The folder {out.absolute().parent} does not exist.")
    errors: list[tuple[str, str]] = []
    count = 0
    with writing_table(out, header(names)) as write:
        for row in rows:
            if row.probabilities is None:
                errors.append((row.path, row.reason))
            else:
                count += 1
                values = (f"{value:.6f}" for value in row.probabilities)
                head = [row.path, row.predicted, f"{row.probability:.6f}"]
                rule = rule_cells(row.decided, row.classes, row.unlike, row.similarity, row.why)
                write([*head, *values, *rule])
            if progress is not None:
                progress(count + len(errors))
    listed = out.with_name(f"{out.stem}.errors.csv")
    if errors:
        with writing_table(listed, ["path", "reason"]) as write:
            for error in errors:
                write(error)
    else:
        listed.unlink(missing_ok=True)  # from an earlier run
    return count, errors
