"""A radiologist's round in the browser: a study out of a PACS, and a report back into it."""

from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from fewshot_lab.project import Project

from ..pacs.conftest import STUDY, TOKEN, Orthanc, orthanc, stored  # noqa: F401
from .conftest import Server

pytestmark = [pytest.mark.orthanc, pytest.mark.exhaustive]


@pytest.fixture
def named_pacs(
    orthanc: Orthanc,  # noqa: F811
    stored: list[Path],  # noqa: F811
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Name Orthanc in the environment of a server of its own, which starts after this."""
    monkeypatch.setenv("FEWSHOT_LAB_PACS_URL", orthanc.url)
    monkeypatch.setenv("FEWSHOT_LAB_PACS_TOKEN", TOKEN)


def search(page: Page) -> None:
    """Search the study and tick the first row; the table is a canvas beside a table to hear."""
    page.get_by_role("textbox", name="Accession number").fill("A-7")
    page.get_by_role("button", name="Search the PACS").click()
    table = page.get_by_test_id("stDataFrameResizable")
    ticked = table.locator("tr[aria-selected=true]")
    for _ in range(6):  # a run of the page that is under way moves it, or draws it anew
        page.locator("[data-test-script-state=notRunning]").wait_for()
        table.scroll_into_view_if_needed()
        box = table.bounding_box()
        assert box
        page.mouse.click(box["x"] + 16, box["y"] + 52)
        with suppress(TimeoutError):
            ticked.wait_for(state="attached", timeout=3000)
            return
    raise AssertionError("the row is not ticked")


def test_a_study_is_fetched_and_a_report_goes_back(
    named_pacs: None,
    page: Page,
    server: Server,
    home: Path,
    orthanc: Orthanc,  # noqa: F811
) -> None:
    Project.create("chest", home=home).close()
    page.goto(f"{server.url}/import?project=chest")
    page.get_by_text("From the PACS").click()
    search(page)
    expect(page.get_by_text("before slices are chosen and localizers left out")).to_be_visible()
    page.get_by_text("Every nth").click()
    page.get_by_role("button", name="Fetch", exact=True).click()
    page.get_by_role("link", name="Open the map").or_(page.locator(".fl-note")).first.wait_for(
        timeout=120_000
    )
    expect(page.get_by_text("3 series looked at")).to_be_visible(timeout=120_000)
    with Project.open("chest", home=home) as project:
        rows = [row for row in project.store.images() if row.width == 48]
        assert len(rows) == 6 and all(STUDY not in str(row) for row in rows)
        project.labels.add({row.id: "ab"[k % 2] for k, row in enumerate(rows)}, "ann")

        page.goto(f"{server.url}/export?project=chest")
        page.get_by_role("heading", name="Reports for the PACS").wait_for()
        search(page)
        expect(page.get_by_text("1 study ticked")).to_be_visible()
        page.get_by_role("button", name="Count the reports").click()
        send = page.get_by_role("button", name="Send 1 report to 127.0.0.1")
        send.wait_for(timeout=60_000)
        expect(page.get_by_text("1 report on 7 images: one for each study.")).to_be_visible()
        before = len(orthanc.ask("/instances"))  # type: ignore[arg-type]
        send.click()
        expect(page.get_by_text("1 report on 7 images: 1 sent.")).to_be_visible(timeout=60_000)
        assert len(orthanc.ask("/instances")) == before + 1  # type: ignore[arg-type]
