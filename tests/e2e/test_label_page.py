"""The label page as a person uses it: map, keys, undo, and a server that dies."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Route, expect

from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project

from .conftest import press, until

Open = Callable[..., Page]


def inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Say which points (n, 2) lie in a polygon (m, 2): even-odd rule, as a reference."""
    x, y = points[:, 0, None], points[:, 1, None]
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, 1, axis=0).T
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses = (y0 > y) != (y1 > y)
        left = x < (x1 - x0) * (y - y0) / (y1 - y0) + x0
    return (crosses & left).sum(axis=1) % 2 == 1


def add_class(page: Page, name: str) -> None:
    field = page.get_by_label("Name of a new class")
    field.fill(name)
    field.press("Enter")
    expect(page.get_by_role("button", name=f"{name}: ")).to_be_visible()  # however it is cut


def to_images(page: Page) -> None:
    """Give the keys to the images, once they stand: a key that comes with them labels none."""
    page.wait_for_timeout(500)
    page.locator(".ws-grid").focus()


def lasso(page: Page, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Draw a diamond, in shares of the map; return it in the map's own units."""
    box = page.locator(".ws-plot").bounding_box()
    assert box
    middle = ((left + right) / 2, (top + bottom) / 2)
    corners = [(left, middle[1]), (middle[0], top), (right, middle[1]), (middle[0], bottom)]
    pixels = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in corners]
    page.mouse.move(*pixels[0])
    page.mouse.down()
    for x, y in [*pixels[1:], pixels[0]]:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()
    expect(page.locator(".ws-right")).to_have_attribute("data-view", "selection")
    polygon = page.evaluate("document.querySelector('.ws-lasso') !== null")
    assert polygon
    return np.array(
        page.evaluate(
            """pixels => {
              const plot = document.querySelector('.ws-plot'), box = plot.getBoundingClientRect();
              const {xaxis, yaxis} = plot._fullLayout;
              return pixels.map(([x, y]) => [xaxis.p2d(x - box.left), yaxis.p2d(y - box.top)]);
            }""",
            pixels,
        )
    )


def share_drawn(page: Page, project: Project, ids: set[str], colour: tuple[int, ...]) -> float:
    """Return the share of images whose place on the map has a colour within three pixels.

    Points lie on one another, and the outline of one may cross the middle of another.
    """
    layout = project.map
    assert layout is not None
    xy = [list(map(float, layout.xy[i])) for i, one in enumerate(layout.ids) if one in ids]
    places = page.evaluate(
        """xy => { const {xaxis, yaxis} = document.querySelector('.ws-plot')._fullLayout;
                   return xy.map(([x, y]) => [xaxis.d2p(x), yaxis.d2p(y)]); }""",
        xy,
    )
    picture = Image.open(io.BytesIO(page.locator(".ws-plot").screenshot())).convert("RGB")
    right = np.abs(np.asarray(picture).astype(int) - colour).max(axis=2) < 24
    near = [right[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] for x, y in places]
    return float(np.mean([part.any() for part in near]))


def ranges(page: Page) -> Any:
    return page.evaluate(
        """() => { const {xaxis, yaxis} = document.querySelector('.ws-plot')._fullLayout;
                   return [...xaxis.range, ...yaxis.range]; }"""
    )


def ids_of_tiles(page: Page) -> set[str]:
    tiles = page.locator(".ws-tile[data-id]:visible")
    return {*tiles.evaluate_all("all => all.map((e) => e.dataset.id)")}


def labelled(project: Project) -> int:
    return len(project.store.labels())


def start(project: Project, per_class: int = 5, classes: int = 3, classifier: str = "lda") -> None:
    """Label some drawn cells by their type, as if somebody had begun; refits are quick."""
    project.store.set("classifier", classifier)
    audit = project.store.audit_ids()
    by_type: dict[str, list[str]] = {}
    for row in project.store.images():
        if row.id not in audit:
            by_type.setdefault(str(row.reference), []).append(row.id)
    chosen = {i: name for name in sorted(by_type)[:classes] for i in by_type[name][:per_class]}
    project.labels.add(chosen, "kim")


