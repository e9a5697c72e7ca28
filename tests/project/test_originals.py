"""What an import leaves behind: pixels, not the files they came in."""

import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.images import read_grey_values, read_rgb
from fewshot_lab.project import Project

NAME = "Doe^Jane"


def dicom(path: Path, seed: int, *, broken: bool = False) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.PatientName, data.PatientID = NAME, f"id-{NAME}"
    data.Rows = data.Columns = 16
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16), np.uint8).tobytes()
    data.PixelData = pixels[:20] if broken else pixels
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def picture(path: Path, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def named(folder: Path) -> list[str]:
    """Return the files that hold the patient's name."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and NAME.encode() in path.read_bytes()
    ]


@pytest.fixture
def project(home: Path):
    with Project.create("scans") as project:
        yield project


def test_of_a_zip_only_pixels_stay(project: Project, tmp_path: Path) -> None:
    a, b = dicom(tmp_path / "a.dcm", 1), dicom(tmp_path / "b", 2)
    bad, png = dicom(tmp_path / "bad.dcm", 3, broken=True), picture(tmp_path / "c.png", 4)
    packed = tmp_path / "study.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file, name in ((a, "p/a.dcm"), (b, "p/b.jpg"), (bad, "p/bad.dcm"), (png, "p/c.png")):
            archive.write(file, name)
    report = project.import_images(packed, group_field="PatientID")
    assert (report.added, len(report.refused)) == (3, 1)
    groups = [row.group for row in project.store.images()]
    assert groups[0] == groups[1] is not None and groups[0].startswith("patient-")
    unpacked = [path.name for path in (project.folder / "images" / "study.zip").rglob("*.*")]
    assert unpacked == ["c.png"]
    assert named(project.folder) == []
    for image in project.store.ids():
        assert project.picture(image).size == (16, 16)
    again = project.import_images(packed, group_field="PatientID")
    assert (again.added, again.known, len(again.refused)) == (0, 3, 1)
    assert len(project.store.files()) == 3
    assert named(project.folder) == []


def test_what_was_dropped_is_removed_after_reading(project: Project) -> None:
    drop = project.folder / "uploads" / "20260101-120000"
    dicom(drop / "doe.dcm", 1)
    dicom(drop / "bad.dcm", 2, broken=True)
    picture(drop / "photo.png", 3)
    (drop / "notes.csv").write_text(NAME)
    report = project.import_images(drop)
    assert (report.added, len(report.refused)) == (2, 1)
    assert not drop.exists() and named(project.folder) == []
    assert {row.path for row in project.store.images()} == {"doe.dcm", "photo.png"}
    for image in project.store.ids():
        assert project.picture(image).size == (16, 16)


def test_of_a_dropped_ct_the_values_stay_and_nothing_of_the_patient(project: Project) -> None:
    drop = project.folder / "uploads" / "20260101-120000"
    file = dicom(drop / "ct.dcm", 1)
    data = pydicom.dcmread(file)
    values = np.arange(256, dtype=np.int16).reshape(16, 16) * 8
    data.PixelData = values.tobytes()
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.Modality, data.RescaleSlope, data.RescaleIntercept = "CT", 1, -1024
    data.WindowCenter, data.WindowWidth = [40, -600], [400, 1500]
    data.WindowCenterWidthExplanation = [NAME, NAME]
    data.save_as(file)
    expected = np.asarray(read_rgb(file))
    project.import_images(drop)
    assert not drop.exists() and named(project.folder) == []
    [image] = project.store.ids()
    kept, frame = project.file_of(image)
    assert (np.asarray(read_rgb(kept, frame)) == expected).all()
    grey = read_grey_values(kept, frame)
    assert grey is not None and (grey.unit, grey.low, grey.high) == ("HU", -1024, 1016)
    assert (grey.pixels * grey.slope + grey.intercept == values - 1024).all()
    assert [(window.centre, window.width) for window in grey.windows] == [(40, 400), (-600, 1500)]
    header = pydicom.dcmread(kept)
    assert not {"PatientID", "PatientName", "StudyInstanceUID"} & set(header.dir())


def test_a_dropped_zip_and_manifest_are_removed(project: Project, tmp_path: Path) -> None:
    drop = project.folder / "uploads" / "20260101-120000"
    dicom(drop / "a.dcm", 1)
    (drop / "list.csv").write_text(f"path,label,who\na.dcm,x,{NAME}\n")
    from fewshot_lab.images import ManifestColumns

    project.import_images(drop / "list.csv", columns=ManifestColumns("path", "label"))
    assert not drop.exists() and named(project.folder) == []
    drop.mkdir(parents=True)
    with zipfile.ZipFile(drop / "z.zip", "w") as archive:
        archive.write(dicom(tmp_path / "b.dcm", 2), "b.dcm")
    project.import_images([drop / "z.zip"])
    assert not drop.exists() and named(project.folder) == []
    assert len(project.store.ids()) == 2


def test_an_import_that_was_stopped_keeps_what_it_has_not_read(project: Project) -> None:
    drop = project.folder / "uploads" / "20260101-120000"
    for n in range(3):
        dicom(drop / f"{n}.dcm", n)

    def stop(stage: str, done: int, total: int | None) -> None:
        if done:
            raise Stopped("Stopped.")

    with pytest.raises(Stopped):
        project.import_images(drop, progress=stop)
    assert drop.exists()
    project.import_images(drop)
    assert len(project.store.ids()) == 3 and named(project.folder) == []


def test_a_zip_that_would_fill_the_disk_leaves_nothing(project: Project, tmp_path: Path) -> None:
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for n in range(3):
            archive.writestr(f"{n}.png", bytes(40 * 2**20))
    assert packed.stat().st_size < 2**20
    dropped = project.folder / "uploads" / "20260101-120000" / "bomb.zip"
    dropped.parent.mkdir(parents=True)
    packed.rename(dropped)
    with pytest.raises(FewshotLabError, match="decompression bomb"):
        project.import_images(dropped)
    assert not dropped.exists()
    small = tmp_path / "small.zip"
    with zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.png", bytes(20 * 2**20))
    report = project.import_images(small)
    assert len(report.refused) == 1
    left = sum(path.stat().st_size for path in project.folder.rglob("*") if path.is_file())
    assert left < 2**20


def test_a_project_is_closed_to_other_users(project: Project) -> None:
    assert stat.S_IMODE(project.folder.stat().st_mode) == 0o700


def test_a_copy_of_a_dicom_file_under_another_name_has_no_header(
    project: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    dicom(folder / "a.dcm", 1).rename(folder / "a.jpg")
    project.import_images(folder, copy=True)
    assert named(project.folder) == []


@pytest.mark.slow
def test_what_a_command_writes_is_its_users_alone(home: Path, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    for arguments in (["create", "p"], ["import", "p", str(tmp_path / "a.png"), "--copy"]):
        command = [sys.executable, "-m", "fewshot_lab", *arguments]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    written = list((home / "p").rglob("*"))
    assert len(written) > 4
    assert not any(path.stat().st_mode & 0o077 for path in written)
