"""Whole slides: read like an independent reader, cut as asked, refused with a reason."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import Candidate, Tiling, TissueRule, UnreadableImage, read_rgb, scan
from fewshot_lab.images.slides import is_slide, open_slide, tile_candidates
from fewshot_lab.images.slides.grid_files import save_grid
from fewshot_lab.images.slides.tile_grid import make_grid
from fewshot_lab.images.slides.tissue import draw_evenly, mask_overview, tissue_mask, tissue_tiles

from .pyramids import levels_of, picture, write_dicom_slide, write_pyramid
from .scanner_formats import write_mrxs, write_ndpi, write_scn

PIXELS = picture(2048, 1536)


@pytest.fixture(scope="module")
def slide(tmp_path_factory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("slides") / "a.svs", PIXELS)


@pytest.fixture(scope="module")
def ome(tmp_path_factory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("slides") / "a.ome.tif", PIXELS, ome=True)


def independent(file: Path, place: tuple[int, ...], level: int, side: int) -> np.ndarray:
    import tiffslide

    with tiffslide.TiffSlide(file) as other:
        return np.asarray(other.read_region(place[:2], level, (side, side)).convert("RGB"))


@pytest.mark.parametrize("mpp", [0.5, 2.0, 8.0])
def test_tiles_are_a_levels_own_pixels_as_another_reader_has_them(slide, tmp_path, mpp):
    tiling = Tiling(tile_um=64 * mpp, mpp=mpp, most=None, tissue=TissueRule(share=0))
    count, tiles = tile_candidates("a.svs", slide, tiling, tmp_path)
    tiles = list(tiles)
    level = {0.5: 0, 2.0: 1, 8.0: 2}[mpp]
    down = 4**level
    assert count == len(tiles) == (2048 // (64 * down)) * (1536 // (64 * down))
    grid = make_grid(open_slide(slide), "a.svs", tiling)
    for tile in tiles[:: max(1, count // 20)]:
        place = grid.place(tile.frame)
        assert tile.path == "a.svs#xywh=" + ",".join(map(str, place))
        got = np.asarray(read_rgb(tile.file, tile.frame))
        assert (got == independent(slide, place, level, 64)).all()
        x, y = place.x // down, place.y // down
        assert (got == levels_of(PIXELS)[level][y : y + 64, x : x + 64]).all()


def test_a_real_slide_reads_as_another_reader_has_it(data_folder, tmp_path):
    file = data_folder.parent / "cases" / "slides" / "CMU-1-Small-Region.svs"
    if not file.exists():
        pytest.skip(f"there is no {file}")
    count, tiles = tile_candidates("CMU-1.svs", file, Tiling(), tmp_path)
    assert open_slide(file).mpp == pytest.approx(0.499)
    assert 20 <= count <= 50  # about half of its 88 tiles are tissue
    for tile in tiles:
        x, y, *_ = map(int, tile.path.rpartition("=")[2].split(","))
        got = np.asarray(read_rgb(tile.file, tile.frame))
        assert (got == independent(file, (x, y), 0, 256)).all()


def test_an_ome_tiff_has_all_its_levels(ome):
    reader = open_slide(ome)
    assert [level.downsample for level in reader.levels] == [1, 4, 16]
    assert reader.mpp == 0.5
    for level, pixels in enumerate(levels_of(PIXELS)):
        got = np.asarray(reader.read(level, 30, 20, 90, 70))
        assert (got == pixels[20:90, 30:120]).all()
    beyond = np.asarray(reader.read(0, -10, 1530, 20, 20))
    assert (beyond[:, :10] == 255).all()
    assert (beyond[6:] == 255).all()
    assert (beyond[:6, 10:] == PIXELS[1530:, :10]).all()


def test_the_files_of_a_dicom_slide_are_one_slide(tmp_path):
    pixels = picture(1024, 768)
    for file in write_dicom_slide(tmp_path, pixels):
        reader = open_slide(file)
        assert [level.downsample for level in reader.levels] == [1, 4]
        assert reader.mpp == 0.5
        for level, wanted in enumerate(levels_of(pixels, 2)):
            got = np.asarray(reader.read(level, 20, 30, 150, 100))
            assert (got == wanted[30:130, 20:170]).all()
    tiling = Tiling(tile_um=32, most=5)
    items = list(scan(tmp_path, tiling=tiling, grids=tmp_path / "g", group_field="PatientID"))
    assert [item.group for item in items] == ["P1"] * 5
    assert {item.meta["slide"] for item in items} == {"level0.dcm"}


@pytest.mark.parametrize(
    ("name", "write", "coarser", "loss"),
    [("a.ndpi", write_ndpi, 4, 3), ("a.scn", write_scn, 4, 0), ("a.mrxs", write_mrxs, 2, 0)],
)
def test_the_formats_of_scanners_come_in_as_tiles(name, write, coarser, loss, tmp_path):
    """NDPI is JPEG: nearly the same; the others pixel by pixel, from either level."""
    pixels = picture(1024, 768)
    (tmp_path / "in").mkdir()
    file = write(tmp_path / "in" / name, pixels, 0.5)
    assert open_slide(file).mpp == pytest.approx(0.5)
    for level in (1, coarser):
        whole = np.asarray(Image.fromarray(pixels).reduce(level))
        tissue = TissueRule(share=0)
        tiling = Tiling(tile_um=32 * level, mpp=0.5 * level, most=4, tissue=tissue)
        items = list(scan(file.parent, tiling=tiling, grids=tmp_path / "grids"))
        assert len(items) == 4 and {item.group for item in items} == {name}
        for item in items:
            x, y, *_ = (int(n) // level for n in item.path.rpartition("=")[2].split(","))
            got = np.asarray(read_rgb(item.file, item.frame), int)
            want = whole[y : y + 64, x : x + 64] if y < len(whole) else 255  # not scanned
            assert np.abs(got - want).mean() <= loss
    cut = tmp_path / f"cut{file.suffix}"
    cut.write_bytes(file.read_bytes()[: file.stat().st_size // 3])  # of .mrxs: without its folder
    assert "end is missing" in reason(cut)


@pytest.mark.parametrize("kind", ["slide", "ome"])
def test_between_levels_a_tile_is_the_finer_level_made_smaller(kind, request):
    """With antialiasing over a tile's edge: as a part of the whole level made smaller."""
    file = request.getfixturevalue(kind)
    got = np.asarray(open_slide(file).region(256, 512, 512, 256), int)  # 1 um: between 0.5 and 2
    whole = Image.fromarray(PIXELS).resize((1024, 768), Image.Resampling.LANCZOS)
    want = np.asarray(whole, int)[256:512, 128:384]
    assert np.abs(got - want).max() <= 1


