"""Projects that an older version wrote open, with everything that was said in them."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, Table, text

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import SCHEMA_VERSION, Store, Team, schema
from fewshot_lab.store.migrations import copy_schema

from .annotators import Annotator, image, now

ROOT = Path(__file__).parents[2]
WRITTEN = Path(__file__).with_name("version_1.sql")
"""Written by version 1: labels, undo across annotators, a skip, an audit draw."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "project.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(WRITTEN.read_text(encoding="utf-8"))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    return path


def versions(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(row[0] for row in connection.execute("SELECT version FROM schema_version"))


def test_an_old_project_says_what_it_said(old: Path) -> None:
    store = Store.open(old)
    mono, lymph = (row.id for row in store.classes())
    # Image 4 was labelled by kim and cleared by bo: the newest statement held, and holds.
    assert now(store) == {0: mono, 1: mono, 2: lymph, 3: "unsure"}
    labels = store.labels()
    assert labels[image(1)].annotator == "kim"  # brought back by an undo of bo's
    assert labels == store.labels(at=store.position())
    assert store.skipped() == set() and store.audit_ids() == {image(6)}
    assert store.team() == Team() and store.team_changes() == []
    assert [row.sentence for row in store.history(limit=1)] == ["1 image skipped undone"]
    assert len(store.events()) == 14 and not any(event.apart for event in store.events())
    held = {
        int(i, 16): {who: o.class_id for who, o in by.items()} for i, by in store.opinions().items()
    }
    assert held == {
        0: {"kim": mono},
        1: {"kim": mono},  # bo's was taken back
        2: {"kim": mono, "bo": lymph},
        3: {"kim": None, "bo": lymph},
        4: {"kim": mono},
    }
    store.close()
    assert versions(old) == list(range(1, SCHEMA_VERSION + 1))
    # As it was before, in one file, should somebody have to go back.
    assert [path.name for path in old.parent.glob("*version*")] == ["project.sqlite.version-1"]
    assert versions(old.with_name("project.sqlite.version-1")) == [1]


def test_old_actions_are_undone_as_ones_own(old: Path) -> None:
    store = Store.open(old)
    mono, lymph = (row.id for row in store.classes())
    kim, bo = Annotator(store, "kim"), Annotator(store, "bo")
    bo.undo()  # the clearing of image 4
    assert now(store)[4] == mono
    bo.undo()  # image 3, over which kim said unsure
    assert now(store)[3] == "unsure"
    bo.undo()  # image 2: in version 1 this led to kim's label, which is still there
    assert now(store)[2] == mono
    assert bo.undo() is None and set(store.opinions()[image(2)]) == {"kim"}
    bo.redo()
    assert now(store)[2] == lymph
    kim.label(2, lymph)
    assert now(store)[2] == lymph
    store.close()


@pytest.fixture
def set_back(store: Store, address: tuple[str, str | None]) -> Callable[[], None]:
    """Take out of a database what later versions added, on either server."""

    def go() -> None:
        at = f'"{address[1]}".' if address[1] else ""
        with store._database._writer.connect() as connection, connection.begin():
            for upgrade in reversed(schema.UPGRADES.values()):
                for table in upgrade.checks:
                    connection.execute(
                        text(
                            f"ALTER TABLE {at}{table} DROP CONSTRAINT {table}_sound"
                            if at
                            else f"DROP TRIGGER {table}_sound"
                        )
                    )
                for table in upgrade.tables:  # what points at others first
                    connection.execute(text(f"DROP TABLE {at}{table.name}"))
                for column in upgrade.columns:
                    connection.execute(
                        text(f"ALTER TABLE {at}{column.table.name} DROP COLUMN {column.name}")
                    )
            connection.execute(text(f"UPDATE {at}schema_version SET version = 1"))
        store.close()

    return go


def test_both_databases_are_upgraded(
    store: Store, kim: Annotator, bo: Annotator, address: tuple[str, str | None], set_back: Callable
) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label([0, 1], a)
    bo.label(1, b)
    set_back()
    again = Store.open(*address)
    if address[1]:
        with again._database.read() as connection:
            kept = copy_schema(address[1], 1)
            query = text(
                f'SELECT count(*), min(version) FROM "{kept}".events, "{kept}".schema_version'
            )
            assert connection.execute(query).one() == (3, 1)
    assert now(again) == {0: a, 1: b}
    again.set_team(Team(rule="majority"), "lead")
    assert now(again) == {0: a}
    Annotator(again, "ann").label(1, b, apart=[image(1)])
    assert now(again) == {0: a, 1: b} and again.events()[-1].apart
    with pytest.raises(FewshotLabError, match="append-only"), again._database.write() as c:
        c.execute(text(f"DELETE FROM {_at(address)}team_events"))
    again.close()
    Store.open(*address).close()


def _at(address: tuple[str, str | None]) -> str:
    return f'"{address[1]}".' if address[1] else ""


def test_an_upgrade_that_fails_changes_nothing(
    store: Store,
    kim: Annotator,
    address: tuple[str, str | None],
    set_back: Callable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    a = kim.add("a")
    kim.label(0, a)
    set_back()
    nowhere = Table("nowhere", schema.MetaData(), Column("x", Integer)).c.x
    first = schema.UPGRADES[2]
    broken = schema.Upgrade(first.tables, (*first.columns, nowhere))
    with monkeypatch.context() as patch:
        patch.setitem(schema.UPGRADES, 2, broken)
        with pytest.raises(FewshotLabError, match="could not be brought up to this version"):
            Store.open(*address)
    again = Store.open(*address)
    assert now(again) == {0: a}
    again.close()


def test_two_processes_open_an_old_project_at_once(old: Path) -> None:
    code = "import sys; from fewshot_lab.store import Store\n"
    code += "s = Store.open(sys.argv[1]); print(len(s.labels())); s.close()"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(old)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in processes] == ["4"] * 3
    assert versions(old) == list(range(1, SCHEMA_VERSION + 1))
