"""Slices of a series come in their order, and what is odd about a series is said."""

import sys
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.fileset import FileSet

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Refused, Scan, SliceStep, VolumeRules, scan
from fewshot_lab.images.folder import list_folder

from ..dicom_series import slice_dataset, write_series


def found(source: Path, step: str = "all", **options) -> Scan:
    """Return a scan that has run to its end, with its items in ``items``."""
    result = scan(source, volumes=VolumeRules(SliceStep.parse(step)), **options)
    result.items = list(result)
    return result


def test_slices_are_ordered_by_their_place_whatever_files_and_numbers_say(tmp_path):
    files = write_series(tmp_path / "ct", [-30, -27.5, -25, -22.5, -20])
    result = found(tmp_path)
    assert [item.file for item in result.items] == files
    assert [item.meta["slice"] for item in result.items] == [1, 2, 3, 4, 5]
    assert [item.meta["position (mm)"] for item in result.items] == [-30, -27.5, -25, -22.5, -20]
    assert len({item.group for item in result.items}) == 1 and result.items[0].group
    [volume] = result.volumes
    assert [each.file for each in volume.slices] == files and volume.notes == ()
    assert result.total == 5


def test_the_order_is_that_of_an_independent_reader(tmp_path):
    """Sagittal slices, whose normal is the x axis: highdicom sorts them by its own geometry."""
    from highdicom.spatial import get_series_volume_positions

    rng = np.random.default_rng(3)
    across = [0, 1, 0, 0, 0, -1]
    for k, place in enumerate(rng.permutation(9)):
        data = slice_dataset(
            k,
            SeriesInstanceUID="1.2.5",
            StudyInstanceUID="1.2",
            ImageOrientationPatient=across,
            ImagePositionPatient=[float(3 * place), 1, 2],
            InstanceNumber=k,
        )
        pydicom.dcmwrite(tmp_path / f"{k}.dcm", data, enforce_file_format=True)
    result = found(tmp_path)
    datasets = [pydicom.dcmread(tmp_path / f"{k}.dcm") for k in range(9)]
    spacing, places = get_series_volume_positions(datasets)
    theirs = [f"{k}.dcm" for _, k in sorted(zip(places, range(9), strict=True))]
    ours = [item.path for item in result.items]
    assert ours in (theirs, theirs[::-1])
    positions = [item.meta["position (mm)"] for item in result.items]
    assert np.allclose(np.diff(positions), spacing) and spacing == 3


def test_without_positions_the_instance_number_orders(tmp_path):
    numbers = [4, 9, 2]
    for number in numbers:
        data = slice_dataset(number, SeriesInstanceUID="1.2.5", InstanceNumber=number)
        pydicom.dcmwrite(tmp_path / f"x{number}.dcm", data, enforce_file_format=True)
    result = found(tmp_path)
    assert [item.path for item in result.items] == ["x2.dcm", "x4.dcm", "x9.dcm"]
    assert "position (mm)" not in result.items[0].meta
    assert result.volumes[0].notes == (
        "No positions in the headers: ordered by instance number.",
        "5 slices missing, by their numbers.",
    )


def test_what_is_odd_about_a_series_is_said(tmp_path):
    write_series(tmp_path / "gap", [0, 2, 4, 10, 12], seed=1)
    write_series(tmp_path / "tilted", [0, 2, 4, 6], seed=2, tilt=15)
    time = write_series(tmp_path / "time", [0, 2, 4], seed=3, series="1.2.8")
    again = write_series(tmp_path / "time" / "later", [0, 2, 4], seed=4, series="1.2.8")
    for k, file in enumerate([*time, *again]):
        data = pydicom.dcmread(file)
        data.InstanceNumber = k
        data.save_as(file)
    write_series(tmp_path / "sizes", [0, 2], seed=5, series="1.2.9")
    write_series(tmp_path / "sizes" / "small", [0, 2], seed=6, series="1.2.9", side=8)
    result = found(tmp_path)
    notes = {volume.path.split("/")[0]: volume.notes for volume in result.volumes}
    assert notes["gap"] == ("2 slices missing in 1 gap (slices lie 2 mm apart).",)
    assert notes["tilted"] == (
        "The slices are tilted by 15° against the way they were taken (gantry tilt).",
    )
    assert notes["time"] == ("Each position was taken 2 times: 2 volumes of one group.",)
    in_time = [v for v in result.volumes if v.path.startswith("time")]
    assert [[each.file for each in v.slices] for v in in_time] == [time, again]
    assert notes["sizes"] == (
        "The series holds slices of different size (16 × 16, 8 × 8 px): 2 volumes of one group.",
    )
    assert len({i.group for i in result.items if i.path.startswith("sizes")}) == 1
    assert len(result.items) == 19


