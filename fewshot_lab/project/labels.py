"""What people say of a project's images, by the names of classes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.base import ProjectFolder
from fewshot_lab.project.label_csv import (
    MARKS,
    PATH_AND_LABEL,
    CsvPreview,
    label_key,
    preview_rows,
)
from fewshot_lab.store import LabelAction, tidy_name
from fewshot_lab.tables import read_columns
from fewshot_lab.words import first_few


class CsvLabels(NamedTuple):
    """Result of labelling from a file.

    Attributes
    ----------
    labelled : int
        Images that were labelled.
    unmatched : list of str
        Paths that are not in the project.
    respelt : dict
        Labels taken for a class of another spelling (``{"t": "T"}``): names that differ only in
        case are the same class.
    """

    labelled: int
    unmatched: list[str]
    respelt: dict[str, str]

    @property
    def sentence(self) -> str:
        """Which labels were taken for which class; empty if all are spelled as their class."""
        if not self.respelt:
            return ""
        pairs = ", ".join(f"“{label}” as “{name}”" for label, name in self.respelt.items())
        return f"Taken as one class, because only upper and lower case differ: {pairs}."


class Labels:
    """Labels given by a script, the terminal or a CSV file."""

    def __init__(self, project: ProjectFolder) -> None:
        self._project = project
        self._store = project.store

    def add(self, labels: Mapping[str, str | None], annotator: str, *, view: str = "script") -> int:
        """Label images by path or id; classes that do not exist yet are added.

        Parameters
        ----------
        labels : mapping
            From a path or an id to a class name, "unsure", "reject", or None (clears).
        annotator : str
        view : str
            Where the label was given, for the log.

        Returns
        -------
        int
            The number of images labelled.

        Raises
        ------
        FewshotLabError
            A path is unknown or ambiguous, or a label cannot be a class. Nothing is stored then.
        """
        store = self._store
        id_of = store.find_many(list(labels))
        unknown = [key for key in labels if key not in id_of]
        if unknown:
            raise FewshotLabError(
                f"{len(unknown)} of {len(labels)} images are not in {self._project.name!r}: "
                f"{first_few(unknown)}"
            )
        for key, name in labels.items():
            if name is not None and not isinstance(name, str):
                raise FewshotLabError(
                    f"The label of {key} is {name!r}: give the name of a class, or None to clear."
                )
        ids: dict[str, int | str] = {word: word for word in MARKS}
        ids |= {label_key(row.name): row.id for row in store.classes()}
        named: dict[str, str] = {}  # as the first writes it
        for name in labels.values():
            if name is not None:
                named.setdefault(label_key(name), name)
        new = [key for key in named if key not in ids]
        added = store.add_classes([named[key] for key in new], annotator=annotator)
        ids |= dict(zip(new, added, strict=True))
        class_of = {
            id_of[key]: "clear" if name is None else ids[label_key(name)]
            for key, name in labels.items()
        }
        if class_of:
            # One action, so that one undo takes all of it back.
            store.record(
                LabelAction(
                    client=f"{view}-{uuid4().hex}",
                    q=0,
                    annotator=annotator,
                    kind="class",
                    class_id=None,
                    image_ids=list(class_of),
                    view=view,
                    class_of=class_of,
                )
            )
        return len(class_of)

    def add_csv(
        self, csv_path: Path | str, annotator: str, *, columns: tuple[str, str] = PATH_AND_LABEL
    ) -> CsvLabels:
        """Label from a CSV with the columns ``path`` and ``label``, or usual names for them.

        Raises
        ------
        FewshotLabError
            The file cannot be read, is empty, lacks a column, or gives an image two labels.
            Nothing is stored then.
        """
        return self._take({annotator: self.preview_csv(csv_path, annotator, columns=columns)})

    def add_rows(self, rows: Mapping[str, Sequence[tuple[str, str]]], source: str) -> CsvLabels:
        """Label by rows of (path, label) of each annotator; ``source`` names their file.

        Raises
        ------
        FewshotLabError
            As :meth:`add_csv`.
        """
        return self._take(self.preview_rows(rows, source))

    def preview_rows(
        self, rows: Mapping[str, Sequence[tuple[str, str]]], source: str
    ) -> dict[str, CsvPreview]:
        """Return what :meth:`add_rows` would do for each annotator; nothing is stored."""
        return {who: preview_rows(self._store, source, each, who) for who, each in rows.items()}

    def _take(self, previews: Mapping[str, CsvPreview]) -> CsvLabels:
        """Store what annotators say, or, where one of them says what cannot be, nothing."""
        for each in previews.values():
            if each.problem:
                raise FewshotLabError(each.problem)
        new: dict[str, str] = {}
        for each in previews.values():
            for name in each.new_classes:
                new.setdefault(label_key(name), name)
        # All classes come before the first label: a name that cannot be one stops everything.
        self._store.add_classes(list(new.values()), annotator=next(iter(previews), ""))
        labelled = sum(self.add(each.labels, who, view="import") for who, each in previews.items())
        unmatched = dict.fromkeys(path for each in previews.values() for path in each.unmatched)
        labels = [label for each in previews.values() for label in each.labels.values()]
        return CsvLabels(labelled, list(unmatched), self._respelt(labels))

    def preview_csv(
        self, csv_path: Path | str, annotator: str, *, columns: tuple[str, str] = PATH_AND_LABEL
    ) -> CsvPreview:
        """Return what :meth:`add_csv` would do; nothing is stored.

        Raises
        ------
        FewshotLabError
            Where the file cannot be read, is empty or lacks a column.
        """
        path, (of_path, of_label) = Path(csv_path), columns
        rows = [(row[of_path], row[of_label]) for _, row in read_columns(path, columns)]
        if not rows:
            raise FewshotLabError(f"{path.name} has no row below its first line.")
        return preview_rows(self._store, path.name, rows, annotator)

    def _respelt(self, labels: Iterable[str | None]) -> dict[str, str]:
        """Return the class of each label that is spelled otherwise, such as "T" for "t"."""
        name_of = {label_key(row.name): row.name for row in self._store.classes()}
        names = {name: name_of.get(label_key(name), name) for label in labels if (name := label)}
        return {name: to for name, to in names.items() if tidy_name(name) != to}
