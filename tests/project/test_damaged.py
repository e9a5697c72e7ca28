"""Projects that do not open are listed with their reason, and stop no other one."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.project import Project


def marker(text: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "project.json").write_bytes(text) and None


def database(text: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / "project.sqlite").write_bytes(text) and None


def sql(*statements: str) -> Callable[[Path], None]:
    def go(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "project.sqlite")) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return go


def torn(folder: Path) -> None:
    file = folder / "project.sqlite"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def overwritten(folder: Path) -> None:
    file = folder / "project.sqlite"
    data = bytearray(file.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    file.write_bytes(data)


def unlinked(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def folder_instead(folder: Path) -> None:
    (folder / "project.sqlite").unlink()
    (folder / "project.sqlite").mkdir()


DAMAGE = {
    "database gone": unlinked("project.sqlite"),
    "database empty": database(b""),
    "database is text": database(b"path,label\n" * 500),
    "database torn": torn,
    "database overwritten": overwritten,
    "database is a folder": folder_instead,
    "newer version": sql("UPDATE schema_version SET version = 99"),
    "no version": sql("DELETE FROM schema_version"),
    "a table gone": sql("DROP TABLE files", "DROP TABLE audit_images", "DROP TABLE images"),
    "a setting that is no JSON": sql(
        "INSERT OR REPLACE INTO settings (key, value) VALUES ('last_used', '{')"
    ),
    "marker gone": unlinked("project.json"),
}
HARMLESS = {
    "marker empty": marker(b""),
    "marker is no JSON": marker(b"{name"),
    "marker is a list": marker(b"[]"),
    "marker is not UTF-8": marker(b"\xff\xfe"),
}


@pytest.fixture
def projects(home: Path) -> Path:
    for name in ("good", "hurt"):
        Project.create(name).close()
    return home


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_each_damaged_project_is_listed_with_its_reason(
    projects: Path, damage: Callable[[Path], None], capsys: pytest.CaptureFixture
) -> None:
    damage(projects / "hurt")
    infos, damaged = Project.survey()
    assert [info.name for info in infos] == ["good"]
    assert [each.name for each in damaged] == ["hurt"]
    assert len(damaged[0].reason) > 20 and damaged[0].reason.rstrip().endswith((".", "?"))
    assert [info.name for info in Project.list()] == ["good"]
    assert run(["projects"]) == 0
    out, err = capsys.readouterr()
    assert "good" in out and "hurt cannot be opened. " in err


@pytest.mark.parametrize("damage", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_marker_that_says_nothing_costs_no_more_than_the_title(
    projects: Path, damage: Callable[[Path], None]
) -> None:
    damage(projects / "hurt")
    infos, damaged = Project.survey()
    assert {info.title for info in infos} == {"good", "hurt"} and damaged == []


def test_a_closed_folder_is_named(projects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "hurt" and access(path, mode)
    )
    damaged = Project.survey()[1]
    assert [(each.name, "permission denied" in each.reason) for each in damaged] == [("hurt", True)]


def test_a_link_that_leads_nowhere_and_other_folders_are_no_projects(projects: Path) -> None:
    (projects / "gone").symlink_to(projects / "elsewhere")
    (projects / "notes").mkdir()
    shutil.copytree(projects / "good", projects / "good (2)")
    infos, damaged = Project.survey()
    assert {info.name for info in infos} == {"good", "good (2)", "hurt"} and damaged == []
