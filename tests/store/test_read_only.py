"""A project on a read-only medium: read with all that a kill left there, and never touched."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fewshot_lab.errors import Unavailable
from fewshot_lab.store import Store

from .annotators import Annotator, now, picture

WRITTEN = Path(__file__).with_name("version_1.sql")
KILLED = """
import os, sys
from fewshot_lab.store import NewImage, Store
store = Store.open(sys.argv[1])
store.set("late", "in the log that SQLite writes beside the database")
os._exit(0)
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("killed", [False, True])
def test_it_is_read_and_refuses_to_be_written(
    tmp_path: Path, killed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "medium" / "project.sqlite"
    with closing(Store.open(file, create=True)) as store:
        store.add_images([picture(0), picture(1)])
        kim = Annotator(store, "kim")
        mono = kim.add("monocyte")
        kim.label(0, mono)
    if killed:
        subprocess.run([sys.executable, "-c", KILLED, str(file)], check=True)
        assert file.with_name("project.sqlite-wal").stat().st_size
        file.with_name("project.sqlite-shm").unlink()  # memory of a machine that is gone
    file.parent.chmod(0o555)
    before = contents(file.parent)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and not mode & os.W_OK)
    # Whoever is root writes to a closed folder all the same: here SQLite must not.
    connect = sqlite3.connect

    def only_copies(place, *args, **kwargs):
        assert not str(place).startswith(str(file))
        if str(file.as_uri()) in str(place):
            raise sqlite3.OperationalError("unable to open database file")
        return connect(place, *args, **kwargs)

    monkeypatch.setattr(sqlite3, "connect", only_copies)
    store = Store.open(file)
    assert now(store) == {0: mono}
    assert (store.get("late") is not None) is killed
    with pytest.raises(Unavailable, match=r"medium is read-only.* copy the project"):
        Annotator(store, "kim").label(1, mono)
    with pytest.raises(Unavailable, match="read-only"):
        store.drop()
    copy = Path(store._database._copy.name)
    store.close()
    assert not copy.exists()
    assert contents(file.parent) == before
    file.parent.chmod(0o755)


def test_an_old_one_is_read_in_todays_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "project.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(WRITTEN.read_text(encoding="utf-8"))
    before = file.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    with closing(Store.open(file)) as store:
        assert len(now(store)) == 4
    assert file.read_bytes() == before
