"""predict.py cuts slides as the app does, and writes what it says of them by tile and by slide."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.predict_script import predict_py
from fewshot_lab.export.predict_slides import SlideTiles, TileSettings, tissue_of
from fewshot_lab.images import Tiling, TissueRule
from fewshot_lab.images.slides import open_slide
from fewshot_lab.images.slides.tile_grid import make_grid
from fewshot_lab.images.slides.tissue import tiles_of_slide, tissue_mask

from ..images.pyramids import picture, write_pyramid

pytest.importorskip("openslide")


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("slides") / "a b.svs", picture(2048, 1536))


@pytest.mark.parametrize(
    ("mpp", "overlap", "share"), [(0.5, 0.0, 0.5), (1.3, 0.25, 0.5), (2.0, 0.5, 0.0)]
)
def test_tiles_are_those_that_the_app_cuts_pixel_by_pixel(slide, mpp, overlap, share) -> None:
    rule = TissueRule(share=share)
    tiling = Tiling(tile_um=64 * mpp, mpp=mpp, overlap=overlap, most=None, tissue=rule)
    grid = make_grid(open_slide(slide), "a b.svs", tiling)
    numbers = tiles_of_slide(open_slide(slide), grid, tiling).tolist()
    own = SlideTiles(slide, "a b.svs", TileSettings(64, mpp, overlap, share=share)).pictures()
    assert [each.path for each in own] == [grid.path_of(number) for number in numbers]
    assert own
    for each, number in list(zip(own, numbers, strict=True))[::7]:
        assert np.array_equal(np.asarray(each.read()), np.asarray(grid.read(number)))


def test_tissue_is_what_the_app_takes_for_it(slide) -> None:
    overview = open_slide(slide).overview(300)
    own = tissue_of(overview, TileSettings(64, 0.5))
    assert own.any() and not own.all()
    assert (own != tissue_mask(overview, TissueRule())).mean() < 1e-3


def test_a_slide_that_cannot_be_cut_is_a_sentence(tmp_path, monkeypatch) -> None:
    plain = write_pyramid(tmp_path / "plain.svs", picture(512, 512), mpp=None, levels=1)
    with pytest.raises(FewshotLabError, match="give --slide-mpp"):
        SlideTiles(plain, "plain.svs", TileSettings(64, 0.5))
    assert SlideTiles(plain, "plain.svs", TileSettings(64, 0.5), slide_mpp=0.5).pictures()
    with pytest.raises(FewshotLabError, match="nothing finer"):
        SlideTiles(plain, "plain.svs", TileSettings(64, 0.1), slide_mpp=0.5)
    cut = tmp_path / "cut.svs"
    cut.write_bytes(plain.read_bytes()[:3000])
    with pytest.raises(FewshotLabError, match="not a slide that can be read"):
        SlideTiles(cut, "cut.svs", TileSettings(64, 0.5))
    monkeypatch.setitem(sys.modules, "openslide", None)
    with pytest.raises(FewshotLabError, match="pip install openslide-python openslide-bin"):
        SlideTiles(plain, "plain.svs", TileSettings(64, 0.5))


@pytest.mark.slow
def test_the_script_alone_predicts_a_folder_with_slides(bundle, slide, tmp_path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / slide.name).write_bytes(slide.read_bytes())
    (folder / "cut.svs").write_bytes(slide.read_bytes()[:3000])
    script = tmp_path / "bundle" / "predict.py"
    script.parent.mkdir()
    for file in bundle.iterdir():
        (script.parent / file.name).write_bytes(file.read_bytes())
    assert script.read_text("utf-8") == predict_py()
    out = tmp_path / "p.csv"
    command = [sys.executable, str(script), str(folder), "--out", str(out), "--threads", "1"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    asked = [*command, "--tile-px", "256", "--mpp", "0.5"]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf-8-sig") as stream:
        tiles = list(csv.DictReader(stream))
    assert tiles and all(row["path"].startswith("a b.svs#xywh=") for row in tiles)
    assert "cut.svs: cut.svs is not a slide" in done.stderr
    with (tmp_path / "p.slides.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["slide"], int(row["images"])) for row in rows] == [("a b.svs", len(tiles))]
    features = json.loads((tmp_path / "p.a b.geojson").read_text("utf-8"))["features"]
    assert [f["properties"]["classification"]["name"] for f in features] == [
        row["predicted"] for row in tiles
    ]