def test_a_lasso_and_one_key_label_what_lies_inside_and_undo_takes_it_back(
    project: Project, open_label_page: Open
) -> None:
    page = open_label_page()
    add_class(page, "lymphocyte")
    polygon = lasso(page, 0.02, 0.02, 0.8, 0.98)
    layout = project.map
    assert layout is not None
    ids = {layout.ids[i] for i in np.flatnonzero(inside(layout.xy, polygon))}
    assert 10 < len(ids) < 230
    expect(page.get_by_role("button", name=f"Label {len(ids)} images", exact=True)).to_be_visible()
    expect(page.locator(".ws-map-pill")).to_contain_text(str(len(ids)))

    press(page, "1")
    # Before anything else is waited for: it goes by itself.
    expect(page.locator(".ws-toast", has_text=f"{len(ids)} images")).to_be_visible()
    until(lambda: set(project.store.labels()) == ids, "the lasso's images are labelled")
    assert {e.view for e in project.store.events()} == {"map"}
    page.keyboard.press("Escape")
    until(lambda: share_drawn(page, project, ids, (0x00, 0x72, 0xB2)) > 0.8, "labels on the map")

    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == 0, "one undo takes the whole lasso back")
    page.keyboard.press("Control+Shift+Z")
    until(lambda: labelled(project) == len(ids), "redo brings it back")
    page.reload()
    page.wait_for_selector(".ws-map[data-drawn]")
    expect(page.locator(".ws-class .ws-count")).to_have_text(str(len(ids)))
    to_images(page)
    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == 0, "undo works across a reload")


def test_keys_label_one_image_after_the_other_and_the_classifier_learns(
    project: Project, open_label_page: Open
) -> None:
    start(project, classifier="auto")
    page = open_label_page()
    expect(page.locator(".ws-truth-button")).to_be_visible()
    before, painted = ranges(page), page.locator(".ws-map").get_attribute("data-painted")
    had = labelled(project)
    to_images(page)
    for key in "12ux":
        press(page, key)
    until(lambda: labelled(project) == had + 4, "four keys are four labels")
    kinds = [e.kind for e in project.store.events()][-4:]
    assert kinds == ["class", "class", "unsure", "reject"]
    last = project.store.events()[-1]
    assert last.view == "suggestion"
    assert last.strategy
    assert last.spent_ms is not None
    page.wait_for_function(
        "painted => document.querySelector('.ws-map').dataset.painted !== painted", arg=painted
    )
    assert ranges(page) == before


def test_no_label_runs_a_script(
    project: Project, context: BrowserContext, open_label_page: Open, page: Page
) -> None:
    sent: list[Any] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    start(project)
    page = open_label_page()
    to_images(page)
    page.locator("[data-test-script-state=notRunning]").wait_for()
    while sent:  # what the page still had to say when it came up
        sent.clear()
        page.wait_for_timeout(1500)
    had = labelled(project)
    press(page, "1")
    until(lambda: labelled(project) == had + 1, "the label is stored")
    lasso(page, 0.2, 0.2, 0.8, 0.8)
    page.wait_for_timeout(500)
    assert sent == []


def test_the_first_class_is_named_in_place_and_typing_labels_nothing(
    project: Project, open_label_page: Open
) -> None:
    page = open_label_page()
    field = page.get_by_label("Name of a new class")
    expect(field).to_have_attribute("placeholder", "Name your first class")
    expect(field).to_be_focused()
    offer = page.get_by_role("button", name="Use the 8 imported names")
    offer.click()
    expect(page.locator(".ws-class .ws-name")).to_have_text(project.store.reference_names(9))
    for _ in range(8):
        page.keyboard.press("Control+z")
    expect(offer).to_be_visible()
    field.focus()
    page.keyboard.type("sux 1")
    assert field.input_value() == "sux 1"
    page.keyboard.press("Enter")
    expect(page.locator(".ws-class .ws-name")).to_have_text("sux 1")
    assert project.store.events() == []
    assert [row.name for row in project.store.classes()] == ["sux 1"]


