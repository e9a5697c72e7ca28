"""What a class is at a moment, and which changes may be made to it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, RowMapping, func, select

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store.database import next_key
from fewshot_lab.store.names import LONGEST_NAME, tidy_name
from fewshot_lab.store.schema import class_events

MAX_CLASSES = 50
RESERVED = {"unsure", "reject", "clear", "skip"}

FIELDS = ("name", "color", "position", "retired", "merged_into", "withdrawn")


@dataclass(frozen=True)
class ClassState:
    """A class at a moment, and the class event that made it so (0: not stored yet)."""

    id: int
    name: str
    color: str
    position: int
    retired: bool = False
    merged_into: int | None = None
    withdrawn: bool = False
    event_id: int = 0

    @property
    def live(self) -> bool:
        """It can be given to an image."""
        return not (self.retired or self.withdrawn or self.merged_into is not None)


def class_states(connection: Connection, at: int | None = None) -> dict[int, ClassState]:
    """Return every class there ever was, as it was after the action ``at`` (now by default)."""
    latest = select(func.max(class_events.c.id)).group_by(class_events.c.class_id)
    if at is not None:
        latest = latest.where(class_events.c.action <= at)
    query = select(class_events).where(class_events.c.id.in_(latest))
    return {row.class_id: state_of(row._mapping) for row in connection.execute(query)}


def state_of(row: RowMapping) -> ClassState:
    """Turn a row of the log into a state."""
    values = {field: row[field] for field in FIELDS}
    values |= {flag: bool(row[flag]) for flag in ("retired", "withdrawn")}
    return ClassState(id=row["class_id"], event_id=row["id"], **values)


def store_states(connection: Connection, action_id: int, changed: Collection[ClassState]) -> None:
    """Append the new states of classes; their ``event_id`` still names the state before."""
    first = next_key(connection, class_events.c.id)
    rows = [
        {
            "id": first + offset,
            "action": action_id,
            "class_id": state.id,
            "before": state.event_id or None,
            **{field: getattr(state, field) for field in FIELDS},
            "retired": int(state.retired),
            "withdrawn": int(state.withdrawn),
        }
        for offset, state in enumerate(changed)
    ]
    if rows:
        connection.execute(class_events.insert(), rows)


def in_order(states: Mapping[int, ClassState]) -> list[ClassState]:
    """Return the live classes in the order of the list."""
    live = (state for state in states.values() if state.live)
    return sorted(live, key=lambda state: (state.position, state.id))


def live_targets(states: Mapping[int, ClassState]) -> dict[int, int | None]:
    """Return for every class the live one that its labels count for.

    None for a class that is retired or withdrawn, or was merged into such a one: its labels rest.
    """
    targets: dict[int, int | None] = {}
    for start in states:
        state, steps = states[start], 0
        while state.merged_into is not None and not (state.retired or state.withdrawn):
            state, steps = states[state.merged_into], steps + 1
            if steps > len(states):
                break
        targets[start] = state.id if state.live else None
    return targets


def check_name(name: str, states: Mapping[int, ClassState], *, but: int | None = None) -> str:
    """Return a class name as it is stored.

    Raises
    ------
    FewshotLabError
        Where it is empty, too long, a word with another meaning, or taken by a live class.
    """
    clean = tidy_name(name)
    if not clean:
        raise FewshotLabError("A class needs a name.")
    if not clean.isprintable():
        raise FewshotLabError("A class name cannot hold characters that are not printable.")
    if len(clean) > LONGEST_NAME:
        raise FewshotLabError(
            f"A class name has at most {LONGEST_NAME} characters; this one has {len(clean)}."
        )
    if clean.casefold() in RESERVED:
        raise FewshotLabError(
            f"“{clean}” cannot be a class, because it is already a label of another kind."
        )
    for state in states.values():
        if state.live and state.id != but and state.name.casefold() == clean.casefold():
            raise FewshotLabError(f"There is already a class named {state.name}.")
    return clean


def check_room(states: Mapping[int, ClassState]) -> None:
    """Raise where one more live class would be too many."""
    if sum(state.live for state in states.values()) >= MAX_CLASSES:
        raise FewshotLabError(
            f"There are {MAX_CLASSES} classes already, which is the most; "
            "merge or retire one first."
        )


def conflict_reason(states: Mapping[int, ClassState]) -> str | None:
    """Return why these states cannot stand together, as the end of a sentence."""
    names: dict[str, str] = {}
    for state in states.values():
        if not state.live:
            continue
        if state.name.casefold() in names:
            return f"another class is named {state.name} by now"
        names[state.name.casefold()] = state.name
    if len(names) > MAX_CLASSES:
        return f"there would be more than {MAX_CLASSES} classes"
    for state in states.values():
        into, steps = state.merged_into, 0
        if state.withdrawn:
            continue
        if into is not None and states[into].withdrawn:
            return f"{state.name} has been merged into it since"
        while into is not None:
            into, steps = states[into].merged_into, steps + 1
            if steps > len(states):
                return f"{state.name} would be merged into itself"
    return None


def reverted(current: ClassState, now: ClassState, then: ClassState) -> ClassState:
    """Return ``current`` with what differs from ``then`` to ``now`` set back to ``then``.

    A field that someone else has changed since stays as it is.
    """
    changes = {
        field: getattr(then, field)
        for field in FIELDS
        if getattr(then, field) != getattr(now, field)
        and getattr(current, field) == getattr(now, field)
    }
    return replace(current, **changes)