def test_a_slide_without_levels_is_seen_whole_in_blocks(tmp_path):
    wide = np.tile(picture(1024, 1024), (5, 6, 1))
    file = write_pyramid(tmp_path / "flat.tif", wide, levels=1)
    assert is_slide(file)
    got = np.asarray(open_slide(file).overview(256), int)
    want = np.asarray(Image.fromarray(wide).resize((256, 213), Image.Resampling.BOX), int)
    assert got.shape == want.shape
    assert np.abs(got - want).mean() < 4


def test_tissue_is_coloured_and_textured(slide):
    overview = mask_overview(open_slide(slide), 0.5)  # 8 um a point
    assert overview.size == (128, 96)
    mask = tissue_mask(overview, TissueRule())
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    away = np.hypot(x - mask.shape[1] / 4, y - mask.shape[0] / 2)
    assert mask[away < 25].all()
    assert not mask[away > 31].any()
    flat = Image.new("RGB", (200, 200), (200, 60, 60))  # ink: coloured, smooth
    grey = Image.fromarray(picture(200, 200)).convert("L").convert("RGB")  # dust: no colour
    assert not tissue_mask(flat, TissueRule())[10:-10, 10:-10].any()
    assert not tissue_mask(grey, TissueRule()).any()
    assert tissue_mask(flat, TissueRule(texture=0)).all()


def test_a_tile_counts_by_its_share_of_tissue(slide):
    grid = make_grid(open_slide(slide), "a.svs", Tiling(tile_um=64, mpp=0.5, overlap=0.5))
    mask = np.zeros((grid.height // 8, grid.width // 8), bool)
    mask[:, :100] = True  # tissue up to x = 800
    for share in (0.25, 0.5, 0.75, 1.0):
        got = tissue_tiles(grid, mask, share)
        places = [grid.place(k) for k in range(grid.rows * grid.columns)]
        want = [k for k, p in enumerate(places) if min(max(800 - p.x, 0), 128) / 128 >= share]
        assert got.tolist() == want


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 9), st.integers(0, 10**6))
def test_a_draw_is_of_the_tiles_and_grows_with_its_number(few, more, seed, chance):
    few, more = sorted((few, more))
    grid = _grid(40, 30)
    rng = np.random.default_rng(chance)
    tiles = np.flatnonzero(rng.random(40 * 30) < rng.random())
    small, large = (set(draw_evenly(grid, tiles, n, seed).tolist()) for n in (few, more))
    assert small <= large <= set(tiles.tolist())
    assert len(small) == min(few, len(tiles))