def test_names_typed_faster_than_the_server_answers_are_classes_in_their_order_and_label_nothing(
    project: Project, open_label_page: Open
) -> None:
    page = open_label_page()

    held: list[Route] = []
    page.route("**/classes", lambda route: route.continue_() if len(held) else held.append(route))
    names = ["sux 1", "xus 2", "Ausschuss"]
    for name in names:
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        page.wait_for_timeout(100)
    while not held:
        page.wait_for_timeout(100)
    held[0].continue_()
    expect(page.locator(".ws-class .ws-name")).to_have_text(names)
    assert page.get_by_label("Name of a new class").input_value() == ""
    assert project.store.events() == []
    assert [row.name for row in project.store.classes()] == names


def not_embedded(name: str, folder: Path, page: Page, server: Any) -> Project:
    """Open the label page of a project without embeddings, and give it a class."""
    draw_demo(folder, n=60)
    project = Project.create(name, images=folder)
    page.goto(f"{server.url}/label?project={name}")
    page.wait_for_selector(".ws-tile")
    add_class(page, "lymphocyte")
    to_images(page)
    return project


def test_the_images_at_hand_stay_when_the_first_suggestions_come(
    home: Path, tmp_path: Path, page: Page, server: Any
) -> None:
    project = not_embedded("early", tmp_path / "cells", page, server)
    for n in (1, 2):
        press(page, "1")
        until(lambda n=n: labelled(project) == n, "a label before there are embeddings")
    sentence = page.locator(".ws-sentence-text")
    expect(sentence).to_contain_text("Not embedded yet")
    ahead = "all => all.sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map(e => e.dataset.id)"
    before = page.locator(".ws-tile").evaluate_all(ahead)
    project.embed(workers=1)
    expect(sentence).not_to_contain_text("Not embedded yet")
    assert page.locator(".ws-tile").evaluate_all(ahead)[:7] == before[:7]
    focused = page.locator(".ws-tile.ws-focused")
    expect(focused).to_have_attribute("data-id", before[2])
    project.close()


def test_a_key_pressed_as_the_images_change_labels_none_of_the_new_ones(
    home: Path, tmp_path: Path, page: Page, server: Any
) -> None:
    project = not_embedded("changing", tmp_path / "cells", page, server)
    page.evaluate(
        """() => {
          const grid = document.querySelector('.ws-grid');
          const focus = () => grid.getAttribute('aria-activedescendant');
          const before = focus();
          window.pressed = 0;
          new MutationObserver((_, watch) => {
            if (focus() === before) return;
            watch.disconnect();
            document.body.dispatchEvent(new KeyboardEvent(
              'keydown', { key: '1', code: 'Digit1', bubbles: true }));
            window.pressed = 1;
          }).observe(grid, { attributes: true });
        }"""
    )
    project.embed(workers=1)
    page.wait_for_function("window.pressed === 1")
    expect(page.locator(".ws-toast", has_text="only just come")).to_be_visible()
    page.wait_for_timeout(400)
    assert labelled(project) == 0
    press(page, "1")
    until(lambda: labelled(project) == 1, "a label, once the images stand still")
    project.close()


def test_the_large_view_of_an_original_that_is_gone_says_so_and_shows_the_small_copy(
    project: Project, open_label_page: Open, watch: Any
) -> None:
    page = open_label_page()
    add_class(page, "lymphocyte")
    to_images(page)
    first = page.locator(".ws-tile.ws-focused").get_attribute("data-id")
    file, _ = project.file_of(str(first))
    kept = file.read_bytes()
    file.unlink()
    try:
        page.keyboard.press("Space")
        missing = page.locator(".ws-missing")
        expect(missing).to_be_visible()
        copy = page.locator(".ws-stage img")
        assert f"thumb/{first}" in copy.evaluate("e => e.style.backgroundImage")
        expect(copy).to_have_js_property("complete", True)
        page.keyboard.press("ArrowRight")
        expect(missing).to_be_hidden()
    finally:
        file.write_bytes(kept)
    watch.complaints.clear()  # the browser reports the picture that the server has not


