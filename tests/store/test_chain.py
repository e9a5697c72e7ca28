"""The chain of hashes: what was changed behind the app's back is found, and where."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from fewshot_lab.acting import acting
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import LogHead, Store, Team

from .annotators import Annotator, image
from .test_upgrade import old as old

TABLES = ("actions", "events", "class_events", "team_events", "seals", "journal")
Tamper = Callable[[str], None]


@pytest.fixture
def tamper(store: Store, address: tuple[str, str | None]) -> Tamper:
    """Change the database as somebody who owns it can: without the triggers."""
    at = f'"{address[1]}".' if address[1] else ""

    def go(statement: str) -> None:
        with store._database.engine.connect() as connection, connection.begin():
            for table in TABLES:
                names = (
                    [f"{table}_append_only"] if at else [f"{table}_no_update", f"{table}_no_delete"]
                )
                for name in names:
                    on = f" ON {at}{table}" if at else ""
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {name}{on}"))
            connection.execute(text(statement.replace("@", at)))

    return go


@pytest.fixture
def labelled(store: Store, kim: Annotator, bo: Annotator) -> Store:
    a, b = kim.add("a"), kim.add("b")  # actions 1 and 2
    kim.label([0, 1], a)  # 3: events 1, 2
    bo.label(1, b)  # 4
    kim.undo()  # 5
    store.set_team(Team(rule="majority"), "lead")  # 6
    with acting("lead"):
        store.set("target", 50)
        store.note("export", file="labels.csv")
    bo.label(2, a)  # 7
    return store


def test_what_the_app_wrote_is_sound(labelled: Store, address: tuple[str, str | None]) -> None:
    verdict = labelled.verify()
    assert verdict.is_sound and (verdict.actions, verdict.at_upgrade) == (7, 0)
    assert verdict.head == labelled.log_head() and verdict.head.position == 7
    assert [(e.who, e.what) for e in labelled.journal()] == [
        ("lead", "setting"),
        ("lead", "export"),
    ]
    again = Store.open(*address)
    assert again.verify((verdict.head,)) == verdict
    again.close()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE @events SET class_id = 2 WHERE id = 2", "Action 3 was changed"),
        ("UPDATE @events SET image = 9 WHERE id = 2", "Action 3 was changed"),
        ("UPDATE @actions SET annotator = 'bo' WHERE id = 3", "Action 3 was changed"),
        ("UPDATE @images SET id = 'f' WHERE ordinal = (SELECT image FROM @events WHERE id = 2)",
         "Action 3 was changed"),
        ("DELETE FROM @events WHERE action = 4", "Action 4 was changed"),
        ("UPDATE @seals SET hash = 'f' WHERE action = 5", "Action 5 was changed"),
        ("UPDATE @journal SET who = 'kim' WHERE id = 1", "Entry 1 of the journal was changed"),
        ("DELETE FROM @journal WHERE id = 1", "Journal number 1 was removed"),
        ("DELETE FROM @seals WHERE action = 7", "Action 7 was added"),
    ],
)  # fmt: skip
def test_a_change_is_found(labelled: Store, tamper: Tamper, statement: str, told: str) -> None:
    tamper(statement)
    verdict = labelled.verify()
    assert not verdict.is_sound and any(told in problem for problem in verdict.problems)


def test_labels_cut_off_at_the_end_are_missed(labelled: Store, tamper: Tamper) -> None:
    exported = labelled.log_head()
    for table in ("events", "seals", "actions"):
        tamper(f"DELETE FROM @{table} WHERE {'id' if table == 'actions' else 'action'} = 7")
    assert labelled.verify().is_sound  # nothing here remembers the last label
    told = str(labelled.verify((exported,)).problems)
    assert "cut off at the end: the log ends with action 6" in told and "went to 7" in told
    for table in ("class_events", "team_events", "events", "seals", "actions"):
        tamper(f"DELETE FROM @{table} WHERE {'id' if table == 'actions' else 'action'} = 6")
    told = str(labelled.verify().problems)  # the journal does
    assert "cut off at the end: the log ends with action 5" in told and "went to 6" in told


def test_the_hash_of_a_past_moment_is_that_which_was_the_last_then(labelled: Store) -> None:
    assert labelled.log_head(at=99) == labelled.log_head() and labelled.log_head(at=0).position == 0
    then = labelled.log_head(at=5)
    assert then.position == 5 and labelled.verify((then,)).is_sound
    assert labelled.log_head(at=labelled.history(1)[0].time) == labelled.log_head()


def test_the_chain_is_append_only(labelled: Store, address: tuple[str, str | None]) -> None:
    at = f'"{address[1]}".' if address[1] else ""
    for table in ("seals", "journal"):
        with pytest.raises(FewshotLabError, match="append-only"), labelled._database.write() as c:
            c.execute(text(f"DELETE FROM {at}{table}"))


def test_an_old_log_is_sealed_as_it_is(old: Path) -> None:
    store = Store.open(old)
    position = store.position()
    Annotator(store, "kim").label(0, store.classes()[0].id)
    verdict = store.verify()
    assert verdict.is_sound and verdict.actions == position + 1
    assert verdict.at_upgrade == position
    assert image(0) in store.labels()
    store.close()


def test_nobody_is_two_members(store: Store) -> None:
    store.set_member("kim", "reader")
    store.set_member("kim", "owner")
    assert store.members() == {"kim": "owner"} and store.role_of("bo") is None
    store.set_member("kim", None)
    assert store.members() == {}
    assert [e.detail["role"] for e in store.journal()] == ["reader", "owner", None]
    assert LogHead(0, "0" * 64) == store.log_head()
