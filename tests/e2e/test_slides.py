"""Whole slides in the browser, once through: seen, labelled, large and back, out and in."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fewshot_lab.project import Project, slides_of, tiles_of

from .conftest import press, until

pytest.importorskip("openslide")
pytest.importorskip("shapely")
SLIDE = "ill/long name.svs"


@pytest.fixture
def slides(home: Path, slide_template: Path) -> Project:
    shutil.copytree(slide_template, home / "slides")
    project = Project.open("slides", home=home)
    for slide in slides_of(project)[:2]:
        half = {t.image_id: "fine" if t.x < 256 else "coarse" for t in tiles_of(project, slide)}
        project.labels.add(half, "kim")
    return project


def test_a_slide_is_seen_labelled_and_goes_out_and_in(
    slides: Project, server, page: Page, tmp_path: Path
) -> None:
    third = slides_of(slides)[2]
    own = {tile.image_id for tile in tiles_of(slides, third)}
    page.goto(f"{server.url}/slides?project=slides")
    row = page.locator(".fl-table tr", has_text="long name.svs")
    expect(row).to_contain_text("%")
    row.get_by_role("link").click()

    # From the page to the slide, its tiles over its own pixels.
    view = page.locator(".ws-slide")
    expect(view).to_have_attribute("data-slide", "long name.svs")
    expect(view).to_have_attribute("data-ready", "true")
    expect(page.locator(".ws-slide-count")).to_have_text("16 images")
    expect(page.locator(".ws-map")).to_be_hidden()
    box = page.locator(".ws-slide-stage").bounding_box()
    assert box
    centre = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    scale = min(box["width"] - 24, box["height"] - 24) / 512
    left = centre[0] - 192 * scale, centre[1] - 192 * scale
    page.mouse.click(*left)
    expect(page.locator(".ws-tile")).to_have_count(1)
    press(page, "1")
    first = next(t for t in tiles_of(slides, third) if (t.x, t.y) == (0, 0))
    until(lambda: first.image_id in slides.store.labels(), "the tile is labelled")
    assert slides.store.labels().keys() & own == {first.image_id}

    # Several at once, by a box.
    page.keyboard.down("Shift")
    page.mouse.move(centre[0] + 5, centre[1] - 250 * scale)
    page.mouse.down()
    page.mouse.move(centre[0] + 250 * scale, centre[1] + 250 * scale, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.locator(".ws-tile")).to_have_count(8)

    # To the large view, and from there back to where it lies.
    page.mouse.dblclick(*left)
    page.get_by_role("button", name="Where on the slide").click()
    expect(page.locator(".ws-viewer")).to_be_hidden()
    expect(view).to_be_visible()
    page.locator('.ws-segments [data-value="map"]').click()
    expect(page.locator(".ws-map")).to_be_visible()

    # Out to QuPath: a job writes it, and it is there after a reload.
    page.goto(f"{server.url}/slides?project=slides")
    page.get_by_role("button", name="Write tiles for QuPath").click()
    expect(page.get_by_role("button", name="Download ZIP")).to_be_visible(timeout=60_000)
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZIP").click()
    data = Path(download.value.path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        written = json.loads(archive.read("long name.geojson"))
    assert len(written["features"]) == 16

    # In from QuPath, and taken back.
    ring = [[0, 256], [512, 256], [512, 512], [0, 512], [0, 256]]
    area = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {"classification": {"name": "Necrosis", "color": [9, 9, 9]}},
    }
    file = tmp_path / "long name.geojson"
    file.write_text(json.dumps([area]))
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("8 of 16 tiles are covered")).to_be_visible()
    page.get_by_role("button", name="Label 8 tiles").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert slides.store.labels().keys() & own == {first.image_id}
    assert "Necrosis" in {row.name for row in slides.store.classes()}