def two_films(folder: Path, project: Project) -> None:
    """Import two images of 12 bit: from left to right 0 to 4095, and the other way round."""
    folder.mkdir()
    ramp = np.tile(np.linspace(0, 4095, 64).astype(np.uint16), (64, 1))
    for name, values in (("film_a", ramp), ("film_b", ramp[:, ::-1].copy())):
        Image.fromarray(values).save(folder / f"{name}.png")
    project.import_images(folder)


# The grey value at a share of a pane's width; null while nothing is drawn through a window.
GREY_AT = """([pane, share]) => {
  const canvas = document.querySelectorAll('.ws-pane')[pane].querySelector('canvas');
  if (canvas.hidden) return null;
  const pixel = canvas.getContext('2d').getImageData(canvas.width * share, 3, 1, 1).data;
  return pixel[0];
}"""


def test_the_large_view_windows_the_file_s_own_values_and_says_what_a_key_did(
    project: Project, open_label_page: Open, tmp_path: Path, watch: Any
) -> None:
    watch.forgiven += ("/neighbours",)  # of images that are not embedded
    two_films(tmp_path / "films", project)
    page = open_label_page()
    add_class(page, "polyp")
    page.get_by_role("button", name="Search images by name").click()
    page.locator(".ws-search").fill("film_")
    expect(page.locator(".ws-tile")).to_have_count(2)
    page.locator(".ws-tile").first.dblclick()
    position, confirm = page.locator(".ws-position"), page.locator(".ws-confirm")
    expect(position).to_have_text("1 of 2")
    expect(page.locator(".ws-key", has_text="polyp")).to_be_visible()
    level, width = page.get_by_label("Level"), page.get_by_label("Width")
    expect(level).to_have_value("2048")
    expect(width).to_have_value("4096")

    # Through a window that the picture of 8 bit could not tell apart from its neighbours.
    level.fill("2048")
    width.fill("10")
    assert page.evaluate(GREY_AT, [0, 0.47]) == 0
    assert page.evaluate(GREY_AT, [0, 0.52]) == 255
    level.press("Enter")
    press(page, "1")
    until(lambda: labelled(project) == 1, "a key labels in the large view")
    expect(confirm).to_contain_text("polyp, 1 of 2")
    expect(position).to_have_text("2 of 2")
    expect(width).to_have_value("10")  # kept for the next image, which runs the other way
    page.wait_for_function(f"() => ({GREY_AT})([0, 0.47]) === 255")
    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == 0, "undo")
    expect(confirm).not_to_contain_text("polyp")

    outside = page.locator(".ws-outside")
    level.fill("90000")
    expect(outside).to_contain_text("outside this image's values (0 to 4,095)")
    outside.get_by_role("button").click()
    expect(outside).to_be_hidden()
    expect(level).to_have_value("2048")
    stage = page.locator(".ws-stage").bounding_box()
    assert stage
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down(button="right")
    page.mouse.move(middle[0], middle[1] - 90, steps=3)
    page.mouse.up(button="right")
    expect(level).not_to_have_value("2048")  # upwards is brighter: a lower level
    assert float(level.input_value()) < 2048

    page.get_by_role("button", name="Compare").click()
    page.locator(".ws-viewer").press("ArrowLeft")
    expect(page.locator(".ws-pane-caption")).to_have_text(["Pinned, film_b.png", "film_a.png"])
    page.mouse.move(middle[0] + 200, middle[1])
    page.mouse.wheel(0, -400)
    page.keyboard.press("+")
    moved = page.locator(".ws-layer").evaluate_all("all => all.map((e) => e.style.transform)")
    assert len(moved) == 2
    assert moved[0] == moved[1]
    assert "scale(1)" not in moved[0]
    page.keyboard.press("Escape")
    expect(page.locator(".ws-viewer")).to_be_hidden()
    expect(page.locator(".ws-grid")).to_be_focused()


