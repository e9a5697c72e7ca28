"""Labels and opinions as rows of a CSV."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from fewshot_lab.store.audit_rows import drawn_for_audit
from fewshot_lab.store.class_states import class_states
from fewshot_lab.store.current_labels import labels_at, opinions_at
from fewshot_lab.store.database import Database
from fewshot_lab.store.label_rows import Label
from fewshot_lab.store.queries import position_at
from fewshot_lab.store.schema import files, images


class LabelTables:
    """The part of the store that writes labels out."""

    _database: Database

    def export_labels(
        self, at: int | datetime | None = None, *, include_unlabelled: bool = False
    ) -> list[dict[str, Any]]:
        """Return one row per file of each labelled image, for a CSV.

        Parameters
        ----------
        at : int or datetime, optional
            A past moment: its labels, with the class names and merges of then.
        include_unlabelled : bool
            Also the files of images without a label, theirs empty.

        Returns
        -------
        list of dict
            ``image, path, label, kind, annotator, time`` (ISO, UTC), ``split`` ("audit" for images
            drawn for the audit by then, "train" for others with a class, else ""), ``machine``.
        """
        return list(self.iter_labels(at, include_unlabelled=include_unlabelled))

    def iter_labels(
        self, at: int | datetime | None = None, *, include_unlabelled: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield the same rows; those of a million files are never held together."""
        with self._database.read() as connection:
            audit = drawn_for_audit(connection, at)
            position = position_at(connection, at)
            labels = labels_at(connection, position)
            names = {state.id: state.name for state in class_states(connection, position).values()}
            every = connection.execute(
                select(images.c.id, files.c.path)
                .join(files, files.c.image == images.c.ordinal)
                .order_by(images.c.ordinal, files.c.seq),
                execution_options={"yield_per": 10_000},
            )
            before: tuple[str, set[str]] = "", set()
            for image_id, path in every:
                if before[0] != image_id:
                    before = image_id, set()
                if path in before[1]:  # the file held another picture in between
                    continue
                before[1].add(path)
                label = labels.get(image_id)
                if label is not None and label.piled and image_id in audit:
                    label = None  # nobody looked at it: see Labels.labels
                if label is None and not include_unlabelled:
                    continue
                kind = label.kind if label else ""
                trains = label is not None and label.teaches
                yield {
                    "image": image_id,
                    "path": path,
                    "label": names[label.class_id] if label and label.class_id else kind,
                    "kind": kind,
                    "annotator": label.annotator if label else "",
                    "time": label.time.isoformat(timespec="milliseconds") if label else "",
                    "split": "audit" if image_id in audit else "train" if trains else "",
                    "machine": label.machine if label else False,
                }

    def export_opinions(self, at: int | datetime | None = None) -> list[dict[str, Any]]:
        """Return one row for each annotator's opinion of each image, for a CSV.

        Returns
        -------
        list of dict
            ``image, path`` (the first file's)``, annotator, label, kind, time, machine, decided``
            (a senior settled it so)``, trains``: the label that follows from all opinions by the
            team's rule, "" where none does.
        """
        with self._database.read() as connection:
            position = position_at(connection, at)
            opinions = opinions_at(connection, position)
            labels = labels_at(connection, position)
            names = {state.id: state.name for state in class_states(connection, position).values()}
            first = select(func.min(files.c.seq)).group_by(files.c.image)
            every = connection.execute(
                select(images.c.id, files.c.path)
                .join(files, files.c.image == images.c.ordinal)
                .where(files.c.seq.in_(first))
                .order_by(images.c.ordinal)
            ).all()

        def named(label: Label | None) -> str:
            if label is None:
                return ""
            return label.kind if label.class_id is None else names[label.class_id]

        return [
            {
                "image": image_id,
                "path": path,
                "annotator": annotator,
                "label": named(label),
                "kind": label.kind,
                "time": label.time.isoformat(timespec="milliseconds"),
                "machine": label.machine,
                "decided": label.decided,
                "trains": named(labels.get(image_id)),
            }
            for image_id, path in every
            for annotator, label in sorted(opinions.get(image_id, {}).items())
        ]
