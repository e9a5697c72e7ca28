"""predict.py cuts slides as the app does, and writes what it says of them by tile and by slide."""

import ast
import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.predict_pictures import find_pictures
from fewshot_lab.export.predict_script import predict_py
from fewshot_lab.export.predict_slides import SlideTiles, TileSettings
from fewshot_lab.export.tile_settings import tile_settings
from fewshot_lab.images import Refused, Tiling, TissueRule, read_rgb, scan
from fewshot_lab.project import Project

from ..images.pyramids import picture, write_dicom_slide, write_pyramid

pytest.importorskip("openslide")
PIXELS = picture(2048, 1536)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("slides") / "a b.svs", PIXELS)


@pytest.fixture(scope="module")
def slides(slide: Path) -> Path:
    """Return a folder of slides as OpenSlide, tifffile and both read them."""
    folder = slide.parent
    write_pyramid(folder / "levels within.ome.tif", picture(4096, 512), ome=True, levels=2)
    (folder / "series").mkdir()
    write_dicom_slide(folder / "series", picture(1024, 768, seed=1))
    return folder


@pytest.mark.parametrize(
    ("mpp", "overlap", "share"), [(0.5, 0.0, 0.5), (1.3, 0.25, 0.5), (2.0, 0.5, 0.0)]
)
def test_tiles_are_those_that_an_import_makes(slides, tmp_path, mpp, overlap, share) -> None:
    """The same names in the same order, and the same pixels: OME-TIFF and DICOM, too."""
    tiling = Tiling(64 * mpp, mpp, None, overlap, None, tissue=TissueRule(share=share))
    settings = TileSettings(64, mpp, overlap, share=share)
    imported = list(scan(slides, tiling=tiling, grids=tmp_path))
    own = find_pictures(slides, lambda name, file: SlideTiles(file, name, settings))
    assert [each.path for each in own] == [each.path for each in imported]
    assert len({each.path.partition("#xywh=")[0] for each in own if "#" in each.path}) == 3
    for each, tile in list(zip(own, imported, strict=True))[::17]:
        assert np.array_equal(np.asarray(each.read()), np.asarray(read_rgb(tile.file, tile.frame)))


def test_the_script_imports_little_and_no_name_of_it_means_two_things() -> None:
    """It is put together from files, of which the later one's names would replace the earlier's."""
    names: Counter[str] = Counter()
    body = ast.parse(predict_py()).body
    packages = {a.name for node in body if isinstance(node, ast.Import) for a in node.names}
    packages |= {str(node.module) for node in body if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in packages} - sys.stdlib_module_names
    assert packages == {"numpy", "PIL"}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] += 1
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names.update(target.id for target in targets if isinstance(target, ast.Name))
    assert [name for name, n in names.items() if n > 1] == []


def test_a_slide_that_cannot_be_cut_is_a_sentence(tmp_path, monkeypatch) -> None:
    plain = write_pyramid(tmp_path / "plain.svs", picture(512, 512), mpp=None, levels=1)
    settings = TileSettings(64, 0.5)
    with pytest.raises(FewshotLabError, match="--slide-mpp"):
        SlideTiles(plain, "plain.svs", settings)
    assert SlideTiles(plain, "plain.svs", settings, slide_mpp=0.5).pictures
    with pytest.raises(FewshotLabError, match="nothing finer"):
        SlideTiles(plain, "plain.svs", TileSettings(64, 0.1), slide_mpp=0.5)
    cut = tmp_path / "cut.svs"
    cut.write_bytes(plain.read_bytes()[:3000])
    with pytest.raises(FewshotLabError, match="end is missing"):
        SlideTiles(cut, "cut.svs", settings)
    command = "pip install openslide-python openslide-bin tifffile imagecodecs pydicom"
    for package in ("openslide", "tifffile", "imagecodecs"):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, package, None)
            with pytest.raises(FewshotLabError, match=command):
                SlideTiles(plain, "plain.svs", settings)
    write_dicom_slide(tmp_path, picture(256, 256))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    *_, dicom = find_pictures(tmp_path / "level0.dcm", lambda name, file: pytest.fail(name))
    assert isinstance(dicom, Refused) and command in dicom.reason


def test_the_rule_of_the_import_goes_with_the_classifier(slide, tmp_path) -> None:
    """The newest import's, in the slide's one file; slides of before go by the usual rule."""
    rules = TissueRule(0.1, 0.02, 0.25), TissueRule(0.0, 0.0, 0.75)
    with Project.create("p", home=tmp_path) as project:
        for rule in rules:
            project.import_images(slide, tiling=Tiling(32, 0.5, overlap=0.25, most=4, tissue=rule))
            settings = TileSettings(64, 0.5, 0.25, rule.saturation, rule.texture, rule.share)
            assert tile_settings(project) == settings
        (grid,) = (project.folder / "slides").iterdir()
        of_before = json.loads(grid.read_text("utf-8"))
        del of_before["tissue"]
        grid.write_text(json.dumps(of_before, indent=1, ensure_ascii=False), "utf-8")
        assert tile_settings(project) == TileSettings(64, 0.5, 0.25)
        project.import_images(slide, tiling=Tiling(32, 0.5, overlap=0.25, most=4))
        assert [grid] == list((project.folder / "slides").iterdir())


@pytest.mark.parametrize("text", ["{", "[]", '{"tile_px": "x", "mpp": 0.5}', '{"other": 1}'])
def test_damaged_settings_are_a_sentence(tmp_path, text) -> None:
    (tmp_path / "tiles.json").write_text(text)
    with pytest.raises(FewshotLabError, match="cannot be read; copy"):
        TileSettings.load(tmp_path)


@pytest.mark.slow
def test_the_script_alone_and_the_app_predict_a_folder_with_slides(
    bundle, slides, tmp_path, capsys
):
    folder = tmp_path / "in"
    shutil.copytree(slides, folder)
    slide = folder / "a b.svs"
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
    counts = Counter(row["path"].partition("#xywh=")[0] for row in tiles)
    assert list(counts) == ["a b.svs", "levels within.ome.tif", "series/level0.dcm"]
    assert done.stderr == "cut.svs: The slide's end is missing: it was cut short.\n"
    with (tmp_path / "p.slides.csv").open(encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["slide"]: int(row["images"]) for row in rows} == counts
    features = json.loads((tmp_path / "p.a b.geojson").read_text("utf-8"))["features"]
    assert [f["properties"]["classification"]["name"] for f in features] == [
        row["predicted"] for row in tiles[: counts["a b.svs"]]
    ]
    asked = ["predict", str(bundle), str(folder), "--out", str(tmp_path / "app.csv")]
    assert run(asked) == 1
    assert "not made from slides: give --tile-px" in capsys.readouterr().out
    assert run([*asked, "--tile-px", "256", "--mpp", "0.5"]) == 0
    written = sorted(tmp_path.glob("p.*"))
    assert [file.name for file in written] == [
        "p.a b.geojson", "p.csv", "p.errors.csv", "p.levels within.ome.geojson",
        "p.series_level0.geojson", "p.slides.csv",
    ]  # fmt: skip
    for file in written:
        assert file.read_bytes() == (tmp_path / f"app{file.name[1:]}").read_bytes(), file.name
