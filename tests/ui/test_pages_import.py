"""Importing from the page: the form, the job, and what is said of it afterwards."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab import jobs
from fewshot_lab.cells import csv_bytes
from fewshot_lab.project import ImportReport, Project
from fewshot_lab.ui.first_start import DEMO, TITLE
from fewshot_lab.ui.import_result import leaves_out

from ..dicom_series import write_series
from .conftest import words

pytestmark = pytest.mark.slow


def button(app: AppTest, label: str):
    return next(b for b in app.button if b.label == label)


@pytest.fixture
def form_with(open_app: Callable[..., AppTest], home: Path) -> Callable[[Path], AppTest]:
    """Return what opens the import page of a new project and types a path there."""

    def opened(source: Path) -> AppTest:
        Project.create("blood").close()
        app = open_app("import_images.py", "blood")
        return app.text_input(key="fl-path-0").set_value(str(source)).run()

    return opened


def test_a_wrong_path_is_said_and_nothing_can_be_started(
    open_app: Callable[..., AppTest], home: Path, tmp_path: Path
) -> None:
    Project.create("blood").close()
    app = open_app("import_images.py", "blood")
    assert button(app, "Import").disabled
    app.text_input(key="fl-path-0").set_value(str(tmp_path / "nowhere")).run()
    assert "There is nothing at" in words(app)
    assert button(app, "Import").disabled


def test_a_path_is_still_there_after_a_look_at_the_backbones(
    form_with: Callable[[Path], AppTest], pictures: Path
) -> None:
    app = form_with(pictures)
    pages = Path(__file__).resolve().parents[2] / "pages"
    for page in ("backbone.py", "import_images.py"):
        app.switch_page(str(pages / page))
        app.query_params["project"] = "blood"
        app.run()
    assert app.text_input(key="fl-path-0").value == str(pictures)


def test_images_imported_while_the_demo_is_made_become_a_project_of_their_own(
    open_app: Callable[..., AppTest], home: Path, pictures: Path
) -> None:
    with Project.create(DEMO) as demo:
        demo.rename(TITLE)
    making = jobs.start(home / DEMO, "demo", [])
    Project.create("cells").close()  # the name of the folder is taken
    app = open_app("import_images.py", DEMO)
    app.text_input(key="fl-path-0").set_value(str(pictures)).run()
    assert "the demo stays as it is" in words(app)
    button(app, "Import").click().run()
    assert not app.exception
    assert app.query_params["project"] in ("cells 2", ["cells 2"])
    (job,) = jobs.list_jobs(home / "cells 2")
    job.stop(force=True)
    assert [each.id for each in jobs.list_jobs(home / DEMO)] == [making.id]
    making.stop(force=True)


def test_a_manifest_shows_its_columns_as_guessed(
    form_with: Callable[[Path], AppTest], pictures: Path
) -> None:
    manifest = pictures / "list.csv"
    manifest.write_text("file,dx,age\nround/0.png,a,31\nsquare/1.png,b,40\n")
    app = form_with(manifest)
    assert [box.value for box in app.selectbox] == ["file", "dx", "none"]
    assert app.multiselect[0].value == ["age"]
    assert not button(app, "Import").disabled


def test_dicom_groups_are_asked_for_only_where_there_is_dicom(
    form_with: Callable[[Path], AppTest], pictures: Path
) -> None:
    app = form_with(pictures)
    asked = "Group DICOM images by"
    assert asked not in [group.label for group in app.get("button_group")]
    (pictures / "more").mkdir()
    (pictures / "more" / "scan.dcm").write_bytes(b"named so")
    app.text_input(key="fl-path-0").set_value(str(pictures / "more")).run()
    assert asked in [group.label for group in app.get("button_group")]


def test_slices_of_volumes_are_chosen_and_counted_before_the_import(
    form_with: Callable[[Path], AppTest], tmp_path: Path
) -> None:
    write_series(tmp_path / "ct", [2.0 * k for k in range(9)])
    app = form_with(tmp_path / "ct")
    app.button_group(key="fl-slices").set_value("By distance").run()
    app.number_input(key="fl-slices-mm").set_value(8.0).run()
    button(app, "Count slices and time").click().run()
    text = words(app)
    assert "3 images to import; 1 volume of 9 slices in all, 6 slices left out between" in text
    assert "Takes about" in text


def test_a_damaged_manifest_is_said(form_with: Callable[[Path], AppTest], tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(b"\0\0\0")
    app = form_with(tmp_path / "bad.csv")
    assert "not a CSV" in words(app)


def test_a_folder_is_imported_by_a_job_and_its_outcome_told(
    form_with: Callable[[Path], AppTest], home: Path, pictures: Path
) -> None:
    app = form_with(pictures)
    app.checkbox(key="fl-reference").check()
    button(app, "Import").click().run()
    assert not app.exception
    (job,) = jobs.list_jobs(home / "blood")
    assert job.verb == "import"
    while job.report() is None:
        assert job.status().active, job.status()
        time.sleep(0.2)
    job.stop()
    while job.status().active:
        time.sleep(0.2)

    app.run()
    said = words(app)
    assert "6 images added, 2 files refused." in said
    assert app.expander[0].label == "2 files refused"
    project = Project.open("blood")
    assert {row.reference for row in project.store.images()} == {"round", "square"}


def test_an_import_that_brought_nothing_says_why_and_lists_the_files(
    open_app: Callable[..., AppTest], home: Path, tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_text("path,label\n" + "".join(f"{n}.png,a\n" for n in range(9)))
    Project.create("blood").close()
    job = jobs.start(home / "blood", "import", [str(tmp_path / "list.csv"), "--prepare"])
    while job.status().active:
        time.sleep(0.2)
    app = open_app("import_images.py", "blood")
    said = words(app)
    assert (
        "No image was imported, of 9 files. "
        "The file is not there: paths count from the manifest&#x27;s folder." in said
    )
    assert "0 images added" not in said and "Import more" not in said
    (refused,) = app.expander
    assert refused.label == "9 files refused" and refused.proto.expanded


def test_the_sentence_leaves_out_what_did_not_happen() -> None:
    assert ImportReport(added=1).sentence == "1 image added."
    report = ImportReport(known=7, duplicates=[("a", "b")], refused=[("c", "d")], moved=2)
    report.ignored = {".docx": 1, ".xyz": 3, "": 1}
    assert report.sentence == (
        "0 images added, 2 images found again in another place, 7 files known already, "
        "1 duplicate linked to the first, 1 file refused. Left out, because no image is read from "
        "such files: 3 .xyz, 1 without an ending, 1 .docx."
    )


def test_the_table_opens_in_a_spreadsheet() -> None:
    data = csv_bytes(("File", "Reason"), [("a,b.png", "It is empty.")])
    assert data.decode("utf-8-sig") == 'File,Reason\n"a,b.png",It is empty.\n'


@pytest.mark.parametrize(
    ("part", "missed"),
    [
        ({}, False),
        ({"ignored": {".txt": 1, ".csv": 2}}, False),
        ({"ignored": {".mp4": 3}}, True),
        ({"volume_notes": [("1.dcm", "5 slices missing.")]}, True),
        ({"refused": [("a.png", "The file is empty (0 bytes).")]}, True),
        ({"embed": {"failed": [("a.png", "The file is not there.")]}}, True),
    ],
)
def test_the_map_opens_by_itself_only_where_nothing_is_missed(part: dict, missed: bool) -> None:
    assert leaves_out({**asdict(ImportReport(added=9)), **part}) is missed
