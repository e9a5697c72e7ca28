"""The log of labels, and what it says now or said at any past moment."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import _actions
from fewshot_lab.store._actions import By, images_word
from fewshot_lab.store._class_states import ClassState, class_states, in_order, resolve
from fewshot_lab.store._database import Database, chunks, next_key
from fewshot_lab.store._present import (
    DECISION,
    Present,
    opinions_by,
    said_by,
    team_at,
)
from fewshot_lab.store._rows import (
    KINDS,
    Counts,
    Event,
    HistoryRow,
    Label,
    LabelAction,
    moment,
)
from fewshot_lab.store._rows import microseconds as _microseconds
from fewshot_lab.store._rules import LABELLED
from fewshot_lab.store._schema import (
    actions,
    audit_draws,
    audit_images,
    events,
    files,
    images,
)

_EXAMPLES = 4


@dataclass(frozen=True)
class Current:
    """What an annotator says of an image: the event that said it, None where none did."""

    origin: int | None
    kind: str
    class_id: int | None


NOTHING = Current(None, "clear", None)


class Labels:
    """The part of the store that deals with labels."""

    _database: Database
    _present: Present

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
        by = By(batch.annotator, batch.client, batch.q)
        if batch.kind not in KINDS:
            raise FewshotLabError(f"“{batch.kind}” is not a kind of label ({', '.join(KINDS)}).")
        image_ids = list(dict.fromkeys(batch.image_ids))
        if not image_ids:
            raise FewshotLabError("A label needs at least one image.")
        with self._database.write() as connection:
            if (done := _actions.seen(connection, by)) is not None:
                return int(done["id"])
            ordinals = ordinals_of(connection, image_ids)
            if len(ordinals) < len(image_ids):
                lost = next(i for i in image_ids if i not in ordinals)
                raise FewshotLabError(f"There is no image with the id “{lost}” in this project.")
            states = class_states(connection)
            said = _said(batch, image_ids, states)
            _check_decision(connection, batch)
            before = current_of(connection, list(ordinals.values()), batch.annotator)
            if batch.kind == "skip":
                counted = resolve(states)
                image_ids = [
                    image_id
                    for image_id in image_ids
                    if not _carries_label(before.get(ordinals[image_id], NOTHING), counted)
                ]
            action_id = _actions.append(
                connection,
                by,
                what="label" if image_ids else "nothing",
                sentence=_sentence(batch, image_ids, said, states),
                n_images=len(image_ids),
                view=batch.view,
                strategy=batch.strategy,
                spent_ms=batch.spent_ms,
                machine=int(batch.machine),
                note=batch.note,
            )
            first = next_key(connection, events.c.id)
            shown, concealed = batch.shown or {}, batch.concealed or {}
            apart, repeats = set(batch.apart), batch.repeats or {}
            rows = []
            for offset, image_id in enumerate(image_ids):
                ordinal = ordinals[image_id]
                kind, class_id = said[image_id]
                prediction, hidden = shown.get(image_id), concealed.get(image_id)
                rows.append(
                    {
                        "id": first + offset,
                        "action": action_id,
                        "image": ordinal,
                        "kind": kind,
                        "class_id": class_id,
                        "origin": first + offset,
                        "before": before.get(ordinal, NOTHING).origin,
                        "shown_class": int(prediction[0]) if prediction else None,
                        "shown_probability": float(prediction[1]) if prediction else None,
                        "concealed_class": int(hidden[0]) if hidden else None,
                        "concealed_probability": float(hidden[1]) if hidden else None,
                        "apart": 1 if image_id in apart else None,
                        "repeats": repeats.get(image_id),
                    }
                )
            if rows:
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
            whose class is retired.
        """
        with self._database.read() as connection:
            if at is None:
                return self._present.labels(connection)
            return said_by(connection, _position_at(connection, at))

    def labels_of(self, ids: Sequence[str]) -> dict[str, Label]:
        """Return the current labels of some images; those without one are not in it."""
        found: dict[str, Label] = {}
        with self._database.read() as connection:
            ordinals = list(ordinals_of(connection, list(dict.fromkeys(ids))).values())
            for some in chunks(ordinals):
                found |= said_by(connection, None, some)
        return found

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
                return self._present.opinions(connection)
            return opinions_by(connection, _position_at(connection, at))

    def skipped_by(self, annotator: str) -> set[str]:
        """Return the images that an annotator skipped and has not labelled."""
        with self._database.read() as connection:
            return self._present.skips(connection, annotator)

    def skipped(self) -> set[str]:
        """Return the images without a label that an annotator skipped."""
        with self._database.read() as connection:
            return self._present.skipped(connection)

    def counts(self, at: int | datetime | None = None) -> Counts:
        """Count the labelled images, every live class named."""
        with self._database.read() as connection:
            position = _position_at(connection, at)
            states = class_states(connection, position)
            said = self._present.labels(connection) if at is None else said_by(connection, position)
        classes = {state.id: 0 for state in in_order(states)}
        found = Counter(label[:2] for label in said.values())
        for (_, class_id), n in found.items():
            if class_id is not None:
                classes[class_id] = n
        return Counts(classes, unsure=found["unsure", None], reject=found["reject", None])

    def position(self) -> int:
        """Return the id of the last action: it changes whenever labels or classes do."""
        with self._database.read() as connection:
            return connection.scalar(select(func.max(actions.c.id))) or 0

    def position_at(self, at: datetime) -> int:
        """Return the log's position at a moment (0 before the first action)."""
        with self._database.read() as connection:
            return _position_at(connection, at) or 0

    def history(
        self, limit: int = 50, before: int | None = None, annotator: str | None = None
    ) -> list[HistoryRow]:
        """Return the last actions, the newest first.

        Parameters
        ----------
        limit : int
        before : int, optional
            Only actions older than this one, for the next page.
        annotator : str, optional
            Only this annotator's.
        """
        query = select(actions).where(actions.c.what != "nothing")
        if before is not None:
            query = query.where(actions.c.id < before)
        if annotator is not None:
            query = query.where(actions.c.annotator == annotator)
        query = query.order_by(actions.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
            ids = [row["id"] for row in rows]
            undone = _actions.undone_among(connection, ids)
            examples = _examples(connection, ids)
        return [
            HistoryRow(
                action_id=row["id"],
                time=moment(row["time"]),
                annotator=row["annotator"],
                sentence=row["sentence"],
                view=row["view"],
                n_images=row["n_images"],
                undone=row["id"] in undone,
                example_ids=tuple(examples.get(row["id"], ())),
                what=row["what"],
            )
            for row in rows
        ]

    def events(self, after: int = 0) -> list[Event]:
        """Return every event of the actions after a position, in their order."""
        query = (
            select(
                events.c.id,
                events.c.action,
                actions.c.what,
                actions.c.time,
                actions.c.annotator,
                images.c.id,
                events.c.kind,
                events.c.class_id,
                actions.c.view,
                actions.c.strategy,
                events.c.shown_class,
                events.c.shown_probability,
                actions.c.spent_ms,
                actions.c.machine,
                actions.c.note,
                actions.c.client,
                actions.c.q,
                events.c.origin,
                events.c.concealed_class,
                events.c.concealed_probability,
                events.c.apart,
                events.c.repeats,
            )
            .join(actions, actions.c.id == events.c.action)
            .join(images, images.c.ordinal == events.c.image)
            .where(events.c.action > after)
            .order_by(events.c.id)
        )
        with self._database.read() as connection:
            return [
                Event(
                    *row[:3],
                    moment(row[3]),
                    *row[4:10],
                    shown=None if row[10] is None else (row[10], row[11]),
                    spent_ms=row[12],
                    machine=bool(row[13]),
                    note=row[14],
                    client=row[15],
                    q=row[16],
                    origin=row[17],
                    concealed=None if row[18] is None else (row[18], row[19]),
                    apart=bool(row[20]),
                    repeats=row[21],
                )
                for row in connection.execute(query)
            ]

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
        with self._database.read() as connection:
            position = _position_at(connection, at)
            found = said_by(connection, position)
            names = {state.id: state.name for state in class_states(connection, position).values()}
            drawn = select(images.c.id).join(audit_images, audit_images.c.image == images.c.ordinal)
            if isinstance(at, datetime):
                drawn = drawn.join(audit_draws).where(audit_draws.c.time <= _microseconds(at))
            elif at is not None:
                drawn = drawn.join(audit_draws).where(audit_draws.c.position <= at)
            audit = set(connection.scalars(drawn))
            every = connection.execute(
                select(images.c.id, files.c.path)
                .join(files, files.c.image == images.c.ordinal)
                .order_by(images.c.ordinal, files.c.seq)
            ).all()
        rows = []
        for image_id, path in every:
            label = found.get(image_id)
            if label is None and not include_unlabelled:
                continue
            kind = label.kind if label else ""
            trains = label is not None and label.teaches
            rows.append(
                {
                    "image": image_id,
                    "path": path,
                    "label": names[label.class_id] if label and label.class_id else kind,
                    "kind": kind,
                    "annotator": label.annotator if label else "",
                    "time": label.time.isoformat(timespec="milliseconds") if label else "",
                    "split": "audit" if image_id in audit else "train" if trains else "",
                    "machine": label.machine if label else False,
                }
            )
        return rows

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
            position = _position_at(connection, at)
            found = opinions_by(connection, position)
            labels = said_by(connection, position)
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
            for annotator, label in sorted(found.get(image_id, {}).items())
        ]


