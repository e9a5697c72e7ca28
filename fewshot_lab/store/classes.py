"""Classes: added, named, coloured, ordered, merged, retired; every change is in the log."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Unpack

from sqlalchemy import Connection, select

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import action_log
from fewshot_lab.store.action_log import Author, Signature
from fewshot_lab.store.class_states import (
    MAX_CLASSES,
    ClassState,
    check_name,
    check_room,
    class_states,
    in_order,
    live_targets,
    store_states,
)
from fewshot_lab.store.colours import FIRST_EIGHT, check_colour, colour_for
from fewshot_lab.store.database import Database, next_key
from fewshot_lab.store.label_rows import ClassRow
from fewshot_lab.store.schema import class_events

_Change = Callable[[dict[int, ClassState]], tuple[str, list[ClassState]]]


class Classes:
    """The part of the store that deals with classes.

    Every change is signed (:class:`Signature`): by ``annotator``, who can undo it, and optionally
    by ``client`` and ``q``, which name the action: whoever resends it changes nothing.
    """

    _database: Database

    def classes(self, include_retired: bool = False, *, at: int | None = None) -> list[ClassRow]:
        """Return the classes in their order.

        Parameters
        ----------
        include_retired : bool
            Add the retired and the merged ones at the end.
        at : int, optional
            A past position of the log.
        """
        with self._database.read() as connection:
            states = class_states(connection, at)
        rows = in_order(states)
        if include_retired:
            rest = (s for s in states.values() if not s.live and not s.withdrawn)
            rows += sorted(rest, key=lambda state: (state.position, state.id))
        return [
            ClassRow(s.id, s.name, s.color, place, s.retired, s.merged_into)
            for place, s in enumerate(rows)
        ]

    def class_targets(self) -> dict[int, int | None]:
        """Return for every class id the live class its labels count for, None while they rest."""
        with self._database.read() as connection:
            return live_targets(class_states(connection))

    def add_class(self, name: str, *, color: str | None = None, **by: Unpack[Signature]) -> int:
        """Add a class at the end of the list.

        Returns
        -------
        int
            Its id, which stays for ever.

        Raises
        ------
        FewshotLabError
            For a bad name or colour, or beyond 50 classes.
        """
        author = Author(**by)
        with self._database.write() as connection:
            if (done := action_log.find(connection, author)) is not None:
                query = select(class_events.c.class_id).where(class_events.c.action == done["id"])
                if (known := connection.scalar(query)) is not None:
                    return int(known)
                raise FewshotLabError("This action was used for something else before.")
            return _add(connection, author, name, color)

    def add_classes(self, names: Sequence[str], *, annotator: str) -> list[int]:
        """Add several classes, or none of them; return their ids.

        Raises
        ------
        FewshotLabError
            For a bad name, or beyond 50 classes.
        """
        if not names:
            return []
        with self._database.write() as connection:
            n_classes = len(in_order(class_states(connection)))
            if n_classes + len(names) > MAX_CLASSES:
                raise FewshotLabError(
                    f"{len(names):,} new classes beside {n_classes} are too many: {MAX_CLASSES} "
                    f"are the most. The first are {', '.join(names[:3])}: are these classes?"
                )
            return [_add(connection, Author(annotator), name, None) for name in names]

    def rename_class(self, class_id: int, name: str, **by: Unpack[Signature]) -> int:
        """Rename a class; return the log's position."""

        def change(states: dict[int, ClassState]) -> tuple[str, list[ClassState]]:
            state = _there(states, class_id)
            clean = check_name(name, states, but=class_id)
            return f"renaming {state.name} to {clean}", [replace(state, name=clean)]

        return self._change(Author(**by), change)

    def recolour_class(self, class_id: int, color: str, **by: Unpack[Signature]) -> int:
        """Give a class another colour (``#RRGGBB``); return the log's position."""

        def change(states: dict[int, ClassState]) -> tuple[str, list[ClassState]]:
            state = _there(states, class_id)
            return f"another colour for {state.name}", [replace(state, color=check_colour(color))]

        return self._change(Author(**by), change)

    def reorder_classes(self, class_ids: Sequence[int], **by: Unpack[Signature]) -> int:
        """Put the classes into this order; return the log's position.

        Raises
        ------
        FewshotLabError
            Where ``class_ids`` does not hold each live class once.
        """

        def change(states: dict[int, ClassState]) -> tuple[str, list[ClassState]]:
            live = {state.id for state in states.values() if state.live}
            if len(class_ids) != len(live) or set(class_ids) != live:
                raise FewshotLabError(
                    "The classes have changed meanwhile: the new order must hold each once."
                )
            return "another order of the classes", [
                replace(states[class_id], position=place)
                for place, class_id in enumerate(class_ids)
            ]

        return self._change(Author(**by), change)

    def merge_class(self, source: int, into: int, **by: Unpack[Signature]) -> int:
        """Let the labels of one class count for another; return the log's position.

        No label is rewritten: undoing the merge gives each image its own class back.
        """

        def change(states: dict[int, ClassState]) -> tuple[str, list[ClassState]]:
            state, target = _live(states, source), _live(states, into)
            if source == into:
                raise FewshotLabError("A class cannot be merged into itself.")
            return f"merging {state.name} into {target.name}", [replace(state, merged_into=into)]

        return self._change(Author(**by), change)

    def retire_class(self, class_id: int, **by: Unpack[Signature]) -> int:
        """Take a class off the list; its labels rest until it is restored.

        Returns the log's position.
        """

        def change(states: dict[int, ClassState]) -> tuple[str, list[ClassState]]:
            state = _live(states, class_id)
            return f"retiring {state.name}", [replace(state, retired=True)]

        return self._change(Author(**by), change)

    def restore_class(self, class_id: int, **by: Unpack[Signature]) -> int:
        """Bring a retired or merged class back with its labels; return the log's position."""

        def change(states: dict[int, ClassState]) -> tuple[str, list[ClassState]]:
            state = _there(states, class_id)
            if state.live:
                raise FewshotLabError(f"The class {state.name} is on the list already.")
            check_room(states)
            check_name(state.name, states, but=class_id)
            return f"restoring {state.name}", [replace(state, retired=False, merged_into=None)]

        return self._change(Author(**by), change)

    def _change(self, by: Author, change: _Change) -> int:
        with self._database.write() as connection:
            if (done := action_log.find(connection, by)) is not None:
                return int(done["id"])
            states = class_states(connection)
            sentence, wanted = change(states)
            changed = [state for state in wanted if state != states[state.id]]
            what = "class" if changed else "nothing"
            action_id = action_log.append(connection, by, what=what, sentence=sentence)
            store_states(connection, action_id, changed)
            return action_id