def test_axe_finds_nothing_wrong_with_the_page_and_the_large_view(
    project: Project, open_label_page: Open, axe: Callable[[Page, str], list[str]]
) -> None:
    start(project)
    page = open_label_page()
    expect(page.locator(".ws-truth-button")).to_be_visible()
    expect(page.locator(".ws-cluster-names span").first).to_be_visible()
    assert axe(page, ".ws-workspace") == []
    to_images(page)
    tile = page.locator(".ws-tile.ws-focused")
    name = project.store.image(str(tile.get_attribute("data-id"))).path.split("/")[-1]
    expect(tile).to_have_attribute("aria-label", re.compile(f"^{re.escape(name)}: no label"))
    page.keyboard.press("Space")
    expect(page.get_by_label("Level")).to_be_enabled()
    assert axe(page, ".ws-viewer") == []
    for _ in range(40):  # the Tab key goes round
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('.ws-viewer') !== null")


def test_zooming_in_shows_the_images_themselves_on_the_map(
    project: Project, open_label_page: Open
) -> None:
    start(project)
    page = open_label_page()
    named = page.locator(".ws-cluster-names span")
    expect(named.first).to_be_visible()
    classes = {row.name for row in project.store.classes()}
    assert set(named.all_inner_texts()) <= classes
    thumbs = page.locator(".ws-thumb")
    assert thumbs.count() == 0
    layout = project.map
    assert layout is not None
    page.evaluate(
        "([x, y]) => { const {xaxis, yaxis} = document.querySelector('.ws-plot')._fullLayout;"
        " window.near = [xaxis.d2p(x), yaxis.d2p(y)]; }",
        list(map(float, layout.xy[0])),
    )
    box = page.locator(".ws-plot").bounding_box()
    assert box
    x, y = page.evaluate("window.near")
    page.mouse.move(box["x"] + x, box["y"] + y)
    for _ in range(60):
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(60)
        if thumbs.count():
            break
    expect(thumbs.first).to_be_visible()
    expect(named).to_have_count(0)
    corners = thumbs.evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect()).map((b) => [b.x, b.y, b.width])"
    )
    for i, (left, top, side) in enumerate(corners):
        for other_left, other_top, _ in corners[i + 1 :]:
            assert abs(left - other_left) >= side or abs(top - other_top) >= side

    # Away from all images there is a sentence, and the way back.
    page.locator(".ws-map").focus()
    page.keyboard.press("0")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".ws-hint")).to_contain_text("No image lies in this part of the map.")
    page.get_by_role("button", name="Show the whole map").click()
    expect(page.locator(".ws-hint")).to_contain_text("Draw around images")
    expect(page.locator(".ws-map")).to_be_focused()


def test_the_history_tells_an_undo_from_what_it_undid_however_long_the_name(
    project: Project, open_label_page: Open
) -> None:
    page = open_label_page()
    add_class(page, "melanoma in situ, superficial spreading type")
    to_images(page)
    press(page, "1")
    until(lambda: labelled(project) == 1, "a label")
    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == 0, "the label is taken back")
    first = page.locator(".ws-history-panel .ws-name").first
    expect(first).to_have_text(re.compile(r"^1 image → mel.*….* undone$"))
    wide = first.evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert wide[0] <= wide[1]


def filter_by(page: Page, column: str, value: str) -> None:
    page.get_by_role("button", name="Filter", exact=True).click()
    page.locator(".ws-facet-list").get_by_role("button", name=column, exact=True).click()
    page.get_by_role("checkbox", name=re.compile(f"^{value}")).click()
    page.keyboard.press("Escape")


