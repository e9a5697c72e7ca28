"""Original grey values: what the file keeps, and the window that the 8-bit picture uses."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from fewshot_lab.images import GreyValues, UnreadableImage, read_grey_values, read_rgb
from fewshot_lab.images.dicom_grey import apply_window

VALUES = np.array([[0, 40, 1000], [1024, 2000, 4095]], np.uint16)


def dicom(file: Path, stored: np.ndarray = VALUES, **header: object) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = stored.dtype.itemsize * 8
    dataset.PixelRepresentation = 0
    for name, value in header.items():
        setattr(dataset, name, value)
    dataset.HighBit = dataset.BitsStored - 1
    raw = stored.tobytes()
    dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    dataset.save_as(file, enforce_file_format=True)
    return file


def read(file: Path, frame: int = 0) -> GreyValues:
    grey = read_grey_values(file, frame)
    assert grey is not None
    return grey


def values(grey: GreyValues) -> np.ndarray:
    return grey.slope * grey.pixels + grey.intercept


def shown(grey: GreyValues) -> np.ndarray:
    """Look at the values through the first window, as the browser does."""
    picture = apply_window(values(grey), *grey.windows[0])
    picture = 255 - picture if grey.inverted else picture
    return picture if grey.blank is None else np.where(grey.blank, 0, picture)


def test_hounsfield_units_and_every_window_of_the_file(tmp_path: Path) -> None:
    header = {"RescaleSlope": 1, "RescaleIntercept": -1024, "Modality": "CT", "BitsStored": 12}
    file = dicom(tmp_path / "a.dcm", WindowCenter=[40, 600], WindowWidth=[80, 1600], **header)
    grey = read(file)
    assert (values(grey) == VALUES.astype(float) - 1024).all()
    assert (grey.low, grey.high, grey.unit) == (-1024, 3071, "HU")
    assert grey.windows == [(40, 80, "LINEAR"), (600, 1600, "LINEAR")]


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"BitsStored": 12, "WindowCenter": 900, "WindowWidth": 1200},
        {"PhotometricInterpretation": "MONOCHROME1", "BitsStored": 12},
        {"RescaleSlope": "0.37", "RescaleIntercept": "-2"},
        {"PixelPaddingValue": 0, "PhotometricInterpretation": "MONOCHROME1"},
        {"WindowCenter": 900, "WindowWidth": 1200, "VOILUTFunction": "SIGMOID"},
    ],
    ids=["plain", "window", "white is small", "slope", "padding", "sigmoid"],
)
def test_the_first_window_of_a_dicom_shows_the_picture_of_8_bit(
    tmp_path: Path, header: dict[str, object]
) -> None:
    file = dicom(tmp_path / "a.dcm", **header)
    eight = np.asarray(read_rgb(file))[..., 0].astype(int)
    assert abs(shown(read(file)) - eight).max() <= 1
    assert len(np.unique(eight)) > 2


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("top", [1000, 4095, 65535])
def test_16_bit_files_keep_their_values(tmp_path: Path, suffix: str, top: int) -> None:
    stored = np.linspace(0, top, 12).astype(np.uint16).reshape(3, 4)
    file = tmp_path / f"a{suffix}"
    Image.fromarray(stored).save(file)
    grey = read(file)
    assert (values(grey) == stored).all()
    assert abs(shown(grey) - np.asarray(read_rgb(file))[..., 0].astype(int)).max() <= 1


def test_tiff_turned_inverted_compressed_and_of_several_pages(tmp_path: Path) -> None:
    pages = np.stack([VALUES, VALUES + 1])
    photometric = {"photometric": "miniswhite", "extratags": [(274, "H", 1, 6, False)]}
    for name, compression in (("a", None), ("b", "jpeg2000")):
        file = tmp_path / f"{name}.tif"
        tifffile.imwrite(file, pages, compression=compression, **photometric)
        grey = read(file, 1)
        assert grey.inverted
        assert (values(grey) == np.rot90(VALUES + 1, -1)).all()
        assert abs(shown(grey) - np.asarray(read_rgb(file, 1))[..., 0].astype(int)).max() <= 1


def test_real_numbers_are_kept_in_steps_of_their_range(tmp_path: Path) -> None:
    for name, stored in {
        "share": np.linspace(0, 1, 12, dtype=np.float32),
        "wide": np.linspace(-3e4, 9e4, 12, dtype=np.float32),
    }.items():
        file = tmp_path / f"{name}.tif"
        tifffile.imwrite(file, stored.reshape(3, 4))
        grey = read(file)
        assert np.abs(values(grey).ravel() - stored).max() <= grey.slope
        assert abs(shown(grey) - np.asarray(read_rgb(file))[..., 0].astype(int)).max() <= 1


def test_colour_and_8_bit_hold_no_more_than_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "colour.png")
    Image.new("L", (4, 3)).save(tmp_path / "grey.tif")
    dicom(tmp_path / "eight.dcm", VALUES.astype(np.uint8))
    for file in tmp_path.iterdir():
        assert read_grey_values(file) is None


def test_large_pictures_are_means_of_blocks() -> None:
    stored = np.arange(64).reshape(8, 8)
    grey = GreyValues.of(stored, windows=[(32, 64, "LINEAR")]).reduced(4)
    assert grey.pixels.shape == (4, 4)
    assert values(grey)[0, 0] == round((0 + 1 + 8 + 9) / 4)
    assert grey.reduced(4) is grey


def test_what_cannot_be_read_is_said_as_for_the_picture(tmp_path: Path) -> None:
    cut = tmp_path / "cut.dcm"
    whole = dicom(tmp_path / "whole.dcm").read_bytes()
    cut.write_bytes(whole[:-6])
    png = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 4095, (64, 64), dtype=np.uint16)).save(png)
    png.write_bytes(png.read_bytes()[:900])
    tif = tmp_path / "cut.tif"
    tifffile.imwrite(tif, VALUES)
    tif.write_bytes(tif.read_bytes()[:-4])
    for file in (cut, png, tif, tmp_path / "gone.png"):
        with pytest.raises(UnreadableImage) as picture:
            read_rgb(file)
        with pytest.raises(UnreadableImage) as grey:
            read_grey_values(file)
        assert str(grey.value) == str(picture.value)
