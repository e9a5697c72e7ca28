"""The label page in Chromium: from a key or a lasso to what the person sees.

    python benchmarks/label_page.py [--keys 12] [--sizes 20000 100000] [--project FOLDER]

Keys, on pbc8 (5,119 images, embedded once and kept between runs) with some labels in each class:
to the frame that shows the label, to its acknowledgement by the server (stored by then), to the
frame with the recoloured map, to fresh suggestions; and the bytes of the answer that brought them.

Lasso, on maps of drawn points whose images are pbc8's under new ids, without a classifier: to the
frame that shows the selection in the grid, and to its thumbnails loaded.

Times run from the browser's own time stamp of the key or of letting go of the mouse. WebGL is
done by the CPU here (SwiftShader) and other work on the machine is in every figure: the load is
printed beside them.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from fewshot_lab.embeddings import save_map  # noqa: E402
from fewshot_lab.project import Project  # noqa: E402
from fewshot_lab.store import NewImage  # noqa: E402

DATA = Path(os.environ.get("FEWSHOT_LAB_TEST_DATA") or ROOT.parent / "shared" / "datasets")
CACHE = Path(os.environ.get("FEWSHOT_LAB_BENCHMARK_CACHE") or tempfile.gettempdir())
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
PER_CLASS = 25
REACH = {
    "key to painted label": 100,
    "key to stored and acknowledged": 300,
    "key to recoloured map": 1000,
    "key to fresh suggestions": 1000,
}

# Before the page's own listeners, which keep keys to themselves.
STAMP = """
window.marks = {};
addEventListener('keydown', (e) => { marks.start = e.timeStamp; }, true);
addEventListener('pointerup', (e) => { marks.start = e.timeStamp; }, true);
"""

WATCH = """() => {
  const marks = window.marks;
  const now = (name) => { if (marks.start !== undefined && marks[name] === undefined) marks[name] = performance.now() - marks.start; };
  const painted = (name) => requestAnimationFrame(() => setTimeout(() => now(name), 0));
  window.begin = () => { for (const k of Object.keys(marks)) delete marks[k]; };
  const space = document.querySelector('.ws-workspace'), map = document.querySelector('.ws-map');
  const grid = document.querySelector('.ws-right');
  const thumbnails = () => {
    const shown = [...document.querySelectorAll('.ws-tile img')];
    if (shown.length && shown.every((i) => i.complete && i.naturalWidth)) now('thumbnails');
    else setTimeout(thumbnails, 10);
  };
  new MutationObserver((list) => {
    for (const m of list) {
      if (m.target === space && m.attributeName === 'data-acked') now('acked');
      else if (m.target === map && m.attributeName === 'data-painted' && map.dataset.painted !== m.oldValue) painted('recoloured');
      else if (m.target === grid && m.attributeName === 'data-rev' && grid.dataset.rev !== m.oldValue) painted('suggested');
      else if (m.target === grid && m.attributeName === 'data-count') { painted('grid'); thumbnails(); }
      else if (m.target.classList?.contains('ws-tile') && m.target.classList.contains('ws-labelled')) painted('painted');
    }
  }).observe(space, { subtree: true, attributes: true, attributeOldValue: true, attributeFilter: ['data-acked', 'data-painted', 'data-rev', 'data-count', 'class'] });
}"""  # noqa: E501


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keys", type=int, default=12)
    parser.add_argument("--sizes", type=int, nargs="*", default=[20_000, 100_000])
    parser.add_argument("--project", type=Path, help="an embedded and mapped project of pbc8")
    arguments = parser.parse_args()
    source = arguments.project or cells_project()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        (home / ".started").touch()
        shutil.copytree(source, home / "cells")
        prepare(Project.open(home / "cells"))
        for size in arguments.sizes:
            points_project(home, source, size)
        path = os.environ.get("FEWSHOT_LAB_CHROMIUM") or shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        with server(home) as url:
            if arguments.keys:
                measure_keys(browser, url, arguments.keys)
            for size in arguments.sizes:
                measure_lasso(browser, url, size)
        browser.close()


def measure_keys(browser: Browser, url: str, n: int) -> None:
    page, opened = open_page(browser, url, "cells")
    wire = Wire(page)
    page.wait_for_selector(".ws-truth-button:not([hidden])")
    page.locator(".ws-grid").focus()
    found: list[dict[str, float]] = []
    sizes: list[int] = []
    for turn in range(n):
        quiet(page)
        wire.clear()
        page.evaluate("begin()")
        page.keyboard.press(str(1 + turn % 8))
        page.wait_for_function(
            "marks.painted && marks.acked && marks.recoloured && marks.suggested"
        )
        found.append(page.evaluate("marks"))
        sizes.append(wire.largest())
    page.context.close()
    print(f"\nKeys on 5,119 images, {n} of them; page open to drawn map {opened:.1f} s; {load()}")
    print(f"{'':34}{'median':>9}{'slowest':>9}{'to reach':>10}{'ratio':>8}")
    names = ("painted", "acked", "recoloured", "suggested")
    for (title, reach), name in zip(REACH.items(), names, strict=True):
        values = [marks[name] for marks in found]
        middle = statistics.median(values)
        print(f"{title:34}{middle:6.0f} ms{max(values):6.0f} ms{reach:7} ms{middle / reach:8.2f}")
    middle = statistics.median(sizes)
    print(f"{'bytes on the wire for a recolour':34}{middle / 1024:6.1f} kB")


def measure_lasso(browser: Browser, url: str, size: int) -> None:
    page, opened = open_page(browser, url, f"points{size}")
    found = []
    for turn in range(6):
        page.keyboard.press("Escape")
        quiet(page)
        page.evaluate("begin()")
        lasso(page, 0.15 + 0.03 * turn)
        page.wait_for_function("marks.grid && marks.thumbnails")
        found.append(page.evaluate("marks"))
    n = page.locator(".ws-right").get_attribute("data-count")
    page.context.close()
    reach = 500 if size <= 20_000 else 1500
    print(f"\nLasso on {size:,} points, {n} in the last; page open {opened:.1f} s; {load()}")
    print(f"{'':34}{'median':>9}{'slowest':>9}{'to reach':>10}{'ratio':>8}")
    for title, name in (("lasso to grid", "grid"), ("lasso to thumbnails", "thumbnails")):
        values = [marks[name] for marks in found]
        middle = statistics.median(values)
        print(f"{title:34}{middle:6.0f} ms{max(values):6.0f} ms{reach:7} ms{middle / reach:8.2f}")


def open_page(browser: Browser, url: str, project: str) -> tuple[Page, float]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_init_script("localStorage.setItem('fewshot-lab:first-steps', 'closed')")
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(STAMP)
    began = time.monotonic()
    page.goto(f"{url}/label?project={project}")
    page.wait_for_selector(".ws-map[data-drawn]")
    page.wait_for_selector(".ws-tile")
    opened = time.monotonic() - began
    page.evaluate(WATCH)
    return page, opened


def quiet(page: Page) -> None:
    """Wait until nothing more follows from the last act: the second, slower fit included."""
    page.wait_for_timeout(1500)
    while True:
        state = "document.querySelector('.ws-workspace').dataset.rev"
        before = page.evaluate(state)
        page.wait_for_timeout(1500)
        fresh = page.locator(".ws-fresh").get_attribute("data-state")
        if page.evaluate(state) == before and fresh != "busy":
            return


def lasso(page: Page, radius: float) -> None:
    box = page.locator(".ws-plot").bounding_box()
    assert box
    turn = np.linspace(0, 2 * np.pi, 40)
    x = box["x"] + box["width"] * (0.5 + radius * np.cos(turn))
    y = box["y"] + box["height"] * (0.5 + radius * np.sin(turn))
    page.mouse.move(float(x[0]), float(y[0]))
    page.mouse.down()
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        page.mouse.move(a, b)
    page.mouse.up()


class Wire:
    """How many bytes each answer of the live route took, headers included."""

    def __init__(self, page: Page):
        self.sizes: list[int] = []
        self.urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._finished)

    def _sent(self, event: dict[str, Any]) -> None:
        self.urls[event["requestId"]] = event["request"]["url"]

    def _finished(self, event: dict[str, Any]) -> None:
        if "/live?" in self.urls.get(event["requestId"], ""):
            self.sizes.append(int(event["encodedDataLength"]))

    def clear(self) -> None:
        self.sizes.clear()

    def largest(self) -> int:
        return max(self.sizes, default=0)


def cells_project() -> Path:
    """Return pbc8 as an embedded project, made once and kept."""
    if not (DATA / "pbc8").is_dir():
        raise SystemExit(f"{DATA / 'pbc8'} is missing: set FEWSHOT_LAB_TEST_DATA.")
    home = CACHE / "fewshot-lab-benchmark-projects"
    made = (home / "cells" / "project.json").exists()
    project = Project.open("cells", home=home) if made else Project.create("cells", home=home)
    if project.map is None:  # nor after an earlier try that was interrupted
        print("importing, embedding and mapping pbc8 once ...", flush=True)
        project.import_images(DATA / "pbc8", reference_labels="folders")
        project.embed()
        project.make_map()
    project.close()
    return home / "cells"


def prepare(project: Project) -> None:
    """Label some images of each class by their reference, where there are no labels yet."""
    if project.store.labels():
        return
    audit = project.store.audit_ids()
    by_type: dict[str, list[str]] = {}
    for row in project.store.images():
        if row.id not in audit:
            by_type.setdefault(str(row.reference), []).append(row.id)
    rng = np.random.default_rng(0)
    labels = {
        str(i): name
        for name in sorted(by_type)
        for i in rng.choice(by_type[name], PER_CLASS, replace=False)
    }
    project.labels.add(labels, "benchmark")
    project.close()


def points_project(home: Path, source: Path, n: int) -> None:
    """Make a project of n drawn points, each with a real picture behind it."""
    rng = np.random.default_rng(n)
    pictures = Project.open(source)
    rows = pictures.store.images()
    project = Project.create(f"points{n}", home=home)
    ids = [rng.bytes(10).hex() for _ in range(n)]
    batch = []
    for at, image_id in enumerate(ids):
        row = rows[at % len(rows)]
        file = row.file if Path(row.file).is_absolute() else str(source / row.file)
        name = f"{at:06}.jpg"
        # A source of its own for each, as for files that were read.
        batch.append(
            NewImage(
                image_id, name, file, 0, row.width, row.height, row.bytes, at, source=name
            )
        )  # fmt: skip
    for start in range(0, n, 5000):
        project.store.add_images(batch[start : start + 5000])
    centres = rng.normal(size=(12, 2)) * 4
    xy = centres[rng.integers(0, 12, n)] + rng.normal(size=(n, 2))
    save_points(project, ids, xy.astype(np.float32))
    pictures.close()
    project.close()


def save_points(project: Project, ids: list[str], xy: np.ndarray) -> None:
    from fewshot_lab.embeddings import Map

    settings = {"neighbours": 15, "min_dist": 0.1}
    made = Map(ids, xy, "umap", settings, project.backbone.fingerprint)
    save_map(project.map_folder, made)


@contextmanager
def server(home: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    command += ["--server.headless", "true", "--server.address", "localhost"]
    environment = os.environ | {"FEWSHOT_LAB_HOME": str(home), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        wait_for(lambda: urllib.request.urlopen(f"{url}/_stcore/health", timeout=2).close())
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def wait_for(question: Callable[[], None]) -> None:
    for _ in range(300):
        try:
            return question()
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