def test_filters_act_on_map_and_grid_and_a_link_or_a_saved_view_shows_the_same(
    project: Project, context: BrowserContext, open_label_page: Open
) -> None:
    page, audit = open_label_page(), project.store.audit_ids()
    types: dict[str, set[str]] = {}
    for row in project.store.images():
        if row.id not in audit:
            types.setdefault(str(row.reference), set()).add(row.id)
    kind, wanted = sorted(types.items())[0]

    def agrees(page: Page, ids: set[str]) -> None:
        """Chips, grid and map say the same of the same images."""
        expect(page.locator(".ws-filters")).to_have_attribute("data-matching", str(len(ids)))
        expect(page.locator(".ws-filter-count")).to_have_text(f"{len(ids)} of 240 images")
        expect(page.locator(".ws-right")).to_have_attribute("data-count", str(len(ids)))
        until(lambda: len(shown := ids_of_tiles(page)) > 3 and shown <= ids, "what matches, alone")
        bright = """document.querySelector('.ws-plot').data[0].marker.color
                    .filter((color) => !/,0.[12]\\)$/.test(color)).length"""
        until(lambda: page.evaluate(bright) == len(ids), "the map dims the rest")

    filter_by(page, "Reference", kind)
    agrees(page, wanted)
    chip = page.locator(".ws-filter-chip")
    expect(chip).to_have_text(re.compile(kind))
    page.get_by_label("Order of the images").select_option("sure")
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name of the view").fill("the first type")
    page.keyboard.press("Enter")
    expect(page.locator(".ws-toast").first).to_contain_text("Saved the view")

    second = context.new_page()
    second.goto(page.url)
    second.wait_for_selector(".ws-map[data-drawn]")
    agrees(second, wanted)
    expect(second.get_by_label("Order of the images")).to_have_value("sure")
    second.get_by_role("button", name=re.compile("Remove the filter by")).click()
    expect(second.locator(".ws-filters")).to_be_hidden()
    assert "#" not in second.url
    second.get_by_role("button", name="Filter", exact=True).click()
    second.get_by_role("button", name="the first type", exact=True).click()
    agrees(second, wanted)
    filter_by(second, "Label", "Unusable")
    expect(second.locator(".ws-sentence-text")).to_have_text("No image matches all 2 filters.")
    second.get_by_role("button", name="Remove the last filter").click()
    agrees(second, wanted)
    second.goto(f"{page.url}&is.ward=7&nonsense")
    expect(second.locator(".ws-filters .ws-problem")).to_have_count(2)
    agrees(second, wanted)
    second.get_by_role("button", name="Dismiss").click()
    expect(second.locator(".ws-filters .ws-problem")).to_have_count(0)
    second.close()

    # With filters on, as without: the page fills the window and never scrolls.
    sizes = page.evaluate(
        """() => {
          const box = document.querySelector('.ws-workspace').getBoundingClientRect();
          const high = document.scrollingElement.scrollHeight;
          return [high - innerHeight, box.bottom - innerHeight, box.width - innerWidth];
        }"""
    )
    assert sizes == [0, 0, 0]


def test_an_audit_image_shows_no_prediction_before_it_is_labelled(
    project: Project, open_label_page: Open
) -> None:
    start(project)
    page = open_label_page()
    expect(page.locator(".ws-truth-button")).to_be_visible()
    tiles = page.locator(".ws-tile:has(.ws-audit:not([hidden]))")
    expect(page.locator(".ws-tile .ws-guess b", has_text="%").nth(3)).to_be_visible()
    expect(tiles.first).to_be_visible()
    guesses = tiles.locator(".ws-guess").all_inner_texts()
    assert guesses
    assert [text.strip() for text in guesses] == [""] * len(guesses)


