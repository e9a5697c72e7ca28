"""DICOM pictures look as their header says they should, whatever the compression."""

import io
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_windowing
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import (
    Candidate,
    Refused,
    UnreadableImage,
    count_frames,
    examine,
    holds_dicom,
    holds_slices,
    pixel_id,
    read_rgb,
    scan,
)
from fewshot_lab.images.dicom_grey import apply_window

# pydicom warns of header values off the standard, which its own test files have on purpose
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

RNG = np.random.default_rng(3)


def sample(name: str) -> Path:
    return Path(get_testdata_file(name, download=False))


def write(file: Path, values: np.ndarray, **header: object) -> Path:
    """Write a DICOM file; `values` is (rows, columns), (frames, ...) or (..., 3)."""
    syntax = header.pop("syntax", ExplicitVRLittleEndian)
    compressed = header.pop("compressed", None)
    colour = str(header.get("PhotometricInterpretation", "")) in ("RGB", "YBR_FULL")
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.PatientID = "P-17"
    dataset.PatientName = "Doe^Jane"
    dataset.StudyInstanceUID = "1.2.3.4"
    shape = values.shape[:-1] if colour else values.shape
    dataset.Rows, dataset.Columns = shape[-2:]
    if len(shape) == 3:
        dataset.NumberOfFrames = shape[0]
    dataset.SamplesPerPixel = 3 if colour else 1
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = values.dtype.itemsize * 8
    dataset.PixelRepresentation = int(values.dtype.kind == "i")
    for name, value in header.items():
        setattr(dataset, name, value)
    dataset.HighBit = dataset.BitsStored - 1
    if compressed is None:
        raw = values.tobytes()
        dataset.PixelData = raw + b"\0" * (len(raw) % 2)
    else:
        dataset.PixelData = encapsulate(compressed)
    dataset["PixelData"].VR = "OB" if compressed or dataset.BitsAllocated == 8 else "OW"
    dataset.save_as(file, enforce_file_format=True)
    return file


def grey(file: Path, frame: int = 0) -> np.ndarray:
    values = np.asarray(read_rgb(file, frame))
    assert (values[..., 0] == values[..., 1]).all()
    assert (values[..., 0] == values[..., 2]).all()
    return values[..., 0]


# -- grey values -----------------------------------------------------------------------------------


def test_hounsfield_units_through_the_window(tmp_path):
    stored = np.array([[0, 924, 1024, 1064, 1104, 1124, 4095]], np.uint16)
    file = write(
        tmp_path / "a.dcm",
        stored,
        BitsStored=12,
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=[40, 600],
        WindowWidth=[80, 1600],
    )
    values = stored.astype(float)[0] - 1024
    expected = np.clip((values - 39.5) / 79 + 0.5, 0, 1) * 255  # PS3.3 C.11.2.1.2.1
    assert np.array_equal(grey(file)[0], np.rint(expected))


