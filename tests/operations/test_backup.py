"""Backup and restore: what was acknowledged before is in it, whole, whoever is killed when."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.operations import move_rows, restore_backup, write_backup
from fewshot_lab.project import Project

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def cells(
    request: pytest.FixtureRequest,
    template: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder of an embedded project with a class, on either database."""
    shutil.copytree(template, home / "cells")
    if request.param == "postgresql":
        monkeypatch.setenv("FEWSHOT_LAB_DATABASE", request.getfixturevalue("postgres"))
        marker = json.loads((home / "cells" / "project.json").read_text())
        marker["id"] = os.urandom(16).hex()
        (home / "cells" / "project.json").write_text(json.dumps(marker))
        move_rows("cells", "postgresql")
    with Project.open("cells") as project:
        project.store.add_class("monocyte", annotator="kim")
    return home / "cells"


def log_of(project: Project) -> list:
    return project.store.events()


def test_a_project_comes_back_as_it_was(cells: Path, tmp_path: Path) -> None:
    with Project.open("cells") as project:
        project.import_images(_pictures(tmp_path), copy=True)
        ids = project.store.ids()
        image = ids[-1]
        before = log_of(project), project.store.images(), project.map.xy.tolist()
        pixels = project.picture(image).tobytes()
        done = write_backup(project, tmp_path / "a.zip")
        assert (done.images, done.outside, done.missing) == (len(ids), 64, ())
        with pytest.raises(FewshotLabError, match="exists already"):
            write_backup(project, tmp_path / "a.zip")
        in_folder = write_backup(project, tmp_path).file
        assert in_folder.name.startswith("cells-") and in_folder.exists()
    beside = restore_backup(tmp_path / "a.zip")
    assert (beside.name, beside.unreachable) == ("cells-2", 0)
    shutil.rmtree(cells / "images")
    with Project.open("cells-2") as restored:
        assert (log_of(restored), restored.store.images(), restored.map.xy.tolist()) == before
        assert restored.picture(image).tobytes() == pixels  # its own copy
        assert len(restored.require_embeddings().ids) == 64
        restored.store.add_class("platelet", annotator="bo")
    with Project.open("cells") as project:
        assert [row.name for row in project.store.classes()] == ["monocyte"]
        project.delete()
    assert restore_backup(tmp_path / "a.zip").name == "cells"
    with pytest.raises(FewshotLabError, match="already a project"):
        restore_backup(tmp_path / "a.zip", name="cells-2")
    assert restore_backup(tmp_path / "a.zip", name="blood").name == "blood"
    assert sorted(p.name for p in cells.parent.iterdir()) == ["blood", "cells", "cells-2"]
    for name in ("blood", "cells", "cells-2"):
        with Project.open(name) as project:
            project.delete()


def _pictures(folder: Path) -> Path:
    draw_demo(folder / "more", n=5, seed=7)
    return folder / "more"


def test_a_zip_s_pictures_are_read_from_where_the_project_is(home: Path, tmp_path: Path) -> None:
    packed = shutil.make_archive(str(tmp_path / "cells"), "zip", _pictures(tmp_path))
    with Project.create("packed", images=packed) as project:
        write_backup(project, tmp_path / "a.zip")
        project.delete()
    restore_backup(tmp_path / "a.zip", name="other")
    with Project.open("other") as project:
        assert all(project.picture(image).width for image in project.store.ids())
        assert project.import_images(packed).added == 0


def damage(file: Path, name: str, data: bytes | None) -> Path:
    """Write a copy of a backup in which one member is another, or missing."""
    bad = file.with_name(f"bad-{len(list(file.parent.iterdir()))}.zip")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(bad, "w") as new:
        for each in old.namelist():
            if each != name:
                new.writestr(each, old.read(each))
        if data is not None:
            new.writestr(name, data)
    return bad


