"""What is written beside a picture goes; the picture and which side is up stay, bit for bit."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fewshot_lab.images import pixels_only, read_rgb

SECRET = b"Mustermann"


@pytest.fixture
def picture() -> Image.Image:
    ramp = np.add.outer(np.arange(40), np.arange(56))
    return Image.fromarray(np.stack([ramp, 255 - ramp, ramp * 2], axis=2).astype(np.uint8))


def exif(turned: int) -> Image.Exif:
    tags = Image.Exif()
    tags[274] = turned
    tags[315] = SECRET.decode()  # the artist
    tags[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}  # where
    return tags


@pytest.mark.parametrize("turned", [1, 3, 6, 8])
@pytest.mark.parametrize(
    "how",
    [
        {"format": "JPEG", "quality": 90},
        {"format": "JPEG", "progressive": True, "subsampling": 2},
        {"format": "JPEG", "mode": "CMYK"},
        {"format": "JPEG", "mode": "L", "restart_marker_blocks": 2},
        {"format": "PNG"},
        {"format": "PNG", "mode": "P"},
        {"format": "PNG", "mode": "LA"},
        {"format": "PNG", "mode": "I;16"},
    ],
    ids=lambda how: "-".join(map(str, how.values())),
)
def test_only_the_picture_stays(
    picture: Image.Image, how: dict, turned: int, tmp_path: Path
) -> None:
    options = dict(how)
    mode = options.pop("mode", "RGB")
    more: dict = {"exif": exif(turned)}
    if options["format"] == "PNG":
        more["pnginfo"] = PngImagePlugin.PngInfo()
        more["pnginfo"].add_text("Patient", SECRET.decode())
        more["pnginfo"].add_itxt("Comment", SECRET.decode(), zip=False)
    else:
        more |= {"comment": SECRET, "icc_profile": b"x" * 300 + SECRET, "xmp": SECRET}
    if mode == "I;16":
        picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 200)
    else:
        picture = picture.convert(mode)
    file = tmp_path / "a"
    picture.save(file, **options, **more)
    file.write_bytes(file.read_bytes() + SECRET)  # behind the end
    assert SECRET in file.read_bytes()
    bare = pixels_only(file)
    assert bare is not None and SECRET not in bare
    (tmp_path / "bare").write_bytes(bare)
    assert read_rgb(tmp_path / "bare").tobytes() == read_rgb(file).tobytes()
    with Image.open(io.BytesIO(bare)) as image:
        assert set(image.getexif()) == ({274} if turned > 1 else set())
    assert pixels_only(tmp_path / "bare") == bare


def test_what_cannot_be_cut_is_told(picture: Image.Image, tmp_path: Path) -> None:
    file = tmp_path / "a"
    picture.save(file, "JPEG")
    whole = file.read_bytes()
    for data in (whole[:-300], whole[:3], whole[:30], b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"text"):
        file.write_bytes(data)
        assert pixels_only(file) is None
