"""The health route: ready where labels can be taken, and it gives nothing away."""

import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from fewshot_lab.web import Door, routes


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> TestClient:
    # The package's own name for the module is the route's.
    monkeypatch.setattr(sys.modules["fewshot_lab.web.health"], "KEPT_SECONDS", 0)
    app = Starlette(routes=routes("lab"), middleware=[Middleware(Door)])
    return TestClient(app, "http://localhost")


def test_ready(browser: TestClient, home: Path) -> None:
    answer = browser.get("/lab/fewshot/health")
    assert answer.status_code == 200
    assert answer.json() == {"live": True, "ready": True, "home": True, "database": True}
    assert browser.get("/lab/fewshot/health", headers={"Host": "evil.test"}).status_code == 403


def test_a_database_that_is_away(
    browser: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql://lab:secret@127.0.0.1:1/nowhere"
    monkeypatch.setenv("FEWSHOT_LAB_DATABASE", url)
    answer = browser.get("/lab/fewshot/health")
    assert answer.status_code == 503
    assert answer.json() == {"live": True, "ready": False, "home": True, "database": False}