def test_what_is_damaged_is_refused_and_leaves_nothing(
    template: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(template, home / "cells")
    file = tmp_path / "a.zip"
    with Project.open("cells") as project:
        write_backup(project, file)
        thumbnail = next(iter((project.folder / "thumbs").rglob("*.webp")))
        name = thumbnail.relative_to(project.folder).as_posix()
    with zipfile.ZipFile(file) as archive:
        about = json.loads(archive.read("backup.json"))
    outside = {**about, "files": {**about["files"], "../x": [1, "0"]}}
    newer = {**about, "format": 2}
    cut = tmp_path / "cut.zip"
    cut.write_bytes(file.read_bytes()[:-100])
    text = tmp_path / "text.zip"
    text.write_text("no backup")
    flipped = bytearray(file.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "flipped.zip").write_bytes(flipped)
    for bad, sentence in [
        (damage(file, name, b"other"), "damaged"),
        (damage(file, name, None), "damaged"),
        (damage(file, "backup.json", json.dumps(outside).encode()), "leads outside"),
        (damage(file, "backup.json", json.dumps(newer).encode()), "newer version"),
        (damage(file, "backup.json", b"[]"), "not a backup"),
        (cut, "not a backup, or only a part"),
        (text, "not a backup"),
        (tmp_path / "flipped.zip", "damaged"),
        (tmp_path / "nowhere.zip", "nothing at"),
    ]:
        with pytest.raises(FewshotLabError, match=sentence):
            restore_backup(bad)
        assert [path.name for path in home.iterdir()] == ["cells"]


def run(*code: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


KILLED_BEFORE_IT_STANDS = """
import os, signal, sys
from pathlib import Path
from fewshot_lab.operations import restore_backup
Path.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
restore_backup(Path(sys.argv[1]))
"""


@pytest.mark.postgresql
@pytest.mark.parametrize("cells", ["postgresql"], indirect=True)
def test_a_killed_restore_leaves_no_schema(cells: Path, postgres: str, tmp_path: Path) -> None:
    import psycopg

    server = postgres.replace("+psycopg", "")

    def schemas() -> set[str]:
        with psycopg.connect(server) as connection:
            rows = connection.execute("select nspname from pg_namespace").fetchall()
        return {name for (name,) in rows if name.startswith("fewshot_cells")}

    with Project.open("cells") as project:
        write_backup(project, tmp_path / "a.zip")
    before = schemas()
    killed = run("-c", KILLED_BEFORE_IT_STANDS, str(tmp_path / "a.zip"))
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL and len(schemas() - before) == 1
    restored = restore_backup(tmp_path / "a.zip")
    assert [path.name for path in sorted(cells.parent.iterdir())] == ["cells", restored.name]
    assert len(schemas() - before) == 1
    for name in ("cells", restored.name):
        with Project.open(name) as project:
            project.delete()
    assert schemas() < before


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_under_load_and_kills(cells: Path, tmp_path: Path, kills: int) -> None:
    """Three label on and are killed, backups are killed; each that is there holds what was said."""
    file = tmp_path / "a.zip"
    chance = random.Random(kills)
    told: list[int] = []

    def listen(process: subprocess.Popen) -> None:
        told.extend(int(line) for line in process.stdout if line.endswith("\n"))
        process.stdout.close()

    def kill(process: subprocess.Popen) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    for turn in range(kills):
        writers = [
            run("-m", "tests.operations.writer", str(cells), f"w{turn}-{k}") for k in range(2)
        ]
        ears = [threading.Thread(target=listen, args=(writer,)) for writer in writers]
        for ear in ears:
            ear.start()
        while len(told) < 10 * (turn + 1):
            threading.Event().wait(0.01)
        killed = run("-m", "fewshot_lab", "backup", "cells", str(file))
        threading.Event().wait(0.5 + chance.random())
        kill(killed)
        killed.stdout.close()
        if file.exists():  # it was quicker
            zipfile.ZipFile(file).close()
            file.unlink()
        acknowledged = max(told)
        with Project.open("cells") as project:
            done = write_backup(project, file)
        for writer in writers:
            kill(writer)
        for ear in ears:
            ear.join()
        assert done.position >= acknowledged
        killed = run("-m", "fewshot_lab", "restore", str(file))
        threading.Event().wait(0.5 + chance.random())
        kill(killed)
        killed.stdout.close()
        restored = restore_backup(file)
        with Project.open("cells") as whole, Project.open(restored.name) as copy:
            assert copy.store.position() == done.position
            then = [event for event in log_of(whole) if event.position <= done.position]
            assert log_of(copy) == then
            assert {event.position for event in then} >= {p for p in told if p <= done.position}
        file.unlink()
        for folder in cells.parent.glob("cells-*"):
            with Project.open(folder.name) as other:
                assert other.store.position() == done.position
                other.delete()
    assert sorted(told) == sorted(set(told))
    assert [path.name for path in cells.parent.iterdir()] == ["cells"]
    with Project.open("cells") as project:
        project.delete()
