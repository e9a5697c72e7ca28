"""The pages around the label page, in a real browser."""

import csv
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fewshot_lab.export import export_bundle
from fewshot_lab.project import Project

from .conftest import Server


def drop(page: Page, number: int, files: list[Path] | Path) -> None:
    """Give files to the n-th drop zone of the page."""
    page.get_by_test_id("stFileUploaderDropzoneInput").nth(number).set_input_files(files)


@pytest.mark.usefixtures("own_home")
def test_a_dropped_folder_is_imported_embedded_and_mapped(
    page: Page, server: Server, cells: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "dropped"
    shutil.copytree(cells.parent.parent / "images", folder)
    for kind in folder.iterdir():
        for file in sorted(kind.iterdir() if kind.is_dir() else [])[4:]:
            file.unlink()
    (folder / "text.png").write_text("not a picture")

    page.goto(server.url)
    page.get_by_role("button", name="New project").click()
    expect(page.get_by_label("Name of the new project")).to_be_focused()
    page.wait_for_function("getSelection().toString() != ''")
    page.keyboard.type("Köln #1")  # in place of the name that stands there
    page.keyboard.press("Enter")
    page.wait_for_url("**/import?project=Koln*1")
    page.get_by_text("Drop files").click()
    drop(page, 1, folder)
    page.get_by_text("Folder names are reference labels").click()
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_selector(".fl-job")
    page.reload()  # the work goes on without the page, and is found again
    page.get_by_role("link", name="Open the map").wait_for(timeout=120_000)
    expect(page.locator(".fl-note")).to_contain_text("images added, 1 file refused.")
    expect(page.get_by_text("This is a text file, not an image.")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    refused = download.value.path().read_text("utf-8-sig")
    assert "text.png" in refused

    page.get_by_role("link", name="Open the map").click()
    page.wait_for_selector(".ws-map[data-drawn]", timeout=120_000)
    project = Project.open("Koln 1", home=server.home)
    rows = project.store.images()
    assert rows
    assert all(row.reference == row.path.split("/")[-2] for row in rows)
    project.close()


def test_dropped_images_are_answered_with_the_labelled_ones_most_like_them(
    page: Page, server: Server, project: Project, cells: Path, tmp_path: Path
) -> None:
    rows = project.store.images()
    project.labels.add({row.id: row.reference for row in rows[::3]}, "kim")
    export_bundle(project, project.folder / "exports" / "first", zip=True)
    new = [Path(row.file) for row in rows[1:9:3]]
    (tmp_path / "broken.png").write_bytes(new[0].read_bytes()[:500])

    page.goto(f"{server.url}/predict?project={project.name}")
    page.get_by_test_id("stFileUploaderDropzoneInput").wait_for(state="attached")
    drop(page, 0, [*new, tmp_path / "broken.png"])
    expect(page.locator(".fl-answer")).to_have_count(len(new))
    expect(page.locator(".fl-answer .fl-alike img")).to_have_count(3 * len(new))
    expect(page.get_by_text("1 file could not be read")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").first.click()
    with download.value.path().open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["path"] for row in table] == [path.name for path in new]
    # The answers outlive the page and the server; the dropped images do not outlive the answers.
    assert not list((project.folder / "predictions").glob("*/uploads"))
    server.kill()
    server.start()
    page.goto(f"{server.url}/predict?project={project.name}")
    expect(page.locator(".fl-answer")).to_have_count(len(new))
    page.get_by_role("button", name="Delete these answers").click()
    expect(page.locator(".fl-answer")).to_have_count(0)
    assert not list((project.folder / "predictions").iterdir())
    for row in table:
        shares = [float(value) for name, value in row.items() if name.startswith("p_")]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert float(row["probability"]) == pytest.approx(max(shares))


def test_labels_go_to_another_tool_and_come_back_changed(
    page: Page, server: Server, project: Project, tmp_path: Path
) -> None:
    first, second = project.store.images()[:2]
    project.labels.add({first.id: "round", second.id: "square"}, "kim")
    page.goto(f"{server.url}/export?project={project.name}")
    page.get_by_role("button", name="Write for Label Studio").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {project.name}-tasks.json").click()
    tasks = json.loads(download.value.path().read_bytes())
    (task,) = (task for task in tasks if first.path.endswith(Path(task["data"]["image"]).name))
    task["annotations"][0]["completed_by"] = {"email": "zoe@clinic"}
    task["annotations"][0]["result"][0]["value"]["choices"] = ["oval"]
    (tmp_path / "tasks.json").write_text(json.dumps(tasks))

    page.goto(f"{server.url}/import?project={project.name}")
    page.get_by_text("Labels from another tool").wait_for()
    page.get_by_test_id("stFileUploaderDropzoneInput").nth(1).wait_for(state="attached")
    drop(page, 1, tmp_path / "tasks.json")
    expect(page.get_by_text("1 image labelled by zoe@clinic.")).to_be_visible()
    expect(page.get_by_text("1 class made by this: oval.")).to_be_visible()
    page.get_by_role("button", name="Take these labels").click()
    expect(page.get_by_text("2 labels of ")).to_be_visible()
    said = {(row["annotator"], row["label"]) for row in project.store.export_opinions()}
    assert said == {("kim", "round"), ("kim", "square"), ("zoe@clinic", "oval")}


@pytest.mark.usefixtures("own_home")
def test_a_zip_that_is_no_bundle_is_said(page: Page, server: Server, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "wrong.zip", "w") as archive:
        archive.writestr("notes.txt", "nothing")
    page.goto(f"{server.url}/predict")
    page.get_by_test_id("stFileUploaderDropzoneInput").wait_for(state="attached")
    drop(page, 0, tmp_path / "wrong.zip")
    expect(page.locator(".fl-alert")).to_be_visible()
    expect(page.locator(".fl-alert")).not_to_contain_text("went wrong in the app")


def test_who_labels_is_asked_once_and_kept(page: Page, server: Server, project: Project) -> None:
    page.goto(f"{server.url}/evaluate?project={project.name}")
    page.get_by_role("button", name="Who labels?").click()
    page.get_by_test_id("stPopoverBody").locator("input").fill("Dr. K. Öz")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Dr. K. Öz")).to_be_visible()
    page.wait_for_function("document.cookie.includes('fewshot_annotator')")
    page.reload()
    expect(page.get_by_role("button", name="Dr. K. Öz")).to_be_visible()
    assert f"project={project.name}" in page.url


@pytest.mark.usefixtures("own_home")
def test_a_project_is_deleted_only_by_its_name(
    page: Page, server: Server, project: Project
) -> None:
    page.goto(f"{server.url}/evaluate?project={project.name}")
    page.get_by_role("link", name="Projects").click()
    page.get_by_role("button", name="Edit").click()
    delete = page.get_by_role("button", name="Delete this project")
    expect(delete).to_be_disabled()
    page.get_by_label("To delete").fill(project.name)
    page.keyboard.press("Tab")
    delete.click()
    expect(page.get_by_text("No project yet.")).to_be_visible()
    assert not project.folder.exists()