def _there(states: dict[int, ClassState], class_id: int) -> ClassState:
    state = states.get(class_id)
    if state is None or state.withdrawn:
        raise FewshotLabError(f"There is no class with the id {class_id}.")
    return state


def _live(states: dict[int, ClassState], class_id: int) -> ClassState:
    state = _there(states, class_id)
    if not state.live:
        how = "retired" if state.retired else "merged into another"
        raise FewshotLabError(f"The class {state.name} has been {how}; restore it first.")
    return state


def _add(connection: Connection, by: Author, name: str, color: str | None) -> int:
    states = class_states(connection)
    check_room(states)
    clean = check_name(name, states)
    added = ClassState(
        id=next_key(connection, class_events.c.class_id),
        name=clean,
        color=check_colour(color) if color is not None else _free_colour(in_order(states)),
        position=max((state.position for state in states.values()), default=-1) + 1,
    )
    action_id = action_log.append(connection, by, what="class", sentence=f"new class {clean}")
    store_states(connection, action_id, [added])
    return added.id


def _free_colour(live: Sequence[ClassState]) -> str:
    """Return the first default colour that no class on the list has."""
    taken = {state.color for state in live}
    free = (colour_for(n) for n in range(len(FIRST_EIGHT) + len(live) + 1))
    return next((colour for colour in free if colour not in taken), colour_for(len(live)))
