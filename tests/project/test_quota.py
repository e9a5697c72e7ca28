"""A project's quota is asked before an import: what does not fit brings nothing in."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Tiling
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project, Quota, quota_of, set_quota
from fewshot_lab.project.quota import bytes_on_disk

from ..images.pyramids import picture, write_pyramid


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw_demo(tmp_path / "cells", n=6)
    return tmp_path / "cells"


def test_nothing_half_imported(
    pictures: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", pictures))
    with Project.create("cells") as project:
        monkeypatch.setenv("FEWSHOT_LAB_QUOTA_IMAGES", "5")
        dropped = project.folder / "uploads" / "1"
        shutil.copytree(pictures, dropped)
        for source in (dropped, pictures, packed):
            with pytest.raises(FewshotLabError, match="may hold 5 images and has 0: 6 more"):
                project.import_images(source)
            assert project.store.ids() == []
            assert {p.name for p in project.folder.rglob("*.*")} <= {
                "project.json", "project.sqlite", "project.sqlite-wal", "project.sqlite-shm"
            }  # fmt: skip
        set_quota(project, Quota(images=6))
        assert project.import_images(pictures).added == 6
        assert project.import_images(pictures).known == 6  # the same again is nothing more
        set_quota(project, Quota(gb=0.0001))
        draw_demo(tmp_path / "more", n=3, seed=5)
        with pytest.raises(FewshotLabError, match="may take 100 kB of the disk"):
            project.import_images(tmp_path / "more", copy=True)
        assert len(project.store.ids()) == 6
        project.import_images(tmp_path / "more")  # in place: takes no room
        set_quota(project, None)
        assert quota_of(project) == Quota(images=5)
        monkeypatch.setenv("FEWSHOT_LAB_QUOTA_IMAGES", "many")
        with pytest.raises(FewshotLabError, match="FEWSHOT_LAB_QUOTA_IMAGES must be a number"):
            project.import_images(pictures)


def test_copies_of_tiles_and_frames_count_as_what_they_take(tmp_path: Path, home: Path) -> None:
    (tmp_path / "slides").mkdir()
    write_pyramid(tmp_path / "slides" / "s.svs", picture(512, 384, 1), levels=2)
    frames = [Image.fromarray(picture(160, 120, k)) for k in range(6)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=1000)
    tiling = Tiling(tile_um=32, most=6)
    for name, source, n in (("p", tmp_path / "slides", 6), ("q", tmp_path / "a.gif", 6)):
        with Project.create(name) as project:
            project.import_images(source, tiling=tiling, copy=True)
            taken = bytes_on_disk(project.folder / "images")
            assert len(project.store.ids()) == n
        with Project.create(f"{name} in place") as project:
            set_quota(project, Quota(gb=1e-6))  # parts of slides and videos are read from them
            assert project.import_images(source, tiling=tiling).added == n
        with Project.create(f"{name} small") as project:
            set_quota(project, Quota(gb=(bytes_on_disk(project.folder) + 0.6 * taken) / 1e9))
            with pytest.raises(FewshotLabError, match="may take"):
                project.import_images(source, tiling=tiling, copy=True)
            assert project.store.ids() == []
            set_quota(project, Quota(gb=(bytes_on_disk(project.folder) + 1.6 * taken) / 1e9))
            assert project.import_images(source, tiling=tiling, copy=True).added == n
            set_quota(project, Quota(images=n))
            assert project.import_images(source, tiling=tiling, copy=True).known == n
