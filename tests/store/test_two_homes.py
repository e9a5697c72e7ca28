"""Projects of one name in two homes on one PostgreSQL server."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import inspect

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.store import Store


def test_deleting_one_leaves_the_others_labels(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_DATABASE", postgres)
    here = Project.create("blood", home=tmp_path / "here")
    there = Project.create("blood", home=tmp_path / "there")
    here.store.add_class("monocyte", annotator="kim")
    assert there.store.classes() == []
    there.delete()
    assert [row.name for row in here.store.classes()] == ["monocyte"]
    here.close()
    shutil.move(tmp_path / "here", tmp_path / "moved")
    with Project.open("blood", home=tmp_path / "moved") as moved:
        assert [row.name for row in moved.store.classes()] == ["monocyte"]
    # A copy of a folder is no second way to the same labels.
    shutil.copytree(tmp_path / "moved" / "blood", tmp_path / "moved" / "copy")
    with pytest.raises(FewshotLabError, match="not the database of a project"):
        Project.open("copy", home=tmp_path / "moved")
    with Project.open("blood", home=tmp_path / "moved") as moved:
        moved.delete()


def test_a_project_without_an_id_opens_as_before(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_DATABASE", postgres)
    folder = tmp_path / "old one"
    folder.mkdir()
    (folder / "project.json").write_text(json.dumps({"name": "old one", "created": "2026"}))
    mark = hashlib.sha256(b"old one").hexdigest()[:8]
    Store.open(postgres, f"fewshot_old_one_{mark}", create=True).close()
    with Project.open("old one", home=tmp_path) as project:
        assert project.store.classes() == []
        project.delete()


def test_a_project_that_could_not_be_made_leaves_no_schema(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEWSHOT_LAB_DATABASE", postgres)

    def schemas() -> list[str]:
        looking = Store.open(postgres, "looking", create=True)
        with looking._database.read() as connection:
            names = inspect(connection).get_schema_names()
        looking.drop()
        return names

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fewshot_lab.project.project.write_json", full)
    with pytest.raises(OSError):
        Project.create("blood", home=tmp_path)
    assert not (tmp_path / "blood").exists()
    assert not [name for name in schemas() if name.startswith("fewshot_blood_")]
