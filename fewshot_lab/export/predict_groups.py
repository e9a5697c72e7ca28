"""One row for each patient beside one for each picture; predict.py carries this text.

The patient of a picture is told by its path, or by a column of a CSV.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.decisions import Decision
from fewshot_lab.evaluation.group_answers import GroupAnswers
from fewshot_lab.tables import plain_path, read_columns, read_rows
from fewshot_lab.whole_files import writing_table
from fewshot_lab.words import plural

FindGroup = Callable[[str], Optional[str]]  # noqa: UP045 (predict.py runs on Python 3.9)


def group_finder(
    pattern: str | None = None, column: str | None = None, manifest: Path | None = None
) -> FindGroup | None:
    """Return what tells the patient of a picture by its path; None where nothing was asked for.

    Parameters
    ----------
    pattern : str, optional
        A regular expression; its first bracketed part is the patient, or all that it matches.
    column : str, optional
        A column of ``manifest``.
    manifest : path, optional
        A CSV with a column path, by this name or another usual one.

    Raises
    ------
    FewshotLabError
        Where both are asked for, or what was given cannot be read.
    """
    if pattern is not None and column is not None:
        raise FewshotLabError("Give one of --group-pattern and --group-column.")
    if pattern is not None:
        return _by_pattern(pattern)
    if column is None:
        return None
    if manifest is None:
        raise FewshotLabError("--group-column needs --manifest: a CSV with the paths and a column.")
    groups = _by_column(column, manifest)

    def find(path: str) -> str | None:
        # The pages of a TIFF are told apart by "#0", which a manifest does not know.
        return groups.get(path) or groups.get(path.rpartition("#")[0]) or None

    return find


def _by_pattern(pattern: str) -> FindGroup:
    if not pattern:
        raise FewshotLabError("Give an expression that finds the group in a file's path.")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise FewshotLabError(f"The expression {pattern!r} cannot be read: {error}.") from None

    def find(path: str) -> str | None:
        match = compiled.search(path)
        return None if match is None else (match[1] if compiled.groups else match[0]) or None

    return find


def _by_column(column: str, manifest: Path) -> dict[str, str]:
    header = [cell.strip() for _, row in read_rows(manifest)[:1] for cell in row]
    if column not in header:
        raise FewshotLabError(
            f"{manifest.name} has no column {column}; there are: {', '.join(header) or 'none'}."
        )
    rows = read_columns(manifest, ("path", column))
    return {plain_path(row["path"]): row[column] for _, row in rows}


class GroupTally:
    """Collects predictions by patient while they pass.

    Parameters
    ----------
    find : callable
        Returns the patient of a path, None where it has none.
    names : list of str
        The classes, in the order of the probabilities.
    decision : Decision or None
        The bundle's rule; where it has none for patients, the mean of the log-odds.

    Attributes
    ----------
    answers : GroupAnswers
    without : int
        Pictures that belong to no patient.
    """

    def __init__(self, find: FindGroup, names: list[str], decision: Decision | None) -> None:
        self._find = find
        self._names = names
        self._costs = None if decision is None else decision.costs
        stored = None if decision is None else decision.groups
        self.measured = stored is not None
        self.answers = stored or GroupAnswers.of(None, len(names))
        self._seen: dict[str, list[Any]] = {}
        self.without = 0

    def watch(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield predictions as they come."""
        for row in rows:
            self.add(row.path, row.probabilities, row.decided, row.unlike)
            yield row

    def add(
        self,
        path: str,
        probabilities: np.ndarray | None,
        decided: bool | None = None,
        unlike: bool | None = None,
    ) -> None:
        """Take in one picture; one that could not be read is counted with its patient."""
        group = self._find(path)
        if group is None:
            self.without += 1
            return
        self._seen.setdefault(group, []).append((probabilities, decided is False, bool(unlike)))

    @property
    def count(self) -> int:
        """How many patients there are."""
        return len(self._seen)

    def header(self) -> list[str]:
        """Return the columns of the table of patients."""
        scores = [f"score_{name}" for name in self._names]
        counts = ["images", "unreadable", "referred", "unlike"]
        return [self.answers.noun, "predicted", "rule", *scores, *counts]

    def rows(self) -> list[list[str]]:
        """Return a row for each patient: class, scores (adding up to 1), counts of its images."""
        out = []
        for group, images in self._seen.items():
            seen = [p for p, _, _ in images if p is not None]
            name, scores = "", [""] * len(self._names)
            if seen:
                best, values = self.answers.answer(np.stack(seen), self._costs)
                name, scores = self._names[best], [f"{value:.6f}" for value in values]
            counts = (
                len(seen),
                len(images) - len(seen),
                sum(referred for _, referred, _ in images),
                sum(unlike for _, _, unlike in images),
            )
            out.append([group, name, self.answers.rule, *scores, *map(str, counts)])
        return out

    def write(self, out: Path) -> int:
        """Write the table of patients as CSV; return how many there are.

        Raises
        ------
        FewshotLabError
            Where no picture belongs to a patient.
        """
        if not self._seen:
            raise FewshotLabError(
                f"No picture was matched to a {self.answers.noun}: paths must be as in the column "
                "path of the predictions, which were written."
            )
        with writing_table(out, self.header()) as write:
            for row in self.rows():
                write(row)
        return len(self._seen)

    def sentence(self, out: Path) -> str:
        """Say what was written, and what could not be."""
        noun = self.answers.noun
        words = f"{plural(len(self._seen), noun)}: {out}."
        if self.without:
            one = self.without == 1
            words += f" {self.without:,} picture{' belongs' if one else 's belong'} to none."
        if not self.measured:
            words += " The bundle has no rule for them: the mean of the log-odds, not measured."
        return words


def groups_file(out: Path, chosen: Path | None = None) -> Path:
    """Return where the table of patients goes: beside that of pictures unless chosen.

    Raises
    ------
    FewshotLabError
        For a folder, a place in none, or the table of pictures itself.
    """
    chosen = chosen or out.with_name(f"{out.stem}.groups.csv")
    if chosen.is_dir():
        raise FewshotLabError(f"{chosen} is a folder: name the CSV of patients to write.")
    if not chosen.absolute().parent.is_dir():
        raise FewshotLabError(f"The folder {chosen.absolute().parent} does not exist.")
    if chosen.absolute() == out.absolute():
        raise FewshotLabError(
            f"{chosen} is the table of pictures: give the table of patients another name."
        )
    return chosen
