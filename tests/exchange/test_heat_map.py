"""The heat map, read back by what did not write it: Pillow, ElementTree and OME's own rules."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.exchange.heat_map import write_heat_map

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
SUB_IFDS = 330


@pytest.fixture(scope="module")
def tiles() -> tuple[np.ndarray, np.ndarray]:
    """Tiles of 512 px in a half of a slide of 20,000 x 12,000 px, with random probabilities."""
    x, y = (
        each.ravel() for each in np.meshgrid(np.arange(0, 10_240, 512), np.arange(0, 9_216, 512))
    )
    first = np.random.default_rng(0).random(len(x))
    return np.stack([x, y, x + 512, y + 512], 1).astype(float), np.stack([first, 1 - first], 1)


def test_each_pixel_is_its_tiles_probability_at_the_right_place_and_size(tmp_path, tiles) -> None:
    boxes, probabilities = tiles
    file = tmp_path / "map.ome.tif"
    channels = [("Tumour", "#D55E00"), ("Stroma & rest", "#0072B2")]
    size = write_heat_map(file, boxes, probabilities, (20_000, 12_000), 0.5, channels)
    pixel = 512 / 8
    assert size == (-(-20_000 // pixel), -(-12_000 // pixel))
    with Image.open(file) as image:
        text = image.tag_v2[270].encode("latin-1")  # Pillow takes UTF-8 for Latin 1
        pixels = ElementTree.fromstring(text).find(f".//{OME}Pixels")
        assert pixels is not None
        pages = []
        for number in range(3):
            image.seek(number)
            pages.append(np.asarray(image))
    for box, p in zip(boxes, probabilities, strict=True):
        x, y = (int((box[k] + 256) / pixel) for k in (0, 1))
        assert [page[y, x] for page in pages] == pytest.approx([*p, 1])
    assert pages[2].sum() * pixel**2 == len(boxes) * 512**2
    assert not any(page[:, 10_240 // 64 :].any() for page in pages)
    written = pixels.attrib
    assert [written[k] for k in ("SizeC", "SizeX", "SizeY", "Type")] == [
        *("3", str(size[0]), str(size[1]), "float")
    ]
    assert float(written["PhysicalSizeX"]) == 0.5 * pixel
    assert written["PhysicalSizeXUnit"] == "µm"
    names = [each.attrib["Name"] for each in pixels.findall(f"{OME}Channel")]
    assert names == ["Tumour", "Stroma & rest", "Tiles"]
    colours = [int(each.attrib["Color"]) & 0xFFFFFFFF for each in pixels.findall(f"{OME}Channel")]
    assert [f"{c:08x}" for c in colours] == ["d55e00ff", "0072b2ff", "ffffffff"]


def test_the_pyramid_halves_until_it_fits_one_piece_and_means_ignore_glass(tmp_path, tiles) -> None:
    import tifffile

    boxes, _ = tiles
    file = tmp_path / "map.ome.tif"
    even = np.tile([0.25, 0.75], (len(boxes), 1))
    write_heat_map(file, boxes, even, (20_000, 12_000), None, [("a", "#000000"), ("b", "#ffffff")])
    with Image.open(file) as image:
        assert len(image.tag_v2[SUB_IFDS]) == 1
        assert "PhysicalSize" not in image.tag_v2[270]
    with tifffile.TiffFile(file) as tiff:
        levels = [level.asarray() for level in tiff.series[0].levels]
    assert [level.shape for level in levels] == [(3, 188, 313), (3, 94, 157)]
    for level in levels:
        covered = level[2] > 0
        assert level[0][covered] == pytest.approx(0.25)
        assert level[1][~covered] == pytest.approx(0)


@pytest.mark.parametrize("most", [10_000, 600])
def test_a_large_slide_stays_within_bounds(tmp_path: Path, tiles, monkeypatch, most) -> None:
    from fewshot_lab.exchange import heat_map

    monkeypatch.setattr(heat_map, "MOST_SAMPLES", most)
    boxes, probabilities = tiles
    size = write_heat_map(
        tmp_path / "m.tif", boxes, probabilities, (20_000, 12_000), 1, [("a", "#0072B2")] * 2
    )
    assert size[0] * size[1] * 3 <= most * 1.1
