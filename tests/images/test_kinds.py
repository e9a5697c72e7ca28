"""Kinds of files that few readers know come out right, or are named; none is called damaged."""

import gzip
import io
import struct
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from fewshot_lab.images import Candidate, UnreadableImage, kind_of, read_grey_values, read_rgb, scan
from fewshot_lab.images.coded import coded_size
from fewshot_lab.images.pillow_decoder import decode

RAMP = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8) * 2  # 0..252
DEEP = RAMP.astype(np.uint16) * 16
COLOUR = np.random.default_rng(3).integers(0, 256, (24, 40, 3), np.uint8)


def pixels(path: Path, frame: int = 0) -> np.ndarray:
    return np.asarray(read_rgb(path, frame)).astype(int)


def grey(path: Path) -> np.ndarray:
    values = pixels(path)
    assert (values == values[..., :1]).all()
    return values[..., 0]


def plain_tiff(path: Path, size: tuple[int, int], data: list[bytes], **tags: list[int]) -> Path:
    """Write an uncompressed TIFF by hand: strips or tiles, and tags by number ("t258")."""
    offsets, at = [], 8
    for part in data:
        offsets.append(at)
        at += len(part)
    own = {256: [size[0]], 257: [size[1]], 259: [1], 273: offsets, 279: [len(d) for d in data]}
    entries, extra = b"", b""
    after = at + 2 + 12 * (len(own | {int(k[1:]): 0 for k in tags})) + 4
    for tag, values in sorted((own | {int(k[1:]): v for k, v in tags.items()}).items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:
            packed, extra = struct.pack("<I", after + len(extra)), extra + packed
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    directory = struct.pack("<H", len(entries) // 12) + entries + b"\0\0\0\0"
    path.write_bytes(b"II*\0" + struct.pack("<I", at) + b"".join(data) + directory + extra)
    return path


def packed(values: np.ndarray, bits: int) -> bytes:
    """Pack rows of small values, each row to whole bytes."""
    rows = values.reshape(len(values), -1)
    each = rows[..., None] >> np.arange(bits)[::-1] & 1
    return np.packbits(each.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiffs_of_few_bits_reach_from_black_to_white(tmp_path, bits, channels):
    top = 2**bits - 1
    values = np.random.default_rng(bits).integers(0, top + 1, (12, 17, channels), np.uint8)
    tags = {"t258": [bits] * channels, "t262": [1 if channels == 1 else 2], "t277": [channels]}
    file = plain_tiff(tmp_path / "a.tif", (17, 12), [packed(values, bits)], **tags)
    expected = np.rint(values * (255 / top)).astype(int)
    assert (pixels(file) == np.broadcast_to(expected, (12, 17, 3))).all()


def test_pages_that_lead_in_a_circle_come_to_an_end(tmp_path):
    values = np.arange(64, dtype=np.uint8).reshape(8, 8)
    tags = {"t258": [6], "t262": [1], "t277": [1]}  # which tifffile reads, for Pillow does not
    file = plain_tiff(tmp_path / "a.tif", (8, 8), [packed(values, 6)], **tags)
    content = bytearray(file.read_bytes())
    first = struct.unpack("<I", content[4:8])[0]
    following = first + 2 + 12 * struct.unpack("<H", content[first : first + 2])[0]
    content[following : following + 4] = content[4:8]
    file.write_bytes(content)
    assert [item.path for item in scan(file)] == ["a.tif"]
    assert (grey(file) == np.rint(values * (255 / 63))).all()


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_signed_8_bit_tiffs_are_stretched(tmp_path, compression):
    import tifffile

    values = (RAMP.astype(int) - 126).astype(np.int8)
    tifffile.imwrite(tmp_path / "a.tif", values, compression=compression)
    expected = np.rint(RAMP * (255 / 252))
    assert np.abs(grey(tmp_path / "a.tif") - expected).max() == 0


def test_tiles_under_the_tags_of_strips(tmp_path):
    picture = RAMP[:50, :]
    whole = np.zeros((64, 96), np.uint8)
    whole[:50, :64] = picture
    tiles = [whole[y : y + 32, x : x + 32].tobytes() for y in (0, 32) for x in (0, 32, 64)]
    tags = {"t258": [8], "t262": [1], "t277": [1], "t278": [32], "t322": [32], "t323": [32]}
    file = plain_tiff(tmp_path / "a.tif", (70, 50), tiles, **tags)
    assert (grey(file)[:, :64] == picture).all()
    file.write_bytes(file.read_bytes()[:3000])  # and one that is cut off is still called so
    with pytest.raises(UnreadableImage, match="truncated"):
        read_rgb(file)


def test_uncompressed_ycbcr_of_a_camera(tmp_path):
    y, x = np.mgrid[:32, :48]
    rgb = np.stack([x * 5, y * 7, 128 + 0 * x], -1).astype(np.uint8)
    ycbcr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    luma = ycbcr[..., 0].reshape(16, 2, 24, 2).transpose(0, 2, 1, 3).reshape(16, 24, 4)
    data = np.concatenate([luma, ycbcr[::2, ::2, 1:]], -1).tobytes()
    tags = {"t258": [8] * 3, "t262": [6], "t277": [3], "t278": [32], "t530": [2, 2]}
    file = plain_tiff(tmp_path / "a.tif", (48, 32), [data], **tags)
    assert np.abs(pixels(file) - rgb).max() <= 8


@pytest.mark.parametrize(
    ("name", "encode", "error"),
    [
        (
            "deep.jpg",
            lambda: imagecodecs.jpeg8_encode(DEEP, bitspersample=12),
            2,
        ),
        ("lossless.jpg", lambda: imagecodecs.ljpeg_encode(RAMP), 0),
        ("ls.jpg", lambda: imagecodecs.jpegls_encode(RAMP), 0),
        ("a.jls", lambda: imagecodecs.jpegls_encode(RAMP), 0),
        ("j2k.jpg", lambda: imagecodecs.jpeg2k_encode(RAMP, level=0), 0),
        ("a.jp2", lambda: imagecodecs.jpeg2k_encode(RAMP, level=0, codecformat="jp2"), 0),
        ("deep.jp2", lambda: imagecodecs.jpeg2k_encode(RAMP.astype(np.uint16) * 257, level=0), 0),
        ("a.jxl", lambda: imagecodecs.jpegxl_encode(RAMP, lossless=True), 0),
        ("a.avif", lambda: imagecodecs.avif_encode(RAMP, level=100), 2),
    ],
)
def test_other_codes_whatever_the_ending(tmp_path, name, encode, error):
    (tmp_path / name).write_bytes(encode())
    assert np.abs(grey(tmp_path / name) - RAMP).max() <= error
    with pytest.raises(UnreadableImage):  # cut off
        (tmp_path / name).write_bytes(encode()[: -len(encode()) // 4])
        read_rgb(tmp_path / name)


def test_a_code_that_the_bundle_cannot_read_is_named_there(tmp_path):
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpegls_encode(RAMP))
    with pytest.raises(UnreadableImage, match="This is a JPEG-LS, which is not read here"):
        decode(tmp_path / "a.jpg")


def test_deep_grey_of_jpeg_ls_keeps_its_values(tmp_path):
    (tmp_path / "a.jls").write_bytes(imagecodecs.jpegls_encode(RAMP.astype(np.uint16) * 9))
    values = read_grey_values(tmp_path / "a.jls")
    assert (values.pixels + values.intercept == RAMP.astype(int) * 9).all()


@pytest.mark.parametrize("size", [(8, 8), (40, 24), (700, 24), (300, 5000)])
@pytest.mark.parametrize("box", [False, True])
def test_the_size_of_a_jpeg_xl_is_read_before_it_is_decoded(size, box):
    flat = np.zeros((size[1], size[0]), np.uint8)
    coded = imagecodecs.jpegxl_encode(flat, lossless=True, usecontainer=box)
    assert coded_size(coded) == size


@pytest.mark.parametrize("name", ["a.tga", "a.psd"])
def test_targa_and_flattened_photoshop(tmp_path, name):
    if name == "a.tga":
        Image.fromarray(COLOUR).save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(photoshop(COLOUR))
    assert (pixels(tmp_path / name) == COLOUR).all()
    assert [type(item) for item in scan(tmp_path)] == [Candidate]


def photoshop(values: np.ndarray, *, depth: int = 8, merged: int = 1) -> bytes:
    height, width, channels = values.shape
    version = struct.pack(">IB", 1, merged) + b"\0" * 13
    resources = b"8BIM" + struct.pack(">HHI", 1057, 0, len(version)) + version
    return (
        b"8BPS" + struct.pack(">H6xHIIHH", 1, channels, height, width, depth, 3)
        + struct.pack(">II", 0, len(resources)) + resources
        + struct.pack(">IH", 0, 0) + np.moveaxis(values, -1, 0).tobytes()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (photoshop(COLOUR, depth=16), "of 16 bits per colour; save a copy of 8"),
        (photoshop(COLOUR, merged=0), "holds layers alone"),
    ],
)
def test_kinds_that_are_not_read_are_named(tmp_path, content, reason):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason) as error:
        read_rgb(tmp_path / "a")
    assert "damaged:" not in str(error.value)


def test_heic_without_its_package_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x1cftypheic" + b"\0" * 40)
    with pytest.raises(
        UnreadableImage,
        match="of a kind that is not read: it begins like HEIC",
    ):
        read_rgb(tmp_path / "a.heic")
    for package in ("pi_heif", "pillow_heif"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UnreadableImage, match="pi-heif reads it"):
        read_rgb(tmp_path / "a.heic")


def bitmap(bits: int, data: bytes, *, masks: tuple[int, ...] = (), palette: bytes = b"") -> bytes:
    extra = struct.pack(f"<{len(masks)}I", *masks) + palette
    head = struct.pack("<IiiHHIIiiII", 40, 17, 6, 1, bits, 3 if masks else 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + len(extra)) + head + extra + data


@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0x0F0, 0x00F)),
        (16, (0x7, 0x38, 0x1C0)),
        (32, (0x3FF00000, 0xFFC00, 0x3FF)),
        (32, (0xFF, 0xFF0000, 0xFF00)),
    ],
)
def test_bitmaps_with_odd_masks(tmp_path, bits, masks):
    shifts = [(mask & -mask).bit_length() - 1 for mask in masks]
    tops = [mask >> shift for mask, shift in zip(masks, shifts, strict=True)]
    rng = np.random.default_rng(bits)
    values = np.stack([rng.integers(0, top + 1, (6, 17)) for top in tops], -1)
    words = sum(values[..., k].astype(np.uint64) << shifts[k] for k in range(3))
    rows = np.zeros((6, (17 * bits + 31) // 32 * 32 // bits), f"<u{bits // 8}")
    rows[:, :17] = words[::-1]
    (tmp_path / "a.bmp").write_bytes(bitmap(bits, rows.tobytes(), masks=masks))
    assert (pixels(tmp_path / "a.bmp") == np.rint(values * 255 / np.array(tops))).all()
    (tmp_path / "a.bmp").write_bytes(bitmap(bits, rows.tobytes()[:-9], masks=masks))
    with pytest.raises(UnreadableImage, match="truncated"):
        read_rgb(tmp_path / "a.bmp")


def test_bitmaps_with_a_palette_of_2_bits(tmp_path):
    places = np.random.default_rng(2).integers(0, 4, (6, 17))
    colours = np.array([[9, 80, 200], [255, 0, 1], [0, 130, 0], [7, 7, 7]], np.uint8)
    rows = np.zeros((6, 32), np.uint8)
    rows[:, :17] = places[::-1]
    palette = np.column_stack([colours[:, ::-1], np.zeros(4, np.uint8)]).tobytes()
    (tmp_path / "a.bmp").write_bytes(bitmap(2, packed(rows, 2)[: 6 * 8], palette=palette))
    assert (pixels(tmp_path / "a.bmp") == colours[places]).all()


# -- volumes and packed files ----------------------------------------------------------------------


def volume(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(values, np.eye(4) if affine is None else affine), path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "plain"])
def test_nifti_is_read_slice_by_slice_in_one_window(tmp_path, name):
    x, y, z = np.mgrid[:20, :30, :5]
    values = (x + 30 * (y > 14) + 100 * z - 200).astype(np.int16)  # right, front and head are high
    file = volume(tmp_path / "a.nii.gz" if name == "a.nii.gz" else tmp_path / "a.nii", values)
    if name == "plain":
        file = file.rename(tmp_path / "plain")
    assert kind_of(file) == "nifti"
    slices = list(scan(tmp_path))
    assert [c.path for c in slices] == [f"{name}#{k}" for k in range(5)]
    assert {c.group for c in slices} == {name}
    pictures = [pixels(c.file, c.frame)[..., 0] for c in slices]
    assert pictures[0].shape == (30, 20)
    assert pictures[0][0].mean() > pictures[0][-1].mean()  # front is up
    assert pictures[0][0, 0] > pictures[0][0, -1]  # the patient's right is on the left
    means = [picture.mean() for picture in pictures]
    assert means == sorted(means) and means[-1] > means[0] + 100
    deep = read_grey_values(file, 2)
    assert deep.low == values[:, :, 2].min() and deep.high == values[:, :, 2].max()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"patient, age\n" * 60, "This is not a NIfTI file."), (bytes(900), "nothing but zeros")],
)
def test_what_is_no_nifti_is_not_called_damaged(tmp_path, content, sentence):
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(UnreadableImage, match=sentence):
        read_rgb(tmp_path / "a.nii")