def test_localizers_are_left_out_and_counted(tmp_path):
    write_series(tmp_path, [0, 2, 4], seed=1)
    write_series(tmp_path / "scout", [0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    result = found(tmp_path)
    assert (len(result.items), result.localizers, result.total) == (3, 1, 3)
    plain = list(scan(tmp_path))  # what is predicted is never left out
    assert len(plain) == 4


def test_a_single_image_and_one_without_a_series_stay_pictures(tmp_path):
    write_series(tmp_path / "one", [0])
    data = slice_dataset(1)
    pydicom.dcmwrite(tmp_path / "bare.dcm", data, enforce_file_format=True)
    result = found(tmp_path)
    assert [(i.group, i.meta) for i in result.items] == [(None, {}), (None, {})]
    assert result.volumes == []


@pytest.mark.parametrize(("step", "taken"), [("all", 9), ("3", 3), ("every 4", 3), ("5mm", 3)])
def test_slices_are_chosen_by_number_or_distance(tmp_path, step, taken):
    write_series(tmp_path, [2.0 * k for k in range(9)])
    result = found(tmp_path, step)
    assert (len(result.items), result.skipped, result.total) == (taken, 9 - taken, taken)
    assert len(result.volumes[0].slices) == 9


@given(
    st.integers(1, 60), st.floats(0.3, 9.0), st.floats(0.5, 40.0), st.integers(1, 70), st.booleans()
)
def test_chosen_slices_lie_as_far_apart_as_was_asked(n, spacing, mm, every, by_mm):
    places = [spacing * k for k in range(n)]
    step = SliceStep(mm=mm) if by_mm else SliceStep(every)
    chosen = step.choose(places)
    assert n // 2 in chosen and chosen == sorted(set(chosen))
    apart = np.diff(chosen)
    if not by_mm:
        assert set(apart) <= {every}
    elif spacing <= mm:  # no further from a mark than half a slice, so two marks apart by one
        assert np.all(np.abs(apart * spacing - mm) <= spacing + 1e-6)
    else:
        assert len(chosen) >= n - 2  # of each but the outermost, which may lie beyond the marks


@pytest.mark.parametrize("text", ["", "0", "-2", "2.5", "5 cm", "0mm", "nan", "1e9mm", "mm"])
def test_a_choice_that_is_none_is_said(text):
    with pytest.raises(FewshotLabError, match="is not a choice of slices"):
        SliceStep.parse(text)


def test_nifti_slices_have_places_and_are_chosen_too(tmp_path):
    values = np.random.default_rng(0).normal(size=(6, 5, 7)).astype(np.float32)
    affine = np.diag([1, 1, -3.0, 1])  # from head to feet: it is turned
    affine[2, 3] = 30
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "brain.nii.gz")
    result = found(tmp_path)
    assert [item.meta["position (mm)"] for item in result.items] == [12, 15, 18, 21, 24, 27, 30]
    assert {item.group for item in result.items} == {"brain.nii.gz"}
    every = found(tmp_path, "6mm")
    assert [item.frame for item in every.items] == [1, 3, 5] and every.skipped == 4
    both = np.stack([values, values + 1], -1)
    nibabel.save(nibabel.Nifti1Image(both, affine), tmp_path / "brain.nii.gz")
    result = found(tmp_path, "7")
    assert [item.frame for item in result.items] == [3, 10]
    assert [len(volume.slices) for volume in result.volumes] == [7, 7]


def test_a_dicomdir_is_followed_and_what_lies_beside_is_read_too(tmp_path, monkeypatch):
    source = write_series(tmp_path / "in", [0, 2, 4], seed=1)
    contents = FileSet()
    for file in source:
        contents.add(file)
    cd = tmp_path / "cd"
    contents.write(cd)
    contents._stage["t"].cleanup()  # else it warns of it
    written = sorted(p for p in cd.rglob("*") if p.is_file() and p.name != "DICOMDIR")
    # Named like nothing that the walk takes for a picture; one is missing; one lies beside.
    beside = write_series(cd / "more", [0, 2], seed=2)
    written[0].unlink()
    for by in (cd, cd / "DICOMDIR"):
        result = found(by)
        refused = [item for item in result.items if isinstance(item, Refused)]
        assert [item.reason for item in refused] == ["It is listed in DICOMDIR, but not there."]
        assert refused[0].path == written[0].relative_to(cd).as_posix()
        files = {item.file for item in result.items if not isinstance(item, Refused)}
        assert files == {*written[1:], *beside}
    (cd / "DICOMDIR").write_bytes((cd / "DICOMDIR").read_bytes()[:400])
    result = found(cd)
    [refused] = [item for item in result.items if isinstance(item, Refused)]
    assert refused.path == "DICOMDIR" and "damaged" in refused.reason
    monkeypatch.setitem(sys.modules, "pydicom", None)  # as beside an exported classifier
    (refused,) = list_folder(cd).refused
    assert refused.path == "DICOMDIR" and "pydicom, which is not installed" in refused.reason
    assert len(result.items) == 5
