"""A picture comes out the same whatever file it lies in, or is refused with a reason."""

import io
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw

from fewshot_lab.images import UnreadableImage, count_frames, make_thumbnail, pixel_id, read_rgb
from fewshot_lab.images.eight_bit import to_8bit
from fewshot_lab.images.pillow_decoder import decode
from fewshot_lab.images.tiff import read_tiff

RNG = np.random.default_rng(7)
COLOUR = RNG.integers(0, 256, (37, 53, 3), dtype=np.uint8)
GREY = RNG.integers(0, 256, (37, 53), dtype=np.uint8)
FAST = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def pixels(path: Path, frame: int = 0) -> np.ndarray:
    return np.asarray(read_rgb(path, frame))


def grey3(values: np.ndarray) -> np.ndarray:
    return np.stack([values] * 3, axis=-1)


def png16(values: np.ndarray, colour_type: int) -> bytes:
    """Write a 16-bit PNG by hand: Pillow writes none in colour."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


# -- the same pixels, whatever the container -------------------------------------------------------


@FAST
@given(picture=arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))))
def test_the_id_does_not_depend_on_the_container(tmp_path, picture):
    image = Image.fromarray(picture)
    ids = set()
    for name, options in {
        "a.png": {},
        "a.bmp": {},
        "a.tif": {},
        "lzw.tif": {"compression": "tiff_lzw"},
        "a.webp": {"lossless": True, "exact": True},
        "a.ppm": {},
    }.items():
        image.save(tmp_path / name, **options)
        ids.add(pixel_id(read_rgb(tmp_path / name)))
    Image.fromarray(np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])).save(
        tmp_path / "opaque.png"
    )
    ids.add(pixel_id(read_rgb(tmp_path / "opaque.png")))
    (tmp_path / "deep.png").write_bytes(png16(picture.astype(np.uint16) * 257, 2))
    if picture.max() > 63:  # else the values fit into fewer bits than 16
        ids.add(pixel_id(read_rgb(tmp_path / "deep.png")))
    assert ids == {pixel_id(image)}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {}),
        ("grey.jpg", {}),
        ("a.tif", {}),
        ("a.tif", {"compression": "jpeg"}),
        ("a.bmp", {}),
        ("a.webp", {}),
        ("a.gif", {}),
    ],
)
def test_ordinary_formats_need_no_more_than_pillow(tmp_path, name, options):
    """The exported predict.py has ``decode`` alone."""
    Image.fromarray(GREY if name.startswith("grey") else COLOUR).save(tmp_path / name, **options)
    alone = decode(tmp_path / name, at_least=None)
    assert alone.mode == "RGB"
    assert pixel_id(alone) == pixel_id(read_rgb(tmp_path / name))


def test_the_id_is_the_documented_one_also_in_strips():
    import hashlib

    picture = RNG.integers(0, 256, (2300, 2500, 3), dtype=np.uint8)  # more than one strip
    told = hashlib.sha256(struct.pack("<II", 2300, 2500) + picture.tobytes()).hexdigest()[:20]
    assert pixel_id(Image.fromarray(picture)) == told
    assert len(told) == 20


def test_the_shape_is_part_of_the_id():
    flat = Image.new("RGB", (6, 4))
    assert pixel_id(flat) != pixel_id(flat.transpose(Image.Transpose.ROTATE_90))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_orientations_are_turned_upright(tmp_path, suffix, orientation):
    upright = Image.new("RGB", (48, 32), "white")
    draw = ImageDraw.Draw(upright)
    draw.rectangle((0, 0, 15, 15), fill="red")
    draw.rectangle((32, 0, 47, 15), fill="blue")
    draw.rectangle((0, 16, 15, 31), fill="green")
    stored = upright
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Transpose that undoes each orientation
    if orientation > 1:
        stored = upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[274] = orientation
    options = {"jpg": {"quality": 100, "subsampling": 0}, "webp": {"lossless": True}}
    stored.save(tmp_path / f"a.{suffix}", exif=exif, **options.get(suffix, {}))
    read = pixels(tmp_path / f"a.{suffix}").astype(int)
    assert read.shape == (32, 48, 3)
    assert np.abs(read - np.asarray(upright).astype(int)).max() <= (4 if suffix == "jpg" else 0)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("compression", [None, "zlib", "jpeg2000"])
@pytest.mark.parametrize("deep", [False, True])
def test_tiff_orientation_is_the_same_by_every_reader(tmp_path, orientation, compression, deep):
    values = COLOUR.astype(np.uint16) * 257 if deep else COLOUR
    tags = [(274, 3, 1, orientation, True)]
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, values, photometric="rgb", compression=compression, extratags=tags)
    Image.fromarray(COLOUR).save(tmp_path / "plain.png", exif=_exif(orientation))
    assert np.array_equal(pixels(file), pixels(tmp_path / "plain.png"))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[274] = orientation
    return exif


# -- kinds of values -------------------------------------------------------------------------------


def test_grey_palette_and_bilevel_become_rgb(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    assert np.array_equal(pixels(tmp_path / "grey.png"), grey3(GREY))
    palette = Image.fromarray(COLOUR).quantize(16)
    palette.save(tmp_path / "palette.png")
    assert np.array_equal(pixels(tmp_path / "palette.png"), np.asarray(palette.convert("RGB")))
    Image.fromarray(GREY > 127).save(tmp_path / "bits.png")
    assert np.array_equal(pixels(tmp_path / "bits.png"), grey3(np.where(GREY > 127, 255, 0)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_alpha_is_laid_over_white(tmp_path):
    rgba = np.dstack([COLOUR, GREY])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    share = GREY[..., None] / 255
    expected = COLOUR * share + 255 * (1 - share)
    assert np.abs(pixels(tmp_path / "a.png") - expected).max() <= 1
    la = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(GREY)])
    la.save(tmp_path / "la.png")
    expected = grey3(GREY * (GREY / 255) + 255 - GREY)
    assert np.abs(pixels(tmp_path / "la.png") - expected).max() <= 1


def test_transparent_palette_colours_are_white(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "a.png", transparency=0)
    image.save(tmp_path / "bytes.png", transparency=bytes([0, 255]))
    for name in ("a.png", "bytes.png"):
        read = read_rgb(tmp_path / name)
        assert read.getpixel((0, 0)) == (255, 255, 255)
        assert read.getpixel((1, 1)) == (200, 10, 10)


def test_a_colour_declared_transparent_is_white(tmp_path):
    image = Image.new("RGB", (4, 4), (9, 9, 9))
    image.putpixel((0, 0), (1, 2, 3))
    image.save(tmp_path / "a.png", transparency=(1, 2, 3))
    assert read_rgb(tmp_path / "a.png").getpixel((0, 0)) == (255, 255, 255)


def test_an_alpha_that_hides_everything_is_ignored(tmp_path):
    Image.fromarray(np.dstack([COLOUR, np.zeros_like(GREY)])).save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), COLOUR)


def test_cmyk_becomes_rgb(tmp_path):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for name in ("a.jpg", "a.tif"):
        cmyk.save(tmp_path / name)
        red, green, blue = read_rgb(tmp_path / name).getpixel((8, 8))
        assert red > 240 and green < 15 and blue < 15


def test_a_profile_is_not_applied(tmp_path):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(COLOUR).save(tmp_path / "a.png", icc_profile=profile)
    assert np.array_equal(pixels(tmp_path / "a.png"), COLOUR)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize(
    "how", [{}, {"byteorder": ">"}, {"compression": "zlib"}, {"tile": (16, 16)}]
)
def test_16_bit_tiffs_use_the_depth_their_values_need(tmp_path, bits, how):
    top = 2**bits - 1
    grey = RNG.integers(0, top + 1, (40, 50), dtype=np.uint16)
    grey[0, 0] = top
    colour = RNG.integers(0, top + 1, (40, 50, 3), dtype=np.uint16)
    colour[0, 0] = top
    for name, values in {"grey": grey, "colour": colour}.items():
        file = tmp_path / f"{name}.tif"
        photometric = "rgb" if name == "colour" else "minisblack"
        tifffile.imwrite(file, values, photometric=photometric, **how)
        expected = np.rint(values * (255 / top)).astype(np.uint8)
        assert np.array_equal(pixels(file), expected if name == "colour" else grey3(expected))
        assert np.array_equal(np.asarray(decode(file)), pixels(file))
        assert np.array_equal(np.asarray(read_tiff(file, 0)), pixels(file))


def test_16_bit_pngs_keep_both_bytes(tmp_path):
    colour = RNG.integers(0, 4096, (20, 30, 4), dtype=np.uint16)
    colour[..., 3] = 65535
    colour[0, 0, 0] = 4095
    (tmp_path / "rgb.png").write_bytes(png16(colour[..., :3], 2))
    (tmp_path / "grey.png").write_bytes(png16(colour[..., 0], 0))
    scaled = np.rint(colour[..., :3] * (255 / 4095)).astype(np.uint8)
    assert np.array_equal(pixels(tmp_path / "rgb.png"), scaled)
    assert np.array_equal(pixels(tmp_path / "grey.png"), grey3(scaled[..., 0]))


def test_8_bit_values_in_16_bits_come_out_as_they_went_in(tmp_path):
    for factor in (1, 257):
        tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.uint16) * factor)
        assert np.array_equal(pixels(tmp_path / "a.tif"), grey3(GREY))


def test_white_is_zero_in_miniswhite(tmp_path):
    tifffile.imwrite(tmp_path / "8.tif", 255 - GREY, photometric="miniswhite")
    deep = (255 - GREY).astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "16.tif", deep, photometric="miniswhite")
    tifffile.imwrite(
        tmp_path / "big.tif", deep, photometric="miniswhite", byteorder=">", compression="zlib"
    )
    for name in ("8.tif", "16.tif", "big.tif"):
        assert np.array_equal(pixels(tmp_path / name), grey3(GREY)), name


@FAST
@given(
    values=arrays(
        st.sampled_from([np.uint16, np.int16, np.uint32, np.int32, np.float32]),
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
    )
)
@example(values=np.array([[4095.6]], np.float32))
@example(values=np.array([[np.nan, np.inf, 1e38]], np.float32))
@example(values=np.array([[-5]], np.int16))
def test_any_numbers_become_8_bit_in_the_same_order(values):
    mapped = to_8bit(values)
    assert mapped.dtype == np.uint8
    assert mapped.shape == values.shape
    finite = np.isfinite(values)
    order = np.argsort(values[finite].ravel(), kind="stable")
    assert (np.diff(mapped[finite].ravel()[order].astype(int)) >= 0).all()


def test_floats_between_0_and_1_and_signed_values(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", (GREY / 255).astype(np.float32))
    assert np.array_equal(pixels(tmp_path / "f.tif"), grey3(GREY))
    hounsfield = np.linspace(-1000, 3000, 100).reshape(10, 10).astype(np.int16)
    tifffile.imwrite(tmp_path / "s.tif", hounsfield)
    read = pixels(tmp_path / "s.tif")[..., 0]
    assert read.min() == 0
    assert read.max() == 255


# -- TIFF ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "compression", ["lzw", "zlib", "packbits", "zstd", "lzma", "jpeg2000", "jpegxl", "png", "webp"]
)
def test_compressed_tiffs(tmp_path, compression):
    file = tmp_path / "a.tif"
    options = {"compressionargs": {"lossless": True}} if compression in ("webp", "jpegxl") else {}
    tifffile.imwrite(file, COLOUR, photometric="rgb", compression=compression, **options)
    assert np.array_equal(pixels(file), COLOUR)


def test_jpeg_in_tiff_and_planes(tmp_path):
    smooth = np.asarray(Image.fromarray(COLOUR[:4, :4]).resize((64, 48)))
    tifffile.imwrite(tmp_path / "jpeg.tif", smooth, photometric="rgb", compression="jpeg")
    assert np.abs(pixels(tmp_path / "jpeg.tif").astype(int) - smooth).max() < 30
    for deep in (1, 257):
        for compression in (None, "zlib"):
            planes = np.moveaxis(COLOUR, -1, 0).astype(np.uint8 if deep == 1 else np.uint16) * deep
            tifffile.imwrite(
                tmp_path / "planes.tif",
                planes,
                photometric="rgb",
                planarconfig="separate",
                compression=compression,
            )
            assert np.array_equal(pixels(tmp_path / "planes.tif"), COLOUR)


def test_bigtiff_palette_and_bilevel_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "big.tif", COLOUR, photometric="rgb", bigtiff=True)
    assert np.array_equal(pixels(tmp_path / "big.tif"), COLOUR)
    Image.fromarray(GREY > 127).save(tmp_path / "fax.tif", compression="group4")
    assert np.array_equal(pixels(tmp_path / "fax.tif"), grey3(np.where(GREY > 127, 255, 0)))


def test_each_full_page_is_a_picture_of_its_own(tmp_path):
    file = tmp_path / "stack.tif"
    with tifffile.TiffWriter(file) as tiff:
        for shift in range(3):
            tiff.write(np.roll(GREY, shift), photometric="minisblack")
        tiff.write(GREY[::2, ::2], photometric="minisblack", subfiletype=1)  # a reduced copy
        tiff.write(GREY[:8, :8], photometric="minisblack")  # a slide's label
        tiff.write(np.roll(GREY, 3), photometric="minisblack")
    assert count_frames(file) == 4
    for frame in range(4):
        assert np.array_equal(pixels(file, frame), grey3(np.roll(GREY, frame)))
        assert np.array_equal(np.asarray(read_tiff(file, frame)), pixels(file, frame))
    with pytest.raises(UnreadableImage, match="no picture 4"):
        read_rgb(file, 4)


def test_channels_that_are_no_colours_are_refused_with_advice(tmp_path):
    file = tmp_path / "channels.tif"
    tifffile.imwrite(file, RNG.integers(0, 99, (20, 20, 7), dtype=np.uint8), photometric="rgb")
    with pytest.raises(UnreadableImage, match=r"7 channels.*grey or RGB"):
        read_rgb(file)


# -- reduced decoding ------------------------------------------------------------------------------


def test_at_least_reads_large_jpegs_smaller_but_never_too_small(tmp_path):
    smooth = Image.fromarray(COLOUR[:6, :9]).resize((1600, 1200), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "a.jpg", quality=95)
    small = read_rgb(tmp_path / "a.jpg", at_least=128)
    assert small.size == (400, 300)
    full = read_rgb(tmp_path / "a.jpg").resize((128, 128), Image.Resampling.BICUBIC)
    reduced = small.resize((128, 128), Image.Resampling.BICUBIC)
    difference = np.abs(np.asarray(full).astype(int) - np.asarray(reduced))
    assert difference.mean() < 1
    assert read_rgb(tmp_path / "a.jpg", at_least=601).size == (1600, 1200)
    smooth.save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png", at_least=8).size == (1600, 1200)


def test_thumbnails_keep_the_shape_and_are_never_enlarged():
    for size, expected in {
        (1000, 500): (256, 128),
        (100, 60): (100, 60),
        (5000, 3): (256, 1),
        (1, 1): (1, 1),
    }.items():
        data = make_thumbnail(Image.new("RGB", size, "red"))
        with Image.open(io.BytesIO(data)) as small:
            assert small.format == "WEBP"
            assert small.size == expected


# -- refusals --------------------------------------------------------------------------------------


def bomb_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = (
        struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    )
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + b"\0\0\0\0"


def test_bombs_are_refused_from_their_header(tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb_png(50_000, 50_000))
    (tmp_path / "less.png").write_bytes(bomb_png(25_000, 20_000))
    bmp = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54)
    bmp += struct.pack("<IiiHHIIiiII", 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0)
    (tmp_path / "bomb.bmp").write_bytes(bmp)
    tags = [(256, 50_000), (257, 50_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1)]
    ifd = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags)
    (tmp_path / "bomb.tif").write_bytes(b"II*\0" + struct.pack("<I", 8) + ifd + bytes(4))
    for name in ("bomb.png", "less.png", "bomb.bmp", "bomb.tif"):
        with pytest.raises(UnreadableImage, match=r"too large.*400,000,000"):
            read_rgb(tmp_path / name)


def test_a_picture_of_more_than_pillows_own_limit_is_read(tmp_path):
    Image.new("1", (10_000, 9_500)).save(tmp_path / "a.png")  # 95 megapixels
    assert read_rgb(tmp_path / "a.png").size == (10_000, 9_500)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"this is a text file\n" * 10, "text file"),
        ("Zellgröße, Färbung\r\n".encode(), "text file"),
        (bytes(1000), "zeros"),
        (b"\x89PNG\r\n\x1a\n", "damaged or truncated"),
        (b"\xff\xd8\xff\xe0", "damaged or truncated"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "not an image"),
    ],
)
def test_files_that_are_no_pictures_are_refused_with_the_reason(tmp_path, content, reason):
    for name in ("a.jpg", "a.png", "a.tif"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImage, match=reason):
            read_rgb(tmp_path / name)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(UnreadableImage, match="not there"):
        read_rgb(tmp_path / "nothing.png")
    with pytest.raises(UnreadableImage, match="folder"):
        read_rgb(tmp_path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {"quality": 95}),
        ("a.bmp", {}),
        ("a.webp", {"lossless": True}),
        ("a.tif", {}),
        ("lzw.tif", {"compression": "tiff_lzw"}),
    ],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(tmp_path, name, options, share):
    noise = RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / name, **options)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnreadableImage, match=r"truncated|damaged"):
        read_rgb(tmp_path / name)


@pytest.mark.parametrize("compression", [None, "zlib", "jpeg2000"])
def test_a_tiff_whose_data_end_early_is_not_filled_with_black(tmp_path, compression):
    noise = RNG.integers(0, 256, (200, 200, 3), dtype=np.uint8)
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, noise, photometric="rgb", compression=compression, rowsperstrip=50)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UnreadableImage, match=r"truncated|damaged"):
        read_rgb(file)
    with pytest.raises(UnreadableImage, match=r"truncated|damaged"):
        read_tiff(file, 0)


HEADS = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"II*\0\x08\0\0\0", b"MM\0*"]
HEADS += [b"BM", b"RIFF\x20\0\0\0WEBPVP8 ", b"GIF89a", b"P6\n", bytes(128) + b"DICM\x02\0\0\0UL"]


@settings(FAST, max_examples=120)
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=600))
def test_arbitrary_bytes_are_a_picture_or_unreadable_never_anything_else(tmp_path, head, tail):
    for name in ("a.png", "a.dcm"):
        file = tmp_path / name
        file.write_bytes(head + tail)
        try:
            assert read_rgb(file).mode == "RGB"
        except UnreadableImage as error:
            assert str(error).endswith(".")
        with suppress(UnreadableImage):
            assert count_frames(file) >= 1


NAMES = ["a.png", "a.jpg", "a.tif", "z.tif", "a.webp", "a.bmp"]


@settings(FAST, max_examples=80)
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_damaged_pictures_are_read_or_unreadable_never_anything_else(tmp_path, data, name):
    options = {"compression": "tiff_lzw"} if name == "z.tif" else {}
    buffer = io.BytesIO()
    kind = {"tif": "TIFF", "jpg": "JPEG"}.get(name[-3:], name.rpartition(".")[2].upper())
    Image.fromarray(COLOUR[:16, :16]).save(buffer, kind, **options)
    raw = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(raw)
    with suppress(UnreadableImage):
        assert read_rgb(tmp_path / name).mode == "RGB"
