"""Tiles of slides are images like any other: from import to export, moved, copied, killed."""

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab import Project
from fewshot_lab.cli.main import run
from fewshot_lab.export import labels_csv
from fewshot_lab.images import Tiling, UnreadableImage, pixel_id
from fewshot_lab.project import relink, slides_of, tiles_of

from ..images.pyramids import picture, write_pyramid

TILING = Tiling(tile_um=32, most=12)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for k in range(2):
        write_pyramid(folder / f"s{k}.svs", picture(1024, 768, k), levels=2)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "in"))


@pytest.fixture
def project(home: Path, folder: Path):
    with Project.create("p") as project:
        project.import_images(folder, tiling=TILING)
        yield project


def test_a_slide_becomes_tiles_that_are_read_from_it(project, folder):
    assert [slide.name for slide in slides_of(project)] == ["s0.svs", "s1.svs"]
    for slide in slides_of(project):
        assert (slide.file, slide.width, slide.height) == (folder / slide.name, 1024, 768)
        assert slide.mpp == 0.5
        tiles = tiles_of(project, slide)
        assert len(tiles) == 12
        for tile in tiles:
            row = project.store.image(tile.image_id)
            assert row.group == row.meta["slide"] == slide.name
            assert row.path == f"{slide.name}#xywh={tile.x},{tile.y},{tile.width},{tile.height}"
            shown = project.picture(tile.image_id)
            assert pixel_id(shown) == tile.image_id
            whole = picture(1024, 768, int(slide.name[1]))
            part = whole[tile.y : tile.y + 64, tile.x : tile.x + 64]
            assert (np.asarray(shown) == part).all()
            assert project.grey_values(tile.image_id, 64) is None
    copied = [path for path in (project.folder / "images").rglob("*") if path.is_file()]
    assert copied == []
    project.thumbnail_path(tile.image_id).unlink()
    assert project.thumbnail(tile.image_id)


def test_again_only_what_is_new(project, folder):
    report = project.import_images(folder, tiling=TILING)
    assert (report.added, report.known) == (0, 24)
    more = project.import_images(folder, tiling=Tiling(tile_um=32, most=20))
    assert (more.added, more.known) == (16, 24)  # the larger draw holds the smaller one
    coarse = project.import_images(folder, tiling=Tiling(tile_um=64, mpp=1, most=5))
    assert coarse.added == 10
    assert len(slides_of(project)) == 2
    assert {tile.mpp for tile in tiles_of(project, slides_of(project)[0])} == {0.5, 1.0}


def test_labels_go_out_under_the_tiles_name(project):
    ids = project.store.ids()
    project.labels.add(dict.fromkeys(ids[:3], "tumour"), annotator="kim")
    rows = list(csv.DictReader(io.StringIO(labels_csv(project).lstrip("\ufeff"))))
    assert len(rows) == 3
    for row in rows:
        assert "#xywh=" in row["path"]
        assert project.store.find(row["path"]) in ids[:3]


def test_slides_that_moved_and_projects_that_were_copied(project, folder, tmp_path):
    first = project.store.ids()[0]
    folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UnreadableImage, match="not there"):
        project.picture(first)
    copied = Path(shutil.copytree(project.folder, tmp_path / "copy"))
    with Project.open(copied) as copy:
        done = relink(copy, str(folder), tmp_path / "elsewhere")
        assert (done.moved, done.missing, done.differing) == (2, [], [])
        assert pixel_id(copy.picture(first)) == first
        assert {slide.file.parent for slide in slides_of(copy)} == {tmp_path / "elsewhere"}
    # The other way: imported again from where they lie now.
    report = project.import_images(tmp_path / "elsewhere", tiling=TILING)
    assert (report.added, report.moved, report.duplicates) == (0, 24, [])
    assert pixel_id(project.picture(first)) == first
    assert [slide.file.exists() for slide in slides_of(project)] == [True, True]
    assert [len(tiles_of(project, slide)) for slide in slides_of(project)] == [12, 12]


