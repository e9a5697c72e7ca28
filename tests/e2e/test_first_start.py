"""The very first start: nobody clicks, and a map of drawn cells appears."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from fewshot_lab.images.demo import CELL_TYPES
from fewshot_lab.project import Project


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home that the app has never seen."""
    folder = tmp_path / "never" / "seen"
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(folder))
    return folder


@pytest.mark.timeout(900)
def test_the_demo_makes_itself_and_its_map_appears_without_a_click(page: Page, server, home: Path):
    page.goto(server.url)
    page.wait_for_url("**/label?project=demo")
    page.wait_for_selector(".ws-map[data-drawn]", timeout=800_000)
    page.wait_for_selector(".ws-tile")  # and suggestions, before there is any label

    project = Project.open("demo", home=home)
    rows = project.store.images()
    assert len(rows) == 1200
    assert {row.reference for row in rows} == set(CELL_TYPES)
    assert {row.group for row in rows} == {f"slide{number:02d}" for number in range(1, 25)}
    assert project.store.labels() == {}  # the drawn types are references, not anyone's labels
    project.close()
