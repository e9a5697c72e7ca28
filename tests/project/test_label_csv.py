"""What a table of labels would do, before it is done."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.project import Project

COLUMNS = ("Datei", "Befund")


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Project:
    """Return a project of four pictures that differ."""
    (tmp_path / "images").mkdir()
    for number in range(4):
        pixels = np.full((8, 8, 3), 40 * number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    made = Project.create("colon", home=home)
    made.import_images(tmp_path / "images")
    yield made
    made.close()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of the four and one more, as a clinic saves it."""
    labels = ["Polyp", "polyp", "unsure", ""]
    rows = [f"{number}.png;{label}" for number, label in enumerate(labels)]
    file = tmp_path / "findings.csv"
    file.write_text("\n".join([";".join(COLUMNS), *rows, "gone.png;Polyp"]), encoding="utf-16")
    return file


def test_a_preview_says_what_would_come_and_stores_nothing(project: Project, table: Path) -> None:
    seen = project.labels.preview_csv(table, "kim", columns=COLUMNS)
    assert (seen.rows, seen.images, seen.unmatched) == (5, 4, ["gone.png"])
    assert seen.new_classes == ["Polyp"]
    assert seen.counts == {"Polyp": 2, "unsure": 1, "no label": 1}
    assert (seen.changed, seen.problem) == (0, "")
    assert project.store.classes() == [] and project.store.labels() == {}


def test_it_counts_the_labels_that_would_change_and_one_undo_takes_all_back(
    project: Project, table: Path
) -> None:
    project.labels.add({"0.png": "healthy"}, "kim")
    assert project.labels.preview_csv(table, "kim", columns=COLUMNS).changed == 1
    assert project.labels.preview_csv(table, "somebody else", columns=COLUMNS).changed == 0
    project.labels.add_csv(table, "kim", columns=COLUMNS)
    assert len(project.store.labels()) == 3
    assert project.labels.preview_csv(table, "kim", columns=COLUMNS).changed == 0
    project.store.undo("kim", client=None, q=None)
    assert len(project.store.labels()) == 1


def test_a_table_that_says_two_things_of_an_image_is_told_before(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "torn.csv").write_text("path,label\n0.png,a\n0.png,b\n")
    seen = project.labels.preview_csv(tmp_path / "torn.csv", "kim")
    assert "gives two labels to 1 of its images" in seen.problem


def test_a_file_name_does_where_one_image_alone_has_it(home: Path, tmp_path: Path) -> None:
    for number, place in enumerate(("a/one.png", "a/same.png", "b/same.png")):
        file = tmp_path / "images" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(file)
    (tmp_path / "names.csv").write_text("path,label\none.png,x\nsame.png,x\nb/same.png,y\n")
    with Project.create("colon", home=home) as project:
        project.import_images(tmp_path / "images")
        labels = project.labels.add_csv(tmp_path / "names.csv", "kim")
        assert (labels.labelled, labels.unmatched) == (2, ["same.png"])
