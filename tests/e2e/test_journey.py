"""The main job, from a folder of images to predictions on another machine."""

import csv
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fewshot_lab.project import Project

from .conftest import Server, press, until
from .test_label_page import add_class, labelled, lasso, to_images


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("own_home")
def test_from_a_folder_to_predictions_elsewhere(
    page: Page, server: Server, cells: Path, tmp_path: Path, bare_python: Path
) -> None:
    images = tmp_path / "images"  # half of them
    shutil.copytree(cells.parent.parent / "images", images)
    for file in sorted(images.glob("*/*.png"))[::2]:
        file.unlink()

    # Dark by one's own choice, on every page; and the meaning of a word.
    page.goto(server.url)
    page.get_by_role("button", name="Help").click()
    page.get_by_label("Dark").click()
    scheme = "getComputedStyle(document.querySelector('.stApp')).colorScheme"
    page.wait_for_function(f"{scheme} == 'dark'")
    page.get_by_role("button", name="Help").click()
    page.get_by_role("link", name="Glossary").click()
    page.get_by_role("heading", name="Glossary").wait_for()
    assert page.evaluate(scheme) == "dark"

    # A project from a folder, found by clicking; the map comes by itself.
    page.goto(server.url)
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name of the new project").fill("journey")
    page.keyboard.press("Enter")
    page.wait_for_url("**/import?project=journey")
    page.get_by_role("textbox", name="Click to the folder with your images").fill(str(images))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="neutrophil ·")).to_be_visible()
    page.get_by_text("Folder names are reference labels").click()
    page.locator("abbr", has_text="backbone").hover()
    expect(page.get_by_role("tooltip")).to_contain_text("turns each image into numbers")
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url("**/label?project=journey", timeout=180_000)  # nothing was refused
    page.wait_for_selector(".ws-map[data-drawn]", timeout=120_000)
    page.get_by_role("button", name="Help").click()
    page.get_by_role("button", name="First steps").click()
    page.get_by_role("button", name="Close the first steps").click()
    expect(page.locator(".ws-steps")).to_be_hidden()
    project = Project.open("journey", home=server.home)
    reference = {row.id: row.reference for row in project.store.images()}

    # Two classes by lasso and by key; the classifier wakes up.
    add_class(page, "left")
    add_class(page, "right")
    lasso(page, 0.02, 0.02, 0.8, 0.98)
    press(page, "1")
    until(lambda: labelled(project) > 0, "the lasso is labelled")
    lassoed = labelled(project)
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Suggestions").click()
    page.wait_for_selector(".ws-tile")
    to_images(page)
    for _ in range(4):
        press(page, "2")
    until(lambda: labelled(project) == lassoed + 4, "four keys are four labels")
    expect(page.locator(".ws-truth-button")).to_be_visible(timeout=60_000)
    painted = page.locator(".ws-map").get_attribute("data-painted")

    # More labels change what is predicted; undo takes the last one back, also after a reload.
    press(page, "2")
    until(lambda: labelled(project) == lassoed + 5, "a fifth")
    expect(page.locator(".ws-map")).not_to_have_attribute("data-painted", str(painted))
    page.reload()
    page.wait_for_selector(".ws-map[data-drawn]")
    page.wait_for_selector(".ws-tile")
    to_images(page)
    page.keyboard.press("Control+z")
    until(lambda: labelled(project) == lassoed + 4, "undo works across a reload")

    # The bundle, written in the page and used without the app.
    by_type = {i: name for i, name in reference.items() if i not in project.store.audit_ids()}
    project.labels.add(dict(list(by_type.items())[::2]), "kim")
    page.get_by_role("link", name="Export").click()
    page.get_by_role("button", name="Write the bundle").click()
    with page.expect_download(timeout=180_000) as download:
        page.get_by_role("button", name="Download").first.click(timeout=180_000)
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path / "bundle")
    predict = next((tmp_path / "bundle").rglob("predict.py"))
    out = tmp_path / "predictions.csv"
    done = subprocess.run(
        [bare_python, predict, images, "--out", out],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf-8-sig", newline="") as file:
        predicted = {row["path"]: row for row in csv.DictReader(file)}
    assert set(predicted) == {row.path for row in project.store.files()}

    # The same probabilities as in the app, image by image.
    classifier = project.fit()
    rows = project.store.images(classifier.training.ids)
    shown = classifier.probabilities([row.id for row in rows])
    for row, probabilities in zip(rows, shown, strict=True):
        assert abs(float(predicted[row.path]["probability"]) - probabilities.max()) <= 1e-4
    project.close()