def test_accepted_predictions_are_marked_and_undone_at_once(
    project: Project, open_label_page: Open
) -> None:
    # The app's own are fitted twice, first quickly, and how many are above the slider would change.
    start(project, per_class=12, classes=8, classifier="paper-logreg")
    page = open_label_page()
    expect(page.locator(".ws-truth-button")).to_be_visible()
    page.get_by_role("button", name="Accept…").click()
    slider = page.get_by_label("Least confidence")
    slider.evaluate("e => { e.value = 60; e.dispatchEvent(new Event('input')); }")
    button = page.locator(".ws-accept .ws-button")
    expect(page.locator(".ws-accept .ws-figure")).to_have_text("≥ 60\u00a0%")
    n = int(button.inner_text().split()[1].replace(",", ""))
    page.locator(".ws-check").first.click()
    expect(button).to_have_text(f"Accept {n - 1:,}")
    had = labelled(project)
    button.click()
    until(lambda: labelled(project) == had + n - 1, "all but the left-out one are labelled")
    machine = [label for label in project.store.labels().values() if label.machine]
    assert len(machine) == n - 1
    assert not project.store.audit_ids() & {
        i for i, label in project.store.labels().items() if label.machine
    }
    # They train nothing, so they bring no class nearer to its target.
    said = page.locator(".ws-class").evaluate_all("all => all.map(e => e.ariaLabel).join(', ')")
    assert sum(map(int, re.findall(r"and (\d+) accepted in bulk", said))) == n - 1
    assert said.count(": 12 of 100 labels") == 8
    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == had, "one undo")

    # Images that are alike come as one tile; a click on its count opens it, one key labels it.
    page.get_by_role("button", name="Piles").click()
    badge = page.locator(".ws-pile-count:visible").first
    n = int(badge.inner_text())
    badge.click()
    expect(page.locator(".ws-right")).to_have_attribute("data-view", "pile")
    expect(page.locator(".ws-right")).to_have_attribute("data-count", str(n))
    page.keyboard.press("Escape")
    expect(page.locator(".ws-right")).to_have_attribute("data-view", "piles")
    expect(page.get_by_role("button", name=f"Label {n} images", exact=True)).to_be_visible()
    press(page, "1")
    until(lambda: labelled(project) == had + n, "one key labels the pile")
    assert {event.view for event in project.store.events()[-n:]} == {"pile"}
    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == had, "one undo takes it back")


def test_one_key_more_than_there_are_suggestions_changes_no_label(
    project: Project, open_label_page: Open, watch: Any
) -> None:
    start(project)
    page = open_label_page()
    expect(page.locator(".ws-truth-button")).to_be_visible()
    to_images(page)
    # No others come. With the server itself gone Streamlit's dialog would lie over the page.
    with page.expect_event("requestfailed", lambda request: "/live?" in request.url):
        page.route("**/fewshot/api/**", lambda route: route.abort())
    first, second = (page.locator(".ws-class .ws-count").nth(k) for k in (0, 1))
    had = int(first.inner_text()), int(second.inner_text())
    todo = page.locator(".ws-tile").count()
    for _ in range(todo):
        press(page, "1")
    expect(first).to_have_text(str(had[0] + todo))
    for _ in range(2):  # said twice, it is there once
        press(page, "2")
    expect(page.locator(".ws-toast", has_text="All of these are labelled")).to_have_count(1)
    expect(second).to_have_text(str(had[1]))
    page.locator(".ws-tile").last.click()  # but who points at one may correct it
    press(page, "2")
    expect(second).to_have_text(str(had[1] + 1))
    expect(first).to_have_text(str(had[0] + todo - 1))
    page.goto("about:blank")
    watch.complaints.clear()  # the browser reports every request that found no server


