"""Whether a log was changed behind the app's back: its chain of hashes made again and compared."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, select

from fewshot_lab.store.chain import LogHead, contents
from fewshot_lab.store.hashes import GENESIS, next_hash
from fewshot_lab.store.schema import actions, class_events, events, journal, seals, team_events

MOST_TOLD = 20


@dataclass(frozen=True)
class Verdict:
    """What became of a log and a journal.

    Attributes
    ----------
    actions, entries : int
        How many there are of each.
    at_upgrade : int
        So many actions are older than the chain: it says what they were when it began.
    head : LogHead
        The last position, and its hash.
    problems : tuple of str
        What does not fit, the first first; at most 20.
    """

    actions: int
    entries: int
    at_upgrade: int
    head: LogHead
    problems: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems


def verify_log(connection: Connection, recorded: Sequence[LogHead] = ()) -> Verdict:
    """Make both chains again and compare; ``recorded`` are positions and hashes told before."""
    sealed = {row.action: row for row in connection.execute(select(seals))}
    problems: list[str] = []
    previous, last, number = GENESIS, 0, 0
    for action, content in contents(connection, 0):
        number += 1
        problems += _gap("Action{}", last, action)
        row = sealed.pop(action, None)
        if row is None:
            problems.append(f"Action {action} was added: it has no hash.")
        elif next_hash(previous, content) != row.hash:
            problems.append(f"Action {action} was changed, {_of(content[0])}.")
        previous, last = row.hash if row else previous, action
    problems += [
        f"Action {action} was removed: only its hash is left." for action in sorted(sealed)
    ]
    for table in (events, class_events, team_events):
        problems += _strays(connection, table)
    entries, named, broken = _verify_journal(connection)
    problems += broken
    hashes = {row.action: row.hash for row in connection.execute(select(seals))}
    for head in (*named, *recorded):
        if head.position > last:
            problems.append(
                f"Labels were cut off at the end: the log ends with action {last}, and when a hash "
                f"was written down it went to {head.position}."
            )
        elif head.position and hashes.get(head.position) != head.hash:
            problems.append(
                f"The log is not what it was at position {head.position}: the hash recorded then "
                "is not the one there now."
            )
    return Verdict(
        actions=number,
        entries=entries,
        at_upgrade=connection.scalar(select(func.sum(seals.c.at_upgrade))) or 0,
        head=LogHead(last, previous),
        problems=tuple(dict.fromkeys(problems))[:MOST_TOLD],
    )


def verify_journal(connection: Connection, table: Table) -> tuple[int, list[str]]:
    """Return how many entries a journal has, and what does not fit."""
    problems: list[str] = []
    previous, last, number = GENESIS, 0, 0
    for row in connection.execute(select(table).order_by(table.c.id)).mappings():
        number += 1
        content = {key: value for key, value in row.items() if key != "hash"}
        problems += _gap("Journal number{}", last, row["id"])
        if next_hash(previous, content) != row["hash"]:
            problems.append(f"Entry {row['id']} of the journal was changed ({row['what']}).")
        previous, last = row["hash"], row["id"]
    return number, problems


def _verify_journal(connection: Connection) -> tuple[int, list[LogHead], list[str]]:
    number, problems = verify_journal(connection, journal)
    heads = []
    for detail in connection.scalars(select(journal.c.detail).order_by(journal.c.id)):
        position, _, value = str(json.loads(detail).get("log", "")).partition(":")
        if position.isdecimal():
            heads.append(LogHead(int(position), value))
    return number, heads, problems


def _gap(what: str, last: int, number: int) -> list[str]:
    """Say which keys are missing before one; they are given out without gaps."""
    if number == last + 2:
        return [f"{what.format('')} {last + 1} was removed."]
    if number > last + 1:
        return [f"{what.format('s')} {last + 1} to {number - 1} were removed."]
    return []


def _of(action: dict[str, Any]) -> str:
    return f"or the hash before it: “{action['sentence']}” by {action['annotator']}"


def _strays(connection: Connection, table: Table) -> list[str]:
    query = (
        select(table.c.action)
        .distinct()
        .where(table.c.action.not_in(select(actions.c.id)))
        .order_by(table.c.action)
    )
    return [
        f"Action {action} was removed: rows of it are left." for action in connection.scalars(query)
    ]