@settings(max_examples=80, deadline=None)
@given(
    centre=st.floats(-2000, 3000),
    width=st.floats(2, 4000),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_windows_agree_with_pydicom(centre, width, function):
    values = np.linspace(-3000, 4000, 701).astype(np.int16)
    dataset = Dataset()
    dataset.WindowCenter, dataset.WindowWidth = f"{centre:.6g}", f"{width:.6g}"
    dataset.VOILUTFunction = function
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored, dataset.PixelRepresentation = 16, 1
    with np.errstate(over="ignore"):
        reference = (apply_windowing(values, dataset) + 32768) / 65535 * 255
    ours = apply_window(values, float(dataset.WindowCenter), float(dataset.WindowWidth), function)
    assert np.abs(ours - reference).max() <= 0.51


def test_monochrome1_is_inverted(tmp_path):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    plain = write(tmp_path / "2.dcm", values)
    inverted = write(tmp_path / "1.dcm", values, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(grey(plain), values)
    assert np.array_equal(grey(inverted), 255 - values)


def test_a_voi_lut_goes_before_a_window(tmp_path):
    item = Dataset()
    item.LUTDescriptor = [256, 0, 16]
    item.LUTData = [(255 - k) * 257 for k in range(256)]
    item["LUTDescriptor"].VR = item["LUTData"].VR = "US"
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    file = write(
        tmp_path / "a.dcm",
        values,
        VOILUTSequence=Sequence([item]),
        WindowCenter=1,
        WindowWidth=1,
    )
    assert np.array_equal(grey(file), 255 - values)


def test_without_a_window_deep_values_are_stretched_and_padding_is_black(tmp_path):
    values = np.linspace(300, 1300, 100).reshape(10, 10).astype(np.int16)
    values[0] = -2000
    file = write(tmp_path / "a.dcm", values, PixelPaddingValue=-2000)
    read = grey(file)
    assert (read[0] == 0).all()
    assert read[1:].min() == 0
    assert read[1:].max() == 255


def test_a_window_of_no_width_is_passed_over(tmp_path):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    file = write(tmp_path / "a.dcm", values, WindowCenter=0, WindowWidth=0)
    assert np.array_equal(grey(file), values)


def test_a_flat_picture_is_no_error(tmp_path):
    assert grey(write(tmp_path / "a.dcm", np.full((8, 8), 700, np.int16))).max() == 0


def test_each_frame_of_an_enhanced_file_has_its_own_window(tmp_path):
    frames = np.tile(np.arange(0, 1600, 100, dtype=np.uint16).reshape(4, 4), (2, 1, 1))

    def group(centre: float) -> Dataset:
        window, transformation, item = Dataset(), Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = centre, 2
        transformation.RescaleSlope, transformation.RescaleIntercept = 1, -100
        item.FrameVOILUTSequence = Sequence([window])
        item.PixelValueTransformationSequence = Sequence([transformation])
        return item

    file = write(
        tmp_path / "a.dcm",
        frames,
        PerFrameFunctionalGroupsSequence=Sequence([group(250), group(950)]),
    )
    assert np.array_equal(grey(file, 0) > 127, frames[0] - 100.0 > 250)
    assert np.array_equal(grey(file, 1) > 127, frames[1] - 100.0 > 950)


# -- colour ----------------------------------------------------------------------------------------


def test_rgb_and_ybr(tmp_path):
    colours = RNG.integers(0, 256, (12, 14, 3), dtype=np.uint8)
    rgb = write(tmp_path / "rgb.dcm", colours, PhotometricInterpretation="RGB")
    assert np.array_equal(np.asarray(read_rgb(rgb)), colours)
    reference = read_rgb(sample("SC_rgb_rle.dcm"))
    ybr = np.asarray(read_rgb(sample("SC_ybr_full_422_uncompressed.dcm"))).astype(int)
    bands = slice(15, 95, 10)  # row in the middle of each colour band
    assert np.abs(ybr[bands, 50] - np.asarray(reference)[bands, 50]).max() <= 5


def test_palette_colours():
    picture = np.asarray(read_rgb(sample("examples_palette.dcm")))
    assert picture.shape == (350, 800, 3)
    dataset = pydicom.dcmread(sample("examples_palette.dcm"))
    table = pydicom.pixels.apply_color_lut(dataset.pixel_array, dataset)
    assert np.array_equal(picture, table >> 8)


@pytest.mark.parametrize(
    "name",
    [
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_padded.dcm",
    ],
)
def test_one_scan_in_seven_encodings_is_one_picture(name):
    assert pixel_id(read_rgb(sample(name))) == pixel_id(read_rgb(sample("MR_small.dcm")))


LOSSLESS = "1.2.840.10008.1.2.4.70"
ENCODERS = {
    "1.2.840.10008.1.2.4.57": lambda x: imagecodecs.jpeg8_encode(x, lossless=True),
    LOSSLESS: lambda x: imagecodecs.jpeg8_encode(x, lossless=True),
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_encode,
    "1.2.840.10008.1.2.4.90": lambda x: imagecodecs.jpeg2k_encode(x, codecformat="j2k", level=0),
    "1.2.840.10008.1.2.4.201": imagecodecs.htj2k_encode,
}


@pytest.mark.parametrize("syntax", ENCODERS)
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_lossless_compressions_change_nothing(tmp_path, syntax, bits):
    dtype = np.uint8 if bits == 8 else np.uint16
    values = RNG.integers(0, 2**bits, (24, 30), dtype=dtype)
    window = {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2 ** (bits - 1), "BitsStored": bits}
    plain = write(tmp_path / "plain.dcm", values, **window)
    file = write(
        tmp_path / "a.dcm",
        values,
        syntax=syntax,
        compressed=[ENCODERS[syntax](values)],
        **window,
    )
    assert np.array_equal(grey(file), grey(plain))


@pytest.mark.parametrize("syntax", [LOSSLESS, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"])
@pytest.mark.parametrize("deep", [False, True])
def test_compressed_colours(tmp_path, syntax, deep):
    colours = RNG.integers(0, 256, (24, 30, 3), dtype=np.uint8)
    stored = colours.astype(np.uint16) * 257 if deep else colours
    file = write(
        tmp_path / "a.dcm",
        stored,
        PhotometricInterpretation="RGB",
        syntax=syntax,
        compressed=[ENCODERS[syntax](stored)],
    )
    assert np.array_equal(np.asarray(read_rgb(file)), colours)


def test_lossless_jpeg_with_signed_values(tmp_path):
    values = RNG.integers(-1024, 3000, (24, 30), dtype=np.int16)
    plain = write(tmp_path / "plain.dcm", values, WindowCenter=40, WindowWidth=400)
    file = write(
        tmp_path / "a.dcm",
        values,
        WindowCenter=40,
        WindowWidth=400,
        syntax=LOSSLESS,
        compressed=[ENCODERS[LOSSLESS](values.view(np.uint16))],
    )
    assert np.array_equal(grey(file), grey(plain))


def test_jpeg_with_12_bits(tmp_path):
    ramp = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (64, 1))
    encoded = imagecodecs.jpeg8_encode(ramp, level=100, bitspersample=12)
    file = write(
        tmp_path / "a.dcm",
        ramp,
        BitsStored=12,
        syntax="1.2.840.10008.1.2.4.51",
        compressed=[encoded],
    )
    assert np.abs(grey(file).astype(int) - ramp / 4095 * 255).max() <= 1.5


def lossy_htj2k(values: np.ndarray) -> bytes:
    """Code irreversibly: the coder over- and undershoots at edges."""
    return bytes(imagecodecs.htj2k_encode(values, level=0.005, reversible=False))


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_values_beyond_white_do_not_wrap_in_lossy_htj2k(tmp_path, deep, channels):
    square = np.zeros((64, 64, channels), np.uint16 if deep else np.uint8)
    square[20:44, 20:44] = np.iinfo(square.dtype).max
    stored = square if channels == 3 else square[..., 0]
    colour = {"PhotometricInterpretation": "RGB"} if channels == 3 else {}
    window = {} if channels == 3 or not deep else {"WindowCenter": 32768, "WindowWidth": 65536}
    coded = lossy_htj2k(stored)
    file = write(
        tmp_path / "a.dcm", stored, syntax="1.2.840.10008.1.2.4.203", compressed=[coded],
        **colour, **window,
    )  # fmt: skip
    shown = np.asarray(read_rgb(file)).astype(int)
    assert np.abs(shown - square.astype(int) // (257 if deep else 1)).max() <= 3


@pytest.mark.parametrize("frames", [1, 2])
def test_deflated_files(tmp_path, frames):
    ramp = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8) * 2
    stored = np.stack([ramp, 255 - ramp]) if frames == 2 else ramp
    file = write(tmp_path / "a.dcm", stored, syntax="1.2.840.10008.1.2.1.99")
    assert count_frames(file) == frames
    assert (grey(file) == ramp).all()
    assert frames == 1 or (grey(file, 1) == 255 - ramp).all()


def test_a_jpeg_whose_data_set_is_wrongly_implicit(tmp_path):
    ramp = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8) * 2
    file = write(
        tmp_path / "a.dcm", ramp, syntax="1.2.840.10008.1.2.4.50",
        compressed=[imagecodecs.jpeg8_encode(ramp, level=100)],
    )  # fmt: skip
    dataset = pydicom.dcmread(file)
    meta = file.read_bytes()[: file.read_bytes().index(b"\x08\x00\x16\x00")]
    del dataset.file_meta
    pixel_data = dataset.PixelData
    del dataset.PixelData
    implicit = pydicom.filebase.DicomBytesIO()
    implicit.is_implicit_VR, implicit.is_little_endian = True, True
    pydicom.filewriter.write_dataset(implicit, dataset)
    tag = b"\xe0\x7f\x10\x00\xff\xff\xff\xff"
    file.write_bytes(
        meta + implicit.parent.getvalue() + tag + pixel_data + b"\xfe\xff\xdd\xe0\0\0\0\0"
    )
    assert np.abs(grey(file).astype(int) - ramp).max() <= 2


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_tables_are_words_in_the_order_of_the_file(tmp_path, syntax):
    """Palettes, and tables of grey values stored as OW, little and big endian."""
    order = ">u2" if syntax.endswith(".2.2") else "<u2"
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    tables = {"Red": values, "Green": 255 - values, "Blue": values // 2}
    palette: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, table in tables.items():
        palette[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        words = (table.ravel().astype(np.uint16) * 257).astype(order)
        palette[f"{name}PaletteColorLookupTableData"] = words.tobytes()
    picture = np.asarray(read_rgb(write(tmp_path / "a.dcm", values, syntax=syntax, **palette)))
    assert (picture == np.stack(list(tables.values()), -1)).all()
    item = Dataset()
    item.LUTDescriptor = [256, 0, 16]
    item.add_new(
        0x00283006, "OW", ((255 - values).ravel().astype(np.uint16) * 257).astype(order).tobytes()
    )
    file = write(tmp_path / "b.dcm", values, syntax=syntax, VOILUTSequence=[item])
    assert (grey(file) == 255 - values).all()


def test_whatever_pydicom_reads_is_read():
    """Every file that comes with pydicom."""
    folder = sample("CT_small.dcm").parent
    read = 0
    for path in sorted(folder.glob("*.dcm")):
        try:
            dataset = pydicom.dcmread(path, force=True)
            shape = dataset.pixel_array.shape
        except Exception:
            continue
        picture = read_rgb(path, count_frames(path) - 1)
        assert picture.size == (dataset.Columns, dataset.Rows), f"{path.name}: {shape}"
        read += 1
    assert read > 20


# -- frames, groups, what is kept ------------------------------------------------------------------


def test_frames_become_candidates_with_the_chosen_group(tmp_path):
    frames = RNG.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    file = write(tmp_path / "scan.dcm", frames)
    write(tmp_path / "1.2.840.5", frames[0])  # named by a uid, as scanners do
    assert count_frames(file) == 3
    found = list(scan(tmp_path, group_field="PatientID"))
    assert [c.path for c in found] == ["1.2.840.5", "scan.dcm#0", "scan.dcm#1", "scan.dcm#2"]
    assert all(isinstance(c, Candidate) and c.group == "P-17" and c.meta == {} for c in found)
    assert {c.group for c in scan(tmp_path, group_field="StudyInstanceUID")} == {"1.2.3.4"}
    assert {c.group for c in scan(tmp_path)} == {None}
    for k, candidate in enumerate(found[1:]):
        assert np.array_equal(grey(candidate.file, candidate.frame), frames[k])


def test_no_other_header_field_leaves_the_room(tmp_path):
    write(tmp_path / "a.dcm", RNG.integers(0, 256, (8, 8), dtype=np.uint8))
    (result,) = examine(scan(tmp_path, group_field="StudyInstanceUID"))
    assert "1.2.3.4" in repr(result)  # it was asked for
    assert "Doe" not in repr(result)
    assert "P-17" not in repr(result)


def test_only_patient_or_study_can_be_the_group(tmp_path):
    with pytest.raises(FewshotLabError, match="PatientID, StudyInstanceUID or SeriesInstanceUID"):
        scan(tmp_path, group_field="PatientName")


def test_dicom_is_found_before_the_import_by_name_by_first_bytes_and_in_a_zip(tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "1.png").write_bytes(b"no dicom")
    (plain / "README").write_text("no dicom either")
    assert not holds_dicom(plain)
    assert not holds_dicom(tmp_path / "missing")

    series = tmp_path / "study" / "series"
    series.mkdir(parents=True)
    write(series / "1.2.840.113619", np.zeros((4, 4), np.uint16))
    assert holds_dicom(tmp_path / "study")
    assert holds_dicom(series / "1.2.840.113619")
    packed = tmp_path / "study.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(series / "1.2.840.113619", "series/1.2.840.113619")
    assert holds_dicom(packed)
    (plain / "scan.DCM").write_bytes(b"named so")
    assert holds_dicom(plain)
    packed.write_bytes(b"no zip")
    assert not holds_dicom(packed)


def test_clips_alone_are_no_slices_and_nifti_are(tmp_path):
    clip = tmp_path / "cine.dcm"
    write(clip, np.zeros((2, 4, 4), np.uint16))
    assert holds_slices(tmp_path) and not holds_slices(tmp_path, {clip})
    assert not holds_slices(clip, {clip})
    (tmp_path / "brain.nii.gz").write_bytes(b"named so")
    assert holds_slices(tmp_path, {clip}) and not holds_dicom(tmp_path / "brain.nii.gz")


def test_files_without_preamble_are_read(tmp_path):
    values = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
    whole = write(tmp_path / "a.dcm", values)
    bare = tmp_path / "bare.dcm"
    dataset = pydicom.dcmread(whole)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=False)
    body = buffer.getvalue()
    start = body.index(b"\x08\x00\x16\x00")  # the first element after the meta information
    bare.write_bytes(body[start:])
    assert np.array_equal(grey(bare), values)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("test-SR.dcm", r"holds no picture \(Comprehensive SR Storage\)"),
        ("rtplan.dcm", r"holds no picture \(RT Plan Storage\)"),
        ("MR_truncated.dcm", "truncated"),
        ("badVR.dcm", "damaged"),
    ],
)
def test_files_without_a_readable_picture_are_refused(name, reason):
    with pytest.raises(UnreadableImage, match=reason):
        read_rgb(sample(name))


def test_bombs_empty_files_text_and_missing_frames_are_refused(tmp_path):
    file = write(tmp_path / "a.dcm", np.zeros((8, 8), np.uint8), Rows=50_000, Columns=50_000)
    with pytest.raises(UnreadableImage, match="too large"):
        read_rgb(file)
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "text.dcm").write_bytes(b"not DICOM at all\n" * 30)
    reasons = {r.path: r.reason for r in scan(tmp_path) if isinstance(r, Refused)}
    assert "too large" in reasons["a.dcm"]
    assert "empty" in reasons["empty.dcm"]
    assert "not a DICOM file" in reasons["text.dcm"]
    good = write(tmp_path / "good.dcm", np.zeros((8, 8), np.uint8))
    with pytest.raises(UnreadableImage, match="no such frame"):
        read_rgb(good, 1)