@pytest.mark.parametrize("closed", [False, True], ids=["page stays open", "page is closed"])
def test_nothing_is_lost_or_doubled_when_the_server_is_killed(
    project: Project,
    context: BrowserContext,
    open_label_page: Open,
    server: Any,
    watch: Any,
    closed: bool,
) -> None:
    start(project)
    page = open_label_page()
    expect(page.locator(".ws-truth-button")).to_be_visible()
    had = len(project.store.events())
    to_images(page)
    for key in "1212":
        press(page, key)
    page.evaluate(
        """() => { window.dialogs = 0; new MutationObserver(() => {
             window.dialogs += document.querySelectorAll('.stDialog').length;
           }).observe(document.body, { childList: true }); }"""
    )
    server.kill()
    for key in "312":
        press(page, key)
    second = page.locator(".ws-class .ws-count").nth(1)
    counted = int(second.inner_text())
    page.keyboard.press("Control+z")
    expect(second).to_have_text(str(counted - 1))  # painted without the server
    page.keyboard.press("Control+Shift+Z")
    expect(second).to_have_text(str(counted))
    page.keyboard.press("Control+z")
    expect(page.locator(".ws-fresh")).to_contain_text("kept here")
    assert page.locator(".ws-workspace").get_attribute("data-waiting") != "0"
    if closed:
        page.goto("about:blank")
    else:
        # Streamlit's own dialog, when it has given up, does not stay over a page that goes on.
        page.wait_for_function("window.dialogs > 0")
        expect(page.locator(".stDialog")).to_have_count(0)
    server.start()
    if closed:
        page.goto(f"{server.url}/label?project={project.name}")
        page.wait_for_selector(".ws-tile")
    until(lambda: len(project.store.events()) >= had + 10, "seven labels, undo, redo and undo")
    page.wait_for_timeout(3000)
    assert len(project.store.events()) == had + 10
    expect(page.locator(".ws-class .ws-count").nth(1)).to_have_text(str(counted - 1))
    watch.complaints.clear()  # the browser reports every request that found no server


def test_a_cell_of_the_confusion_matrix_opens_its_images(
    project: Project, page: Page, server: Any
) -> None:
    start(project, per_class=12, classes=8)
    page.goto(f"{server.url}/evaluate?project={project.name}")
    cell = page.locator("a[href*='open=cell-']").first
    label = re.search(r"cell-(\d+)-", str(cell.get_attribute("href")))
    assert label
    name = {row.id: row.name for row in project.store.classes()}[int(label[1])]
    cell.click()
    expect(page.locator(".ws-right")).to_have_attribute("data-view", "cell")
    labels = project.store.labels()
    chosen = {i for i, one in labels.items() if one.class_id == int(label[1])}
    until(lambda: (shown := ids_of_tiles(page)) and shown <= chosen, "the cell's images")
    expect(page.locator(".ws-sentence-text")).to_contain_text(f"{name.capitalize()} predicted as")

    # From the pair that is confused most to suggestions that dwell on it, and back by one click.
    page.locator(".ws-truth-button").click()
    page.locator(".ws-quality").get_by_role("button", name="apart").click()
    expect(page.locator(".ws-sentence-text")).to_contain_text("apart. Usual suggestions")
    page.get_by_role("button", name="Usual suggestions").click()
    expect(page.locator(".ws-sentence-text")).not_to_contain_text("apart")


def test_long_names_that_begin_alike_can_be_told_apart(
    project: Project, open_label_page: Open
) -> None:
    names = [f"Basal cell carcinoma, {kind} subtype" for kind in ("nodular", "superficial")]
    names += [f"Squamous_cell_carcinoma_{kind}" for kind in ("in_situ", "invasive")]
    rows = [row for row in project.store.images() if row.id not in project.store.audit_ids()]
    types = sorted({row.reference for row in rows})[: len(names)]
    title = dict(zip(types, names, strict=True))
    labels = {row.id: title[row.reference] for row in rows[::3] if row.reference in title}
    project.labels.add(labels, "kim")
    page = open_label_page()
    expect(page.locator(".ws-tile .ws-guess b", has_text="%").first).to_be_visible()
    shown = page.evaluate(
        """() => ['.ws-class .ws-name', '.ws-tile .ws-guess'].map((where) =>
             [...document.querySelectorAll(where)]
               .filter((e) => e.textContent.trim() && e.clientWidth)
               .map((e) => [(e.querySelector('.ws-name') ?? e).textContent,
                 e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight + 1]))"""
    )
    listed, guessed = shown
    assert len({name for name, _ in listed}) == len(names)
    assert not any(cut for _, cut in listed + guessed)
    telling = ("nodular", "superficial", "situ", "invasive")
    assert guessed
    assert all(any(word in name for word in telling) for name, _ in guessed)
