"""Stepping through a volume in the large view, as a radiologist does."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from fewshot_lab.images import SliceStep
from fewshot_lab.project import Project

from ..dicom_series import write_phantom
from .conftest import until


def test_the_wheel_steps_through_slices_imported_or_not(
    home: Path, tmp_path: Path, open_label_page: Callable[..., Page]
) -> None:
    write_phantom(tmp_path / "ct", slices=24)
    with Project.create("chest", home=home) as project:
        project.import_images(tmp_path / "ct", slice_step=SliceStep(4))
        project.embed()
        project.make_map()
        project.store.add_class("nodule", annotator="ann")
        page = open_label_page("chest")
        page.locator(".ws-tile").first.dblclick()
        label, note = page.locator(".ws-slice-label"), page.locator(".ws-slice-note")
        expect(label).to_contain_text("of 24, ")
        expect(page.locator(".ws-confirm")).to_contain_text("Wheel steps through the slices")
        page.get_by_label("Slice", exact=True).fill("9")  # the tenth, which was not imported
        expect(label).to_have_text("Slice 10 of 24, 27.0 mm")
        expect(note).to_contain_text("not in the project")
        page.locator(".ws-viewer").press("1")
        page.locator(".ws-stage").hover()
        drawn = "() => document.querySelector('.ws-pane img').naturalWidth === 128"
        page.wait_for_function(drawn)
        for _ in range(3):
            page.mouse.wheel(0, 60)
        expect(label).to_have_text("Slice 13 of 24, 36.0 mm")
        expect(note).to_be_hidden()
        assert project.store.labels() == {}  # the key on a slice for context labelled nothing
        page.keyboard.down("Control")
        page.mouse.wheel(0, -300)
        page.keyboard.up("Control")
        expect(label).to_contain_text("Slice 13")
        layer = page.locator(".ws-layer")
        expect(layer).not_to_have_attribute("style", re.compile(r"scale\(1\)"))
        page.keyboard.press("PageDown")
        expect(label).to_contain_text("Slice 14")
        page.get_by_role("button", name="Back to the image").click()
        expect(label).to_contain_text("Slice 13")
        page.locator(".ws-viewer").press("1")
        expect(page.locator(".ws-confirm")).to_contain_text("nodule")
        until(project.store.labels, "it is stored behind the screen")
        [labelled] = project.store.labels()
        assert project.store.image(labelled).meta["slice"] == 13
        assert np.asarray(project.picture(labelled)).max() == 255
