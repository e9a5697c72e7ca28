"""Labels: what an annotator does is added to the log; what it says now, or said at any moment."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import action_log
from fewshot_lab.store.action_log import Author
from fewshot_lab.store.action_sentences import (
    carries_label,
    check_decision,
    label_values,
    sentence_of,
)
from fewshot_lab.store.audit_rows import drawn_for_audit
from fewshot_lab.store.class_states import class_states, in_order, live_targets
from fewshot_lab.store.current_labels import CurrentLabels, labels_at, opinions_at
from fewshot_lab.store.database import Database, chunks, next_key
from fewshot_lab.store.label_rows import KINDS, Label, LabelAction, LabelCounts
from fewshot_lab.store.queries import NO_LABEL, OwnLabel, ordinals_of, own_labels, position_at
from fewshot_lab.store.schema import events


class Labels:
    """The part of the store that deals with labels."""

    _database: Database
    _current: CurrentLabels

    # -- writing -------------------------------------------------------------------------------

    def record(self, batch: LabelAction) -> int:
        """Store what an annotator did; when this returns, it is on the disk.

        It changes the annotator's own opinion alone; what follows for the image is a matter of
        the team's rule. A skip leaves images that the annotator has labelled as they are. A class
        that was merged meanwhile stands for the one it was merged into.

        Returns
        -------
        int
            The log's position. For a resent action the position it got the first time.

        Raises
        ------
        FewshotLabError
            For an unknown image or class, a retired class, or an unknown kind; nothing is stored.
        """
        by = Author(batch.annotator, batch.client, batch.q)
        if batch.kind not in KINDS:
            raise FewshotLabError(f"“{batch.kind}” is not a kind of label ({', '.join(KINDS)}).")
        image_ids = list(dict.fromkeys(batch.image_ids))
        if not image_ids:
            raise FewshotLabError("A label needs at least one image.")
        with self._database.write() as connection:
            if (done := action_log.find(connection, by)) is not None:
                return int(done["id"])
            ordinals = ordinals_of(connection, image_ids)
            if len(ordinals) < len(image_ids):
                lost = next(i for i in image_ids if i not in ordinals)
                raise FewshotLabError(f"There is no image with the id “{lost}” in this project.")
            states = class_states(connection)
            answers = label_values(batch, image_ids, states)
            check_decision(connection, batch)
            before = own_labels(connection, list(ordinals.values()), batch.annotator)
            if batch.kind == "skip":
                counted = live_targets(states)
                image_ids = [
                    image_id
                    for image_id in image_ids
                    if not carries_label(before.get(ordinals[image_id], NO_LABEL), counted)
                ]
            action_id = action_log.append(
                connection,
                by,
                what="label" if image_ids else "nothing",
                sentence=sentence_of(batch, image_ids, answers, states),
                n_images=len(image_ids),
                view=batch.view,
                strategy=batch.strategy,
                spent_ms=batch.spent_ms,
                machine=int(batch.machine),
                note=batch.note,
            )
            rows = _event_rows(batch, image_ids, answers, ordinals, before)
            if rows:
                first = next_key(connection, events.c.id)
                for event_id, row in enumerate(rows, first):
                    row |= {"id": event_id, "action": action_id, "origin": event_id}
                connection.execute(events.insert(), rows)
            return action_id

    # -- the present and the past ------------------------------------------------------------

    def labels(self, at: int | datetime | None = None) -> dict[str, Label]:
        """Return the current label of every labelled image, or that of a past moment.

        Parameters
        ----------
        at : int or datetime, optional
            A position of the log, or a time (one without a zone is local): what the log said
            then, with the merges of that moment.

        Returns
        -------
        dict
            From image id to :class:`Label`. Cleared and skipped images are not in it, nor those
            whose class is retired. Nor, now, audit images that were labelled in a pile before
            they were drawn: what measures must have been looked at, so they are asked about again.
        """
        with self._database.read() as connection:
            if at is not None:
                return labels_at(connection, position_at(connection, at))
            return _looked_at(connection, self._current.labels(connection))

    def labels_of(self, ids: Sequence[str]) -> dict[str, Label]:
        """Return the current labels of some images; those without one are not in it."""
        labels: dict[str, Label] = {}
        with self._database.read() as connection:
            ordinals = list(ordinals_of(connection, list(dict.fromkeys(ids))).values())
            for some in chunks(ordinals):
                labels |= labels_at(connection, None, some)
            return _looked_at(connection, labels)

    def opinions(self, at: int | datetime | None = None) -> dict[str, dict[str, Label]]:
        """Return each annotator's own opinion of each image they have labelled.

        Parameters
        ----------
        at : int or datetime, optional
            A position of the log, or a time.

        Returns
        -------
        dict
            From image id to annotator to :class:`Label`; the inner mappings are shared, so they
            must not be changed. What someone cleared or skipped is no opinion.
        """
        with self._database.read() as connection:
            if at is None:
                return self._current.opinions(connection)
            return opinions_at(connection, position_at(connection, at))

    def skipped_by(self, annotator: str) -> set[str]:
        """Return the images that an annotator skipped and has not labelled."""
        with self._database.read() as connection:
            return self._current.skips(connection, annotator)

    def skipped(self) -> set[str]:
        """Return the images without a label that an annotator skipped."""
        with self._database.read() as connection:
            return self._current.skipped(connection)

    def counts(self, at: int | datetime | None = None) -> LabelCounts:
        """Count the labelled images, every live class named."""
        with self._database.read() as connection:
            position = position_at(connection, at)
            states = class_states(connection, position)
            labels = (
                _looked_at(connection, self._current.labels(connection))
                if at is None
                else labels_at(connection, position)
            )
        classes = {state.id: 0 for state in in_order(states)}
        totals = Counter(label[:2] for label in labels.values())
        for (_, class_id), n in totals.items():
            if class_id is not None:
                classes[class_id] = n
        return LabelCounts(classes, unsure=totals["unsure", None], reject=totals["reject", None])


def _looked_at(connection: Connection, labels: dict[str, Label]) -> dict[str, Label]:
    """Return labels without those of audit images that were only given to a pile."""
    piled = {image_id for image_id, label in labels.items() if label.piled}
    unseen = piled & drawn_for_audit(connection) if piled else set()
    return {image_id: label for image_id, label in labels.items() if image_id not in unseen}


def _event_rows(
    batch: LabelAction,
    image_ids: Sequence[str],
    answers: Mapping[str, tuple[str, int | None]],
    ordinals: Mapping[str, int],
    before: Mapping[int, OwnLabel],
) -> list[dict[str, Any]]:
    shown, concealed = batch.shown or {}, batch.concealed or {}
    apart, repeats = set(batch.apart), batch.repeats or {}
    rows = []
    for image_id in image_ids:
        kind, class_id = answers[image_id]
        prediction, hidden = shown.get(image_id), concealed.get(image_id)
        rows.append(
            {
                "image": ordinals[image_id],
                "kind": kind,
                "class_id": class_id,
                "before": before.get(ordinals[image_id], NO_LABEL).origin,
                "shown_class": int(prediction[0]) if prediction else None,
                "shown_probability": _share(prediction[1]) if prediction else None,
                "concealed_class": int(hidden[0]) if hidden else None,
                "concealed_probability": _share(hidden[1]) if hidden else None,
                "apart": 1 if image_id in apart else None,
                "repeats": repeats.get(image_id),
            }
        )
    return rows


def _share(probability: float) -> float:
    """Return a probability without what rounding added; 0 for none at all."""
    return min(1.0, max(0.0, float(probability))) if probability == probability else 0.0
