"""The app in a real browser: a server of its own, and a page that forgives nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # WebGL without a graphics card
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
# Streamlit's page asks for these under its own path first, and then where they are.
PROBES = ("_stcore/health", "_stcore/host-config")
STARTS_WITHIN = 60.0
# Generous: a slow machine is no reason to fail.
STORED_WITHIN = 90.0
CELLS = 240
expect.set_options(timeout=60_000)


class Server:
    """``streamlit run app.py`` on a port of its own, with a home of its own."""

    def __init__(self, home: Path, log: Path):
        self.home = home
        self.log = log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.arguments: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Start, and return when it answers."""
        environment = os.environ | {
            "FEWSHOT_LAB_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            "STREAMLIT_SERVER_HEADLESS": "true",
        }
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        command += ["--server.port", str(self.port), *self.arguments]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()[-3000:]}")

    def kill(self) -> None:
        """Kill it as a power cut would; where coverage is measured it first writes what it ran."""
        assert self.process is not None
        if "COVERAGE_PROCESS_CONFIG" in os.environ:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=30)
                return
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.runs:
            self.kill()


WATCH_TOASTS = """() => {
  if (window.tooSoon !== undefined) return;
  window.tooSoon = 0;
  new MutationObserver((records) => {
    for (const { addedNodes } of records)
      for (const node of addedNodes) window.tooSoon += node.textContent.includes('only just come');
  }).observe(document.querySelector('.ws-toasts'), { childList: true });
}"""


def press(page: Page, key: str) -> None:
    """Press a key that labels: again where the page says that its images had only just come."""
    page.evaluate(WATCH_TOASTS)
    for _ in range(20):
        before = page.evaluate("window.tooSoon")
        page.keyboard.press(key)
        if page.evaluate("window.tooSoon") == before:
            return
        page.wait_for_timeout(400)
    raise AssertionError("the images never stood still")


def until(wanted: Callable[[], Any], what: str) -> None:
    """Wait for what is stored behind the page, or drawn on it."""
    deadline = time.monotonic() + STORED_WITHIN
    while not wanted():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def label_first(page: Page, project: Project) -> None:
    """Label the image at hand by a key, and wait until that is stored."""
    page.locator(".ws-grid").focus()
    press(page, "1")
    until(project.store.labels, "the label is stored")


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project of drawn cells, embedded and mapped, to be copied."""
    base = tmp_path_factory.mktemp("cells")
    draw_demo(base / "images", n=CELLS)
    project = Project.create("cells", home=base / "home")
    project.import_images(base / "images", reference_labels="folders")
    project.embed()
    project.make_map()
    project.close()
    return base / "home" / "cells"


def started_home(folder: Path) -> Path:
    """Make a home whose demo project is not made by itself."""
    folder.mkdir()
    (folder / ".started").touch()
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of all tests that do not ask for ``own_home``; the first starts it."""
    folder = tmp_path_factory.mktemp("shared")
    server = Server(started_home(folder / "projects"), folder / "server.log")
    yield server
    server.stop()


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """Return a home that no other test sees."""
    return started_home(tmp_path / "projects")


@pytest.fixture
def home(shared: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of the test's server."""
    own = "own_home" in request.fixturenames
    folder: Path = request.getfixturevalue("own_home") if own else shared.home
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(folder))
    return folder


@pytest.fixture
def project(home: Path, cells: Path) -> Project:
    """Return a fresh copy of the project of drawn cells."""
    before = len(list(home.glob("cells*")))
    name = f"cells{before + 1}" if before else "cells"
    shutil.copytree(cells, home / name)
    return Project.open(name, home=home)


@pytest.fixture
def server(shared: Server, home: Path, tmp_path: Path) -> Iterator[Server]:
    """Return a running server."""
    server = shared if home == shared.home else Server(home, tmp_path / "server.log")
    if not server.runs:
        server.start()
    yield server
    if server is not shared:
        server.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=list(CHROMIUM))
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.set_default_timeout(60_000)
    context.add_init_script("localStorage.setItem('fewshot-lab:first-steps', 'closed')")
    yield context
    context.close()


class Watch:
    """Everything that a page asked for and complained about."""

    def __init__(self, page: Page):
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.forgiven: tuple[str, ...] = PROBES
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._heard(message))

    def _heard(self, message) -> None:  # type: ignore[no-untyped-def]
        where = (message.location or {}).get("url", "")
        if message.type == "error" and not any(part in where for part in self.forgiven):
            self.complaints.append(f"{message.text} {where}")

    def foreign(self) -> list[str]:
        """Return requests to anything but this machine."""
        local = ("localhost", "127.0.0.1", None, "")
        return [url for url in self.requests if urlsplit(url).hostname not in local]


@pytest.fixture
def watch(page: Page) -> Watch:
    """Return what the page asked for, so far."""
    return page.watch  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return a page; another host or an error in the console fails the test at its end."""
    page = context.new_page()
    watch = Watch(page)
    page.watch = watch  # type: ignore[attr-defined]
    yield page
    assert watch.foreign() == []
    assert watch.complaints == []


@pytest.fixture(scope="session")
def axe() -> Callable[[Page, str], list[str]]:
    """Return a function that lists what axe-core finds wrong below a selector."""
    script = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("axe-core is missing: npm ci")
        pytest.skip("axe-core is missing: npm ci")

    def violations(page: Page, within: str) -> list[str]:
        page.add_script_tag(path=script)
        answer = page.evaluate("within => axe.run(within)", within)
        return [
            f"{rule['id']}: {node['html']}"
            for rule in answer["violations"]
            for node in rule["nodes"]
        ]

    return violations


@pytest.fixture
def open_label_page(
    page: Page, server: Server, request: pytest.FixtureRequest
) -> Callable[..., Page]:
    """Return a function that opens a project's label page and waits for map and suggestions."""

    def open_it(name: str | None = None) -> Page:
        name = name or request.getfixturevalue("project").name
        page.goto(f"{server.url}/label?project={name}")
        page.wait_for_selector(".ws-map[data-drawn]")
        page.wait_for_selector(".ws-tile")
        return page

    return open_it
