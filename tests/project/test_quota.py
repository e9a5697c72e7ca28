"""A project's quota is asked before an import: what does not fit brings nothing in."""

import shutil
from pathlib import Path

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project, Quota, quota_of, set_quota


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