def test_a_slide_written_anew_brings_new_tiles(project, folder):
    first = project.store.ids()[0]
    write_pyramid(folder / "s0.svs", picture(1024, 768, 7), levels=2)
    report = project.import_images(folder, tiling=TILING)
    assert (report.added, report.known) == (12, 12)
    with pytest.raises(UnreadableImage):
        project.picture(first)  # another picture lies there now


def test_copies_need_the_slide_no_more(home, folder):
    with Project.create("kept") as project:
        project.import_images(folder, tiling=TILING, copy=True)
        tiles = [tiles_of(project, slide) for slide in slides_of(project)]
        shutil.rmtree(folder)
        assert [len(each) for each in tiles] == [12, 12]
        for tile in tiles[0]:
            assert pixel_id(project.picture(tile.image_id)) == tile.image_id


def test_slides_dropped_into_the_browser_leave_their_tiles(home, made):
    with Project.create("dropped") as project:
        drop = project.folder / "uploads" / "1"
        shutil.copytree(made, drop)
        report = project.import_images([drop / "s0.svs", drop / "s1.svs"], tiling=TILING)
        assert report.added == 24
        assert not drop.exists()
        for image_id in project.store.ids():
            assert pixel_id(project.picture(image_id)) == image_id


def test_the_patient_is_the_group_where_a_table_says_so(home, folder):
    (folder / "slides.csv").write_text("path,patient\ns0.svs,A\ns1.svs,A\n", encoding="utf-8")
    with Project.create("patients") as project:
        project.import_images(folder / "slides.csv", tiling=TILING)
        assert set(project.store.column("group").values()) == {"A"}
        assert set(project.store.column("slide").values()) == {"s0.svs", "s1.svs"}


def test_tiles_that_overlap_stay_together(home, folder):
    with Project.create("overlap") as project:
        project.import_images(folder, tiling=Tiling(tile_um=32, overlap=0.5, most=40))
        ids = project.store.ids()
        slides = project.store.column("slide")
        assert project.splits.grouping.groups_of(ids).tolist() == [slides[i] for i in ids]


def test_one_bad_slide_never_stops_the_others(home, folder):
    whole = (folder / "s1.svs").read_bytes()
    (folder / "s1.svs").write_bytes(whole[: len(whole) // 2])
    with Project.create("bad") as project:
        report = project.import_images(folder, tiling=TILING)
        assert report.added == 12
        assert {path for path, _ in report.refused} == {"s1.svs"}


def test_the_terminal_shows_the_tissue_and_then_makes_those_tiles(home, folder, tmp_path, capsys):
    options = ["--tile-um", "32", "--tiles", "7"]
    pictures = tmp_path / "pictures"
    assert run(["slides", "tissue", str(folder), "--preview", str(pictures), *options]) == 0
    assert "2 slides, 14 tiles" in capsys.readouterr().out
    assert {file.name for file in pictures.iterdir()} == {"s0.svs.png", "s1.svs.png"}
    assert run(["create", "t"]) == 0
    assert run(["import", "t", str(folder), *options]) == 0
    assert "14 images added" in capsys.readouterr().out
    assert run(["import", "t", str(folder), "--tile-px", "64", "--mpp", "1"]) == 1
    assert "not both" in capsys.readouterr().err
    assert run(["slides", "tissue", str(folder), "--tile-um", "9000"]) == 1
    assert "change its size" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_killed_in_the_middle_an_import_goes_on(home, folder):
    with Project.create("killed") as project:
        arguments = ["import", "killed", str(folder), "--tile-um", "16", "--tiles", "100"]
        worker = subprocess.Popen(
            [sys.executable, "-m", "fewshot_lab", *arguments],
            env=os.environ | {"FEWSHOT_LAB_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limit = time.monotonic() + 60
        while not project.store.ids() and time.monotonic() < limit and worker.poll() is None:
            time.sleep(0.005)
        worker.kill()  # SIGKILL
        worker.wait()
        stored = len(project.store.files())  # tiles that look alike are one image
        report = project.import_images(folder, tiling=Tiling(tile_um=16, most=100))
        assert stored
        # A tile that looks like another one is known, too, and has no image of its own.
        assert report.known >= stored
        assert report.known + report.added + len(report.duplicates) == 200
        assert [len(tiles_of(project, slide)) for slide in slides_of(project)] == [100, 100]
