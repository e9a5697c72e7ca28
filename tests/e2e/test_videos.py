"""A video from the page: a box drawn on a frame, stepping through its frames, a span labelled."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, TimeoutError, expect

from fewshot_lab.project import Project

from .conftest import Server, until


def test_a_box_on_a_frame_then_steps_and_a_span(
    page: Page, server: Server, home: Path, tmp_path: Path, write_video: Callable[..., Path]
) -> None:
    (tmp_path / "in").mkdir()
    video = write_video(tmp_path / "in" / "clip.mp4", 60, size=(320, 240), options={"g": "20"})
    Project.create("clips", home=home).close()
    page.goto(f"{server.url}/import?project=clips")
    page.get_by_role("textbox", name="Click to the folder with your images").fill(str(video.parent))
    page.keyboard.press("Enter")
    form = page.locator(".st-key-fl-clips")
    expect(form).to_contain_text("2 s of video: at most 3 frames")
    form.get_by_role("spinbutton", name="Frames a second").fill("5")
    page.keyboard.press("Enter")
    expect(form).to_contain_text("at most 12 frames")
    form.get_by_text("Leave out black and blurred frames").click()
    blacken = form.get_by_role("button", name="Blacken 1 box")
    for _ in range(6):  # a run of the page that is under way draws the frame anew
        page.locator("[data-test-script-state=notRunning]").wait_for()
        frame = form.locator(".nsewdrag").first
        frame.scroll_into_view_if_needed()
        drawing = frame.bounding_box()
        assert drawing is not None
        left, top, scale = drawing["x"], drawing["y"], drawing["width"] / 320
        page.mouse.move(left + 1, top + 120 * scale)
        page.mouse.down()
        page.mouse.move(left + 160 * scale, top + 160 * scale, steps=6)
        page.mouse.up()
        with suppress(TimeoutError):
            blacken.click(timeout=8000)
            break
    expect(form).to_contain_text("1 box is black in every frame")
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url("**/label?project=clips", timeout=180_000)
    page.wait_for_selector(".ws-map[data-drawn]", timeout=240_000)

    with Project.open("clips", home=home) as project:
        rows = project.store.images()
        assert [row.frame for row in rows] == list(range(0, 60, 5))
        picture = np.asarray(project.picture(rows[3].id))
        assert not picture[125:155, 5:150].any() and picture[10:60].any()
        project.store.add_class("polyp", annotator="ann")
        page.reload()
        page.locator(".ws-tile").first.dblclick()
        label, slider = page.locator(".ws-slice-label"), page.get_by_label("Frame", exact=True)
        expect(label).to_contain_text("of 60")
        slider.fill("10")
        expect(label).to_have_text("Frame 11 of 60, 0.4 s")
        page.locator(".ws-viewer").press("[")
        slider.fill("27")  # a frame that is no image of the project
        expect(page.locator(".ws-span-text")).to_have_text("4 frames: press a class key")
        page.locator(".ws-viewer").press("1")
        until(project.store.labels, "it is stored behind the screen")
        assert set(project.store.labels()) == {row.id for row in rows[2:6]}
        page.keyboard.press("Control+z")
        until(lambda: not project.store.labels(), "one undo takes all of it back")