@pytest.mark.parametrize("syntax", ENCODERS)
def test_a_bomb_inside_the_compressed_data_is_not_decoded(tmp_path, syntax):
    small, large = np.zeros((8, 8), np.uint16), np.zeros((3000, 3000), np.uint16)
    file = write(tmp_path / "a.dcm", small, syntax=syntax, compressed=[ENCODERS[syntax](large)])
    with pytest.raises(UnreadableImage, match="damaged") as caught:
        read_rgb(file)
    assert "not of the size" in str(caught.value.__cause__) or "2.4.90" in syntax


def test_a_false_number_of_frames_does_not_flood_the_list(tmp_path):
    write(tmp_path / "a.dcm", np.zeros((8, 8), np.uint8), NumberOfFrames=2_000_000_000)
    found = list(scan(tmp_path))
    assert len(found) < 20


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), name=st.sampled_from(["MR_small.dcm", "SC_rgb_rle.dcm", "JPEG2000.dcm"]))
def test_damaged_files_are_read_or_unreadable_never_anything_else(tmp_path, data, name):
    raw = bytearray(sample(name).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(128, min(len(raw) - 1, 4000)))] = data.draw(st.integers(0, 255))
    (tmp_path / "a.dcm").write_bytes(raw[: data.draw(st.integers(200, len(raw)))])
    results = list(examine(scan(tmp_path)))
    assert results
    assert all(isinstance(result, Refused) or result.width > 0 for result in results)
