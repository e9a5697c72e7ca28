"""Opening a project's database: a clear sentence where it cannot be."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import SCHEMA_VERSION, Store

from .annotators import Annotator, now, picture


def test_a_newer_schema_is_left_alone(store: Store, address: tuple[str, str | None]) -> None:
    table = f'"{address[1]}".schema_version' if address[1] else "schema_version"
    with store._database.write() as connection:
        connection.execute(text(f"UPDATE {table} SET version = {SCHEMA_VERSION + 1}"))
    with pytest.raises(FewshotLabError, match=r"newer version of Fewshot Lab .* update"):
        Store.open(*address)
    with pytest.raises(FewshotLabError, match="newer version"):
        Store.open(*address, create=True)
    with store._database.write() as connection:
        connection.execute(text(f"UPDATE {table} SET version = {SCHEMA_VERSION}"))
    Store.open(*address).close()


def test_there_is_none(address: tuple[str, str | None]) -> None:
    with pytest.raises(FewshotLabError, match=r"no project|not the database of a project"):
        Store.open(*address)


@pytest.mark.parametrize("create", [False, True])
def test_a_file_that_is_something_else(tmp_path: Path, create: bool) -> None:
    other = tmp_path / "project.sqlite"
    other.write_text("path,label\n" * 1000)
    with pytest.raises(FewshotLabError, match="not the database of a project"):
        Store.open(other, create=create)
    assert other.read_text().startswith("path,label")


def test_an_empty_database_is_no_project(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "project.sqlite").close()
    (tmp_path / "project.sqlite").touch()
    with pytest.raises(FewshotLabError, match="not the database of a project"):
        Store.open(tmp_path / "project.sqlite")


@pytest.mark.parametrize("url", ["mysql://a/b", "nonsense://", "postgresql://", "://"])
def test_a_url_that_leads_nowhere(url: str) -> None:
    with pytest.raises(FewshotLabError):
        Store.open(url + ("?connect_timeout=2" if "postgres" in url else ""), "schema")


def test_two_projects_share_a_server_and_nothing_else(postgres: str) -> None:
    one, two = (Store.open(postgres, name, create=True) for name in ("blood_1", "skin_2"))
    one.add_images([picture(0), picture(1)])
    kim = Annotator(one, "kim")
    kim.label(0, kim.add("a"))
    assert two.ids() == [] and two.classes() == [] and now(two) == {}
    one.drop()
    with pytest.raises(FewshotLabError):
        Store.open(postgres, "blood_1")
    assert two.get("x") is None
    two.drop()


def test_names_of_folders_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "a b?x=1&%41#" / "project.sqlite"
    store = Store.open(path, create=True)
    store.set("a", 1)
    store.close()
    assert path.exists()
    store = Store.open(path)
    assert store.get("a") == 1
    store.close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FewshotLabError, match="cannot be made"):
        Store.open(tmp_path / "file" / "project.sqlite", create=True)


def test_drop_leaves_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "project.sqlite", create=True)
    store.set("a", 1)
    store.drop()
    assert list(tmp_path.iterdir()) == []


def test_labels_are_synced_to_the_disk(tmp_path: Path) -> None:
    Store.open(tmp_path / "project.sqlite", create=True).close()
    store = Store.open(tmp_path / "project.sqlite")
    with store._database.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA busy_timeout")) == 30_000
    store.close()


def test_the_store_alone_loads_nothing_heavy() -> None:
    code = "import sys, fewshot_lab.store, fewshot_lab.jobs\n"
    code += "heavy = {'torch', 'numpy', 'streamlit', 'colorcet', 'faiss'}\n"
    code += "print(sorted(heavy & sys.modules.keys()))"
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert out.stdout.strip() == "[]"
