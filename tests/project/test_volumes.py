"""Volumes in a project: one group, in order, stepped through, and nobody named anywhere."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fewshot_lab.images import SliceStep, read_rgb
from fewshot_lab.project import Project, preview_import, sequence_of, slice_picture

from ..dicom_series import NAME, write_series


@pytest.fixture
def project(home: Path):
    with Project.create("scans") as project:
        yield project


def naming(folder: Path, *texts: str) -> list[str]:
    """Return the files of a folder that hold one of some texts."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(text.encode() in path.read_bytes() for text in texts)
    ]


def test_slices_that_were_not_imported_are_stepped_through_too(project, tmp_path):
    files = write_series(tmp_path / "ct", [0, 2, 4, 6, 8, 10, 12])
    report = project.import_images(tmp_path / "ct", slice_step=SliceStep(3))
    assert report.sentence == (
        "3 images added, 1 volume in order, 4 slices between the chosen ones left out."
    )
    rows = project.store.images()
    assert [row.meta["slice"] for row in rows] == [1, 4, 7]
    sequence = sequence_of(project, rows[1].id)
    assert sequence.number_of(rows[1].id) == 3 and sequence.at_hand() == list(range(7))
    assert [place.position for place in sequence.places] == [0, 2, 4, 6, 8, 10, 12]
    assert [place.image_id for place in sequence.places if place.image_id] == [r.id for r in rows]
    for k, file in enumerate(files):
        shown = slice_picture(project, sequence, k, 2400)
        assert np.array_equal(np.asarray(shown), np.asarray(read_rgb(file)))
    files[1].unlink()
    assert sequence.at_hand() == [0, 2, 3, 4, 5, 6]
    # Another choice of the same series: what came first stays.
    project.import_images(tmp_path / "ct", slice_step=SliceStep(mm=4))
    sequence = sequence_of(project, rows[1].id)
    assert {r.id for r in rows} <= {place.image_id for place in sequence.places}


def test_neither_patient_nor_uid_is_stored(project, tmp_path):
    series, study = "1.2.840.99.7", "1.2.840.99.6"
    write_series(tmp_path / "a", [0, 2, 4], series=series, study=study)
    write_series(tmp_path / "b", [0, 2], series="1.2.840.99.8", study=study, seed=9)
    project.import_images(tmp_path, group_field="PatientID", copy=True)
    assert len({row.group for row in project.store.images()}) == 1
    assert len({row.meta["volume"] for row in project.store.images()}) == 2
    project.store.note("done")  # what is in the database's log file is in the database, too
    assert naming(project.folder, NAME, series, study, "1.2.840.99.8") == []


def test_one_patient_is_one_group_however_often_imports_run(project, tmp_path, home):
    write_series(tmp_path / "a", [0, 2], seed=1)
    project.import_images(tmp_path / "a", group_field="PatientID")
    write_series(tmp_path / "b", [0, 2], seed=2)
    with Project.open("scans") as later:
        later.import_images(tmp_path / "b", group_field="PatientID")
    assert len({row.group for row in project.store.images()}) == 1
    with Project.create("other") as other:
        other.import_images(tmp_path / "a", group_field="PatientID")
        assert other.store.images()[0].group != project.store.images()[0].group


def test_a_project_that_knows_ids_keeps_to_them(project, tmp_path):
    """Groups of before codes were ids: a patient must not become two."""
    from fewshot_lab.store import NewImage

    old = NewImage("0" * 20, "old.png", "/old.png", 0, 8, 8, 1, 1, group=f"id-{NAME}")
    project.store.add_images([old])
    write_series(tmp_path, [0, 2])
    project.import_images(tmp_path, group_field="PatientID")
    assert {row.group for row in project.store.images()} == {f"id-{NAME}"}


def test_of_a_zip_the_slices_that_were_kept_are_stepped_through(project, tmp_path):
    files = write_series(tmp_path / "ct", [0, 2, 4, 6, 8])
    with zipfile.ZipFile(tmp_path / "ct.zip", "w") as archive:
        for file in files:
            archive.write(file, file.name)
    project.import_images(tmp_path / "ct.zip", slice_step=SliceStep(2))
    [first, *_] = project.store.ids()
    sequence = sequence_of(project, first)
    assert sequence.at_hand() == [0, 2, 4] and len(sequence.places) == 5
    assert naming(project.folder, NAME) == []


def test_what_an_import_would_bring_is_said_before(project, tmp_path):
    write_series(tmp_path / "ct", [0, 2, 4, 6, 12, 14])
    write_series(tmp_path / "scout", [0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (tmp_path / "bad.dcm").write_bytes(b"no")
    preview = preview_import(project, tmp_path, slice_step=SliceStep(2))
    assert (preview.images, preview.skipped, preview.localizers) == (3, 3, 1)
    [volume] = preview.volumes
    assert (volume.slices, volume.chosen, volume.spacing) == (6, 3, 2.0)
    assert volume.notes == ("2 slices missing in 1 gap (slices lie 2 mm apart).",)
    assert preview.seconds is not None and preview.sentence.startswith("3 images to import; 1 vol")
    assert project.store.ids() == [] and len(preview.refused) == 1
    report = project.import_images(tmp_path, slice_step=SliceStep(2))
    assert (report.added, report.localizers, len(report.refused)) == (3, 1, 1)


@pytest.mark.slow
def test_an_import_that_was_killed_goes_on(home, tmp_path):
    write_series(tmp_path / "ct", [2.0 * k for k in range(240)], side=160)
    with Project.create("scans") as project:
        verb = ["-m", "fewshot_lab", "import", "scans", str(tmp_path / "ct"), "--slices", "2"]
        process = subprocess.Popen([sys.executable, *verb], stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while not project.store.ids() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        before = len(project.store.ids())
        done = subprocess.run([sys.executable, *verb, "--json"], capture_output=True, check=True)
        report = json.loads(done.stdout)
        assert 0 < before <= 120 and report["known"] == before
        assert len(project.store.ids()) == 120 == before + report["added"]
        sequence = sequence_of(project, project.store.ids()[0])
        assert sum(place.image_id is not None for place in sequence.places) == 120


def test_a_damaged_sequence_is_none(project, tmp_path):
    write_series(tmp_path, [0, 2])
    project.import_images(tmp_path)
    [first, _] = project.store.ids()
    [file] = (project.folder / "sequences").iterdir()
    file.write_text("{")
    assert sequence_of(project, first) is None
    assert pydicom.dcmread(project.file_of(first)[0]).PatientName == NAME  # read in place
