"""Images whose files moved, were copied, went away and came back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab import FewshotLabError, Project
from fewshot_lab.cli.main import run
from fewshot_lab.export import labels_csv
from fewshot_lab.project import UnreadableImages, relink


def draw(folder: Path, count: int = 4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        pixels = np.random.default_rng(k).integers(0, 256, (24, 24, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"i{k}.png")
    return folder


@pytest.fixture
def project(home: Path, tmp_path: Path):
    with Project.create("p") as project:
        project.import_images(draw(tmp_path / "one"))
        yield project


def files(project: Project) -> set[Path]:
    """Return the folders that images are read from, one by one and all at once."""
    ids = project.store.ids()
    one_by_one = [project.file_of(image_id)[0] for image_id in ids]
    assert [item.file for item in project.items()] == one_by_one
    return {file.parent for file in one_by_one}


def test_importing_from_the_new_place_brings_moved_images_back(project, tmp_path):
    (tmp_path / "one").rename(tmp_path / "two")
    report = project.import_images(tmp_path / "two")
    assert (report.added, report.moved, report.duplicates) == (0, 4, [])
    assert "4 images found again in another place" in report.sentence
    assert files(project) == {tmp_path / "two"}
    assert project.picture(project.store.ids()[0]).size == (24, 24)
    project.labels.add(dict.fromkeys(project.store.ids(), "a"), annotator="kim")
    assert len(labels_csv(project).splitlines()) == 1 + 4
    (tmp_path / "two").rename(tmp_path / "one")  # and back again
    assert files(project) == {tmp_path / "one"}


def test_one_of_two_copies_is_enough(project, tmp_path):
    assert len(project.import_images(draw(tmp_path / "copy")).duplicates) == 4
    (tmp_path / "one" / "i2.png").unlink()
    assert files(project) == {tmp_path / "one", tmp_path / "copy"}


def test_nothing_is_embedded_while_the_drive_is_away(project, tmp_path, capsys):
    project.embed()
    before = project.backbone_name
    (tmp_path / "one").rename(tmp_path / "away")
    with pytest.raises(UnreadableImages, match=rf"p stays with {before}. i0.png: The file is not"):
        project.embed(backbone="efficientnet-lite0-imagenet")
    assert run(["embed", "p", "--backbone", "efficientnet-lite0-imagenet", "--now"]) == 1
    assert "  i3.png: The file is not there." in capsys.readouterr().err
    assert project.backbone_name == before and project.embeddings is not None


# (how OLD is written, where the sources lie by the database)
@pytest.mark.parametrize("old", ["D:\\scans", "d:/scans/", "/mnt/scans"])
def test_a_folder_that_moved_as_a_whole_is_relinked(project, tmp_path, old, capsys):
    windows = old[1] == ":"
    stored = "D:\\scans\\ward\\" if windows else "/mnt/scans/ward/"
    moves = {source: stored + Path(source).name for source in project.store.sources()}
    project.store.relink(moves)
    new = tmp_path / "new"
    new.mkdir()
    (tmp_path / "one").rename(new / "ward")
    (new / "ward" / "i0.png").unlink()
    (new / "ward" / "i1.png").write_bytes(b"another file")
    assert relink(project, "/elsewhere", new).moved == 0
    assert run(["projects", "relink", old, str(new)]) == 0
    printed = capsys.readouterr()
    assert "2 files of p" in printed.out
    assert (
        "i0.png: It is not there." in printed.err and "i1.png: It has another size" in printed.err
    )
    assert project.file_of(project.store.ids()[2])[0] == new / "ward" / "i2.png"
    assert project.import_images(new / "ward" / "i2.png").known == 1
    with pytest.raises(FewshotLabError, match="no folder at"):
        relink(project, old, tmp_path / "gone")


def test_what_was_imported_anew_is_one_row_after_relinking(project, tmp_path):
    (tmp_path / "one").rename(tmp_path / "two")
    project.import_images(tmp_path / "two")
    assert len(project.store.files()) == 8
    assert relink(project, str(tmp_path / "one"), tmp_path / "two").moved == 4
    assert len(project.store.files()) == 4
    assert files(project) == {tmp_path / "two"}
