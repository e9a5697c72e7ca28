"""A project's rows, moved from its file to a server and back: all of them, or nothing happens."""

import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import Store, to_file, to_server

from .annotators import Annotator, now, picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The database of a project with labels and undo."""
    path = tmp_path / "project.sqlite"
    store = Store.open(path, create=True)
    store.add_images([picture(n, meta={"site": "ä", "age": 0.1 + n}) for n in range(20)])
    kim, bo = Annotator(store, "kim"), Annotator(store, "bo")
    a, b = kim.add("a"), kim.add("b")
    for n in range(20):
        (kim if n % 3 else bo).label(n, a if n % 2 else b, spent_ms=1000 + n)
    bo.undo()
    store.set("target", 50)
    store.close()
    return path


@pytest.fixture
def schema(postgres: str) -> Iterator[str]:
    name = f"fewshot_moving_{uuid.uuid4().hex}"
    yield name
    try:
        store = Store.open(postgres, name)
    except FewshotLabError:
        return
    store.drop()
    store.close()


def everything(store: Store) -> tuple:
    return store.events(), store.images(), store.classes(), store.get("target"), store.history(99)


def test_there_and_back(file: Path, postgres: str, schema: str) -> None:
    store = Store.open(file)
    before = everything(store)
    store.close()
    to_server(file, postgres, schema)
    assert list(file.parent.iterdir()) == []
    store = Store.open(postgres, schema)
    assert everything(store) == before
    kim = Annotator(store, "kim")
    kim.label(0, "unsure")
    before = everything(store)
    with pytest.raises(FewshotLabError, match="append-only"), store._database.write() as c:
        c.execute(text(f'DELETE FROM "{schema}".events'))
    store.close()
    to_file(postgres, schema, file)
    assert list(file.parent.iterdir()) == [file]
    with pytest.raises(FewshotLabError):
        Store.open(postgres, schema)
    store = Store.open(file)
    assert everything(store) == before and store.verify().is_sound
    Annotator(store, "kim").label(1, "unsure")
    with pytest.raises(FewshotLabError, match="append-only"), store._database.write() as c:
        c.execute(text("DELETE FROM events"))
    store.close()


def test_values_that_only_sqlite_holds_go_over_as_missing(
    file: Path, postgres: str, schema: str
) -> None:
    store = Store.open(file)
    with store._database.write() as connection:
        for table in ("actions", "events"):
            connection.execute(text(f"DROP TRIGGER {table}_sound"))
        connection.execute(
            text(
                "INSERT INTO actions (id, time, annotator, what, sentence, n_images, spent_ms, "
                "machine) VALUES (999, 1, 'k' || char(0), 'label', '', 1, 'x', 0)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO events (id, action, image, kind, class_id, origin, shown_probability)"
                " VALUES (9999, 999, 1, 'class', 1, 9999, 'often')"
            )
        )
    before = store.events()
    store.close()
    to_server(file, postgres, schema)
    store = Store.open(postgres, schema)
    assert store.events()[:-1] == before[:-1]
    assert store.verify().problems == ("Actions 24 to 998 were removed.",)  # never there
    last = store.events()[-1]
    assert (last.annotator, last.spent_ms) == ("k\ufffd", None)
    store.close()


def test_a_project_in_use_stays_where_it_is(file: Path, postgres: str, schema: str) -> None:
    store = Store.open(file)
    before = everything(store)
    with pytest.raises(FewshotLabError, match="in use: stop the app"):
        to_server(file, postgres, schema)
    with pytest.raises(FewshotLabError):
        Store.open(postgres, schema)
    assert everything(store) == before
    Annotator(store, "kim").label(0, "unsure")
    store.close()
    to_server(file, postgres, schema)
    store = Store.open(postgres, schema)
    with pytest.raises(FewshotLabError, match="in use: stop the app"):
        to_file(postgres, schema, file)
    assert not list(file.parent.iterdir())
    Annotator(store, "kim").label(1, "unsure")
    store.close()


def test_whoever_waits_for_a_file_that_is_moved_is_told(
    file: Path, postgres: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fewshot_lab.store import moving

    wrong: list[BaseException] = []

    def open_late() -> None:
        try:
            Annotator(Store.open(file), "late").label(0, "unsure")
        except FewshotLabError as error:
            wrong.append(error)

    late = threading.Thread(target=open_late)
    compare = moving.first_difference

    def meanwhile(*connections: object) -> str | None:
        late.start()
        threading.Event().wait(0.5)
        return compare(*connections)

    monkeypatch.setattr(moving, "first_difference", meanwhile)
    to_server(file, postgres, schema)
    late.join()
    assert len(wrong) == 1 and "not the database of a project" in str(wrong[0])


def test_what_arrives_otherwise_is_not_taken(
    file: Path, postgres: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fewshot_lab.store import moving

    monkeypatch.setattr(moving, "first_difference", lambda *_: "events")
    with pytest.raises(FewshotLabError, match="nothing was moved"):
        to_server(file, postgres, schema)
    monkeypatch.undo()
    with pytest.raises(FewshotLabError):
        Store.open(postgres, schema)
    Store.open(file).close()
    to_server(file, postgres, schema)


def test_a_schema_that_is_there_is_nobodys_new_one(postgres: str, schema: str) -> None:
    store = Store.open(postgres, schema, create=True)
    store.set("target", 1)
    store.close()
    with pytest.raises(FewshotLabError, match="already"):
        Store.open(postgres, schema, create=True)
    store = Store.open(postgres, schema)
    assert store.get("target") == 1
    store.close()


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=pytest.mark.exhaustive)])
@pytest.mark.slow
def test_a_killed_move_leaves_the_project_in_one_place(
    file: Path, postgres: str, schema: str, kills: int
) -> None:
    store = Store.open(file)
    labels = now(store)
    store.close()
    code = "import sys; from pathlib import Path\n"
    code += "from fewshot_lab.store import to_file, to_server\n"
    code += "print(flush=True); f, url, s = Path(sys.argv[1]), *sys.argv[2:]\n"
    code += "to_server(f, url, s) if f.exists() else to_file(url, s, f)\n"
    chance = random.Random(kills)
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(file), postgres, schema],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        process.stdout.readline()
        threading.Event().wait(chance.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = Store.open(file) if file.exists() else Store.open(postgres, schema)
        assert now(store) == labels
        store.close()
        if file.exists():  # a schema that was left is in the way of the next move
            server = Store.open(postgres, f"{schema}_other", create=True)
            with server._database.write() as connection:
                connection.execute(text(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'))
            server.drop()
            server.close()