# -- queries that several verbs share ------------------------------------------------------------


def ordinals_of(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return the row numbers of images, in the order of ``ids``; unknown ones are left out."""
    found: dict[str, int] = {}
    for some in chunks(ids):
        query = select(images.c.id, images.c.ordinal).where(images.c.id.in_(some))
        found.update((row[0], row[1]) for row in connection.execute(query))
    return {image_id: found[image_id] for image_id in ids if image_id in found}


def current_of(
    connection: Connection, ordinals: Sequence[int], annotator: str
) -> dict[int, Current]:
    """Return what an annotator says of images; those of which they have said nothing are left out.

    What an undo of version 1 brought back may be the word of somebody else: that is nothing.
    """
    found: dict[int, Current] = {}
    said = events.alias("said")
    author = actions.alias("author")
    for some in chunks(ordinals):
        latest = (
            select(func.max(events.c.id).label("id"))
            .join(actions, actions.c.id == events.c.action)
            .where(actions.c.annotator == annotator, events.c.image.in_(some))
            .group_by(events.c.image)
            .subquery()
        )
        query = (
            select(events.c.image, events.c.origin, events.c.kind, events.c.class_id)
            .join(latest, latest.c.id == events.c.id)
            .join(said, said.c.id == events.c.origin)
            .join(author, author.c.id == said.c.action)
            .where(author.c.annotator == annotator)
        )
        for image, origin, kind, class_id in connection.execute(query):
            found[image] = Current(origin, kind, class_id)
    return found


def states_of(connection: Connection, event_ids: Iterable[int]) -> dict[int, Current]:
    """Return what events of annotators said."""
    found: dict[int, Current] = {}
    for some in chunks(list(event_ids)):
        query = select(events.c.id, events.c.kind, events.c.class_id).where(events.c.id.in_(some))
        for event_id, kind, class_id in connection.execute(query):
            found[event_id] = Current(event_id, kind, class_id)
    return found


def _position_at(connection: Connection, at: int | datetime | None) -> int | None:
    if not isinstance(at, datetime):
        return at
    query = select(func.max(actions.c.id)).where(actions.c.time <= _microseconds(at))
    return connection.scalar(query) or 0


def _examples(connection: Connection, action_ids: Sequence[int]) -> dict[int, list[str]]:
    ranked = (
        select(
            events.c.action,
            events.c.image,
            events.c.id,
            func.row_number().over(partition_by=events.c.action, order_by=events.c.id).label("n"),
        )
        .where(events.c.action.in_(action_ids))
        .subquery()
    )
    query = (
        select(ranked.c.action, images.c.id)
        .join(images, images.c.ordinal == ranked.c.image)
        .where(ranked.c.n <= _EXAMPLES)
        .order_by(ranked.c.id)
    )
    found: dict[int, list[str]] = {}
    for action_id, image_id in connection.execute(query):
        found.setdefault(action_id, []).append(image_id)
    return found


def _check_decision(connection: Connection, batch: LabelAction) -> None:
    if batch.view != DECISION:
        return
    seniors = team_at(connection).seniors
    if batch.annotator not in seniors:
        who = f"here: {', '.join(seniors)}" if seniors else "and none is named here"
        raise FewshotLabError(f"Only a senior decides where opinions differ ({who}).")


# -- what an action says ------------------------------------------------------------------------


def _said(
    batch: LabelAction, image_ids: Sequence[str], states: Mapping[int, ClassState]
) -> dict[str, tuple[str, int | None]]:
    """Return kind and class for each image.

    Raises
    ------
    FewshotLabError
        For a class that is not there, and for an image without a class.
    """
    targets = resolve(states)

    def one(value: int | str | None) -> tuple[str, int | None]:
        if isinstance(value, str):
            if value not in (*LABELLED[1:], "clear"):
                raise FewshotLabError(f"“{value}” is not a class id, unsure, reject or clear.")
            return value, None
        if value is None:
            raise FewshotLabError("This label needs a class.")
        state = states.get(value)
        if state is None or state.withdrawn:
            raise FewshotLabError(f"There is no class with the id {value}.")
        if (target := targets[value]) is None:
            raise FewshotLabError(
                f"The class {state.name} is retired: restore it, or choose another."
            )
        return "class", target

    if batch.class_of is not None:
        answers: dict[Any, tuple[str, int | None]] = {}
        said = {}
        for image_id in image_ids:
            value = batch.class_of.get(image_id)
            if value not in answers:
                answers[value] = one(value)
            said[image_id] = answers[value]
        return said
    if batch.kind == "class":
        return dict.fromkeys(image_ids, one(batch.class_id))
    return dict.fromkeys(image_ids, (batch.kind, None))


def _sentence(
    batch: LabelAction,
    image_ids: Sequence[str],
    said: Mapping[str, tuple[str, int | None]],
    states: Mapping[int, ClassState],
) -> str:
    n = images_word(len(image_ids))
    what = {said[image_id] for image_id in image_ids}
    if len(what) > 1:
        if batch.machine:
            return f"{n} accepted as predicted"
        return f"{n} → {len(what)} different labels"
    kind, class_id = said[image_ids[0]] if image_ids else (batch.kind, None)
    if kind == "clear":
        return f"{n} cleared"
    if kind == "skip":
        return f"{n} skipped"
    name = states[class_id].name if class_id is not None else kind
    if batch.view == DECISION:
        return f"{n} decided → {name}"
    return f"{n} accepted → {name}" if batch.machine else f"{n} → {name}"


def _carries_label(current: Current, targets: Mapping[int, int | None]) -> bool:
    if current.kind == "class" and current.class_id is not None:
        return targets[current.class_id] is not None
    return current.kind in LABELLED