def test_a_draw_lies_evenly_over_the_tissue():
    """Of quarters of the slide, each has its share; by chance alone they would differ more."""
    grid = _grid(64, 64)
    for seed in range(5):
        drawn = draw_evenly(grid, np.arange(64 * 64), 100, seed)
        quarters = np.bincount(drawn % 64 // 32 + 2 * (drawn // 64 // 32), minlength=4)
        assert quarters.min() >= 24
    assert set(draw_evenly(grid, np.arange(4096), 100, 0)) != set(
        draw_evenly(grid, np.arange(4096), 100, 1)
    )


def _grid(columns: int, rows: int):
    from fewshot_lab.images.slides import TileGrid

    return TileGrid("/a.svs", "a.svs", columns * 256, rows * 256, 0.5, 256, 256.0, 256.0)


# -- what cannot be read ---------------------------------------------------------------------------


def reason(file: Path, tiling: Tiling | None = None) -> str:
    """Return why a slide is refused, alone in its folder."""
    tiling = tiling or Tiling(tile_um=32)
    (item,) = scan(file, tiling=tiling, grids=file.parent / "grids")
    assert not isinstance(item, Candidate)
    return item.reason


def test_a_slide_without_micrometres_is_asked_about(tmp_path):
    file = write_pyramid(tmp_path / "a.svs", PIXELS, mpp=None)
    assert "--slide-mpp" in reason(file)
    for tiling in (
        Tiling(tile_um=32, slide_mpp=0.5, most=3),
        Tiling(tile_px=64, most=3),
    ):
        assert len(list(scan(file, tiling=tiling, grids=tmp_path))) == 3


def test_what_no_slide_has_is_a_sentence(slide, tmp_path):
    assert "nothing finer" in reason(slide, Tiling(tile_um=32, mpp=0.25))
    assert "smaller than a tile" in reason(slide, Tiling(tile_um=1000))
    glass = write_pyramid(tmp_path / "glass.svs", np.full((1024, 1024, 3), 245, np.uint8))
    assert "No tissue" in reason(glass)
    for wrong in ({"tile_um": 1}, {"mpp": 0}, {"overlap": 1}, {"most": 0}, {"slide_mpp": -1}):
        with pytest.raises(FewshotLabError):
            Tiling(**wrong)


@pytest.mark.parametrize("kind", ["slide", "ome"])
@pytest.mark.parametrize("left", [0.3, 0.9])
def test_a_slide_cut_short_is_a_sentence(kind, left, request, tmp_path):
    whole = request.getfixturevalue(kind)
    cut = tmp_path / whole.name
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * left)])
    try:
        items = list(scan(cut, tiling=Tiling(tile_um=32), grids=tmp_path / "grids"))
        reasons = [item.reason for item in items if not isinstance(item, Candidate)]
        for item in items:
            if isinstance(item, Candidate):
                read_rgb(item.file, item.frame)
    except UnreadableImage as error:
        reasons = [str(error)]
    assert reasons
    assert all("end is missing" in r or "damaged" in r or "truncated" in r for r in reasons)


def test_what_only_calls_itself_a_slide(tmp_path):
    file = tmp_path / "a.ndpi"
    file.write_bytes(b"nothing of the kind")
    assert "not a slide" in reason(file)


def test_without_its_library_a_slide_says_the_command(slide, tmp_path, monkeypatch):
    from fewshot_lab.images.slides import reader

    monkeypatch.setitem(sys.modules, "openslide", None)
    reader._openslide.cache_clear()
    copy = tmp_path / "b.ndpi"
    copy.write_bytes(slide.read_bytes())
    assert "pip install fewshot-lab[slides]" in reason(copy)
    reader._openslide.cache_clear()


def test_a_file_of_a_user_never_names_another(slide, tmp_path):
    grid = save_grid(make_grid(open_slide(slide), "a.svs", Tiling(tile_um=32)), tmp_path)
    (item,) = scan(grid)
    assert not isinstance(item, Candidate)
    table = tmp_path / "a.csv"
    table.write_text(f"path,frame\n{grid.name}#3,\n", encoding="utf-8")
    assert not any(isinstance(item, Candidate) for item in scan(table))


def test_where_no_tiles_are_wanted_a_slide_is_not_read_as_one_picture(slide):
    (item,) = scan(slide)
    assert not isinstance(item, Candidate)
    assert "as tiles" in item.reason
