"""What the database takes: sound values from whoever writes, and old rows that are not."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.evaluation import pace
from fewshot_lab.store import SCHEMA_VERSION, Store

from .annotators import Annotator, image, now

WRITTEN = Path(__file__).with_name("version_1.sql")


def insert(store: Store, table: str, **values: Any) -> None:
    at = f'"{store._database.schema}".' if store._database.schema else ""
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    with store._database.write() as connection:
        connection.execute(text(f"INSERT INTO {at}{table} ({names}) VALUES ({places})"), values)


ACTION = {
    "id": 900, "time": 1, "annotator": "kim", "what": "nothing", "sentence": "", "n_images": 0,
    "machine": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"spent_ms": "x"}, {"spent_ms": -5}, {"annotator": "n" * 20_000}, {"annotator": ""},
        {"view": "v" * 5000}, {"strategy": "s" * 5000},
    ],
)  # fmt: skip
def test_the_database_itself_refuses_a_bad_action(
    store: Store, kim: Annotator, wrong: dict[str, Any]
) -> None:
    kim.add("a")
    with pytest.raises(FewshotLabError) as refused:
        insert(store, "actions", **(ACTION | wrong))
    assert not isinstance(refused.value, Unavailable)  # sending it again would not help
    insert(store, "actions", **ACTION, spent_ms=5)


def test_the_database_itself_refuses_bad_events_and_colours(store: Store, kim: Annotator) -> None:
    kim.label(0, kim.add("a"))
    row = {"id": 900, "action": 1, "image": 0, "kind": "class", "class_id": 1}
    for wrong in ({"kind": "said"}, {"class_id": -1}, {"shown_probability": 1.5}):
        with pytest.raises(FewshotLabError):
            insert(store, "events", **(row | wrong))
    state = {
        "id": 900, "action": 1, "class_id": 9, "name": "b", "position": 1, "retired": 0,
        "withdrawn": 0,
    }  # fmt: skip
    with pytest.raises(FewshotLabError):
        insert(store, "class_events", **state, color="red;x:1")


def test_probabilities_that_rounding_pushed_out_are_stored(store: Store, kim: Annotator) -> None:
    mono = kim.add("monocyte")
    shown = {image(0): (mono, 1.0000001), image(1): (mono, float("nan"))}
    kim.label([0, 1], mono, shown=shown)
    assert [event.shown for event in store.events()] == [(mono, 1.0), (mono, 0.0)]


@pytest.mark.parametrize("name", ["n" * 61, "a\0b", "a\nb", " "])
def test_a_name_that_nobody_has_is_told(store: Store, kim: Annotator, name: str) -> None:
    mono = kim.add("monocyte")
    with pytest.raises(FewshotLabError, match="name"):
        Annotator(store, name).label(0, mono)
    assert now(store) == {}


def test_old_rows_that_are_not_sound_are_read_and_undone(tmp_path: Path) -> None:
    """Before version 3 any text was stored for the time, the view, and the annotator's name."""
    path = tmp_path / "project.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WRITTEN.read_text(encoding="utf-8"))
        last = connection.execute("SELECT max(id) FROM actions").fetchone()[0]
        number = connection.execute("SELECT max(id) FROM events").fetchone()[0]
        for n, who in enumerate(["n" * 20_000, "kim"] * 6, 1):
            connection.execute(
                "INSERT INTO actions (id, time, annotator, what, sentence, n_images, machine,"
                " spent_ms, view) VALUES (?, 1, ?, 'label', 'x', 1, 0, 'x', ?)",
                (last + n, who, "v" * 20_000),
            )
            connection.execute(
                "INSERT INTO events (id, action, image, kind, origin, shown_class,"
                " shown_probability) VALUES (?, ?, 7, 'unsure', ?, 1, 'x')",
                (number + n, last + n, number + n),
            )
        connection.commit()
        connection.execute("PRAGMA journal_mode = WAL")
    store = Store.open(path)
    newest = store.events()[-1]
    assert (newest.spent_ms, newest.shown, newest.kind) == (None, None, "unsure")
    assert pace(store.events()) is None
    assert len(store.history()) > 6 and store.opinions() and store.export_labels()
    undone = store.undo("kim", client="c", q=1)
    assert undone is not None
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        versions = connection.execute("SELECT max(version) FROM schema_version").fetchone()
        assert versions == (SCHEMA_VERSION,)
        with pytest.raises(sqlite3.IntegrityError, match="sound"):
            connection.execute(
                "INSERT INTO actions (id, time, annotator, what, sentence, n_images, machine,"
                " spent_ms) VALUES (5000, 1, 'kim', 'nothing', '', 0, 0, 'x')"
            )


def test_a_server_that_is_away_is_worth_another_try(postgres: str) -> None:
    with pytest.raises(Unavailable):
        Store.open("postgresql://lab@127.0.0.1:1/lab?connect_timeout=2", "blood")
    store = Store.open(postgres, "restarted", create=True)
    kim = Annotator(store, "kim")
    kim.add("monocyte")
    with store._database.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    kim.add("lymphocyte")
    assert len(store.classes()) == 2
    store.drop()