def test_nifti_turned_scaled_in_colour_and_over_time(tmp_path):
    import nibabel

    base = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
    plain = pixels(volume(tmp_path / "a.nii", base), 1)
    mirrored = volume(tmp_path / "b.nii", base[::-1], np.diag([-1.0, 1, 1, 1]))
    assert (pixels(mirrored, 1) == plain).all()
    scaled = nibabel.Nifti1Image(base, np.eye(4))
    scaled.header.set_slope_inter(2, -1000)
    nibabel.save(scaled, tmp_path / "c.nii")
    assert read_grey_values(tmp_path / "c.nii", 0).low == -1000
    colour = np.zeros((4, 5, 3), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["G"] = 77
    assert (pixels(volume(tmp_path / "d.nii", colour))[..., 1] == 77).all()
    assert len(list(scan(volume(tmp_path / "e.nii", np.stack([base, base + 9], -1))))) == 6
    for cut in (10, 200, 380):
        (tmp_path / "f.nii").write_bytes((tmp_path / "a.nii").read_bytes()[:cut])
        with pytest.raises(UnreadableImage, match="truncated"):
            read_rgb(tmp_path / "f.nii")


def test_dicom_packed_with_gzip(tmp_path):
    from .test_dicom import write

    plain = write(tmp_path / "a.dcm", RAMP)
    packed_file = tmp_path / "b.dcm.gz"
    packed_file.write_bytes(gzip.compress(plain.read_bytes()))
    assert (pixels(packed_file) == pixels(plain)).all()
    assert len(list(scan(tmp_path))) == 2
    packed_file.write_bytes(packed_file.read_bytes()[:200])
    with pytest.raises(UnreadableImage, match="truncated or damaged"):
        read_rgb(packed_file)


@pytest.mark.parametrize("tile", [None, (64, 64)])
def test_a_small_picture_named_like_a_slide_is_an_image_and_the_rest_is_counted(tmp_path, tile):
    from fewshot_lab.images.slides import slides_in

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, COLOUR, tile=tile)
    for name, content in {
        "slide.svs": buffer.getvalue(), "scan.mha": b"x", "b.MHA": b"x", "notes.txt": b"x",
        "t.tar.gz": b"x",
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
    items = scan(tmp_path)
    assert [item.path for item in items] == ["slide.svs"]
    assert items.ignored == {".mha": 2, ".txt": 1, ".tar.gz": 1}
    assert slides_in([tmp_path]) == []


# -- whose fault it is -----------------------------------------------------------------------------


def test_an_error_of_the_program_is_not_laid_on_the_file(tmp_path, monkeypatch):
    from fewshot_lab.images import pillow_decoder

    Image.fromarray(COLOUR).save(tmp_path / "a.png")
    monkeypatch.setattr(pillow_decoder, "over_white", lambda image: image.no_such_thing)
    # The lambda stands for a line of the program: its module is this one, so it is told as ours.
    monkeypatch.setitem(globals(), "__name__", "fewshot_lab.images.pillow_decoder")
    with pytest.raises(UnreadableImage, match="An error of this program, not of the file: Attr"):
        read_rgb(tmp_path / "a.png")
