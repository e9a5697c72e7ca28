"""How many labels a minute the label page takes: by grid keys, large view, lasso and piles.

    python benchmarks/labels_per_minute.py [--labels 150] [--think 0] [--app FOLDER]

On 500 images of pbc8 with three labels a class to begin with; each way on a fresh copy. The script
knows the right class and presses its key as soon as a person could: when the image in focus is on
the screen (and, with --think, so many ms later). So the figures are what the page and the refits
behind it let through, not what a person manages. A lasso is drawn around whatever is unlabelled
near one image and labels what lies inside as that image's class, so many are wrong: only the pace
counts.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import label_page as base  # noqa: E402
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright  # noqa: E402

from fewshot_lab.project import Project  # noqa: E402

IMAGES = 500
FIRST = 3
AGAIN = 400  # ms after which a key that labelled nothing is pressed again
COUNTED = """() => [...document.querySelectorAll('.ws-class .ws-count')]
  .reduce((sum, e) => sum + Number(e.textContent.split('/')[0].replace(/\\D/g, '')), 0)"""
IN_FOCUS = """(done) => {
  const tile = document.querySelector('.ws-tile.ws-focused:not(.ws-labelled)');
  const large = document.querySelector('.ws-viewer:not([hidden]) .ws-stage img');
  const picture = large ?? tile?.querySelector('img');
  const there = tile && tile.dataset.id !== done && picture.complete && picture.naturalWidth;
  if (!there || (large && !large.currentSrc.includes(tile.dataset.id))) return null;
  return tile.dataset.id;
}"""


def main() -> None:
    """Measure, and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=int, default=150)
    parser.add_argument("--think", type=int, default=0)
    arguments = parser.parse_args()
    source = project_of_500()
    chromium = os.environ.get("FEWSHOT_LAB_CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        (home / ".started").touch()
        browser = playwright.chromium.launch(executable_path=chromium, args=list(base.CHROMIUM))
        for name in WAYS:
            shutil.copytree(source, home / name)
        with base.server(home) as url:
            for name, way in WAYS.items():
                keys = keys_of(Project.open(home / name))
                report(name, way(browser, url, keys, arguments.labels, arguments.think))
                print(f"{'':12}{wrong(home / name)} labels of another class than the reference")
        browser.close()


def report(name: str, marks: list[tuple[float, int]]) -> None:
    """Print the pace; ``marks`` are moments and labels given until then."""
    (began, first), (ended, last) = marks[0], marks[-1]
    gaps = [1000 * (b[0] - a[0]) for a, b in pairwise(marks)]
    print(
        f"{name:12}{60 * (last - first) / (ended - began):7.0f} labels/min, {last - first} labels; "
        f"from one act to the next {statistics.median(gaps):.0f} ms, slowest {max(gaps):.0f} ms; "
        f"{base.load()}",
        flush=True,
    )


def by_grid(
    browser: Browser, url: str, keys: dict[str, str], n: int, think: int
) -> list[tuple[float, int]]:
    """Press keys in the grid."""
    page = opened(browser, url, "grid")
    return press_keys(page, keys, n, think)


def by_large_view(
    browser: Browser, url: str, keys: dict[str, str], n: int, think: int
) -> list[tuple[float, int]]:
    """Press keys in the large view."""
    page = opened(browser, url, "large view")
    page.keyboard.press("Space")
    return press_keys(page, keys, n, think)


def press_keys(page: Page, keys: dict[str, str], n: int, think: int) -> list[tuple[float, int]]:
    """Label the image in focus until there are n labels more."""
    marks = [(time.monotonic(), page.evaluate(COUNTED))]
    done = ""
    while marks[-1][1] - marks[0][1] < n:
        done = press_key(page, keys, done, marks, think)
    page.context.close()
    return marks


def press_key(
    page: Page, keys: dict[str, str], done: str, marks: list[tuple[float, int]], think: int
) -> str:
    """Press the key of the next image in focus, add to the marks, and return the image."""
    now = str(page.wait_for_function(IN_FOCUS, arg=done).json_value())
    page.wait_for_timeout(think)
    while True:
        page.keyboard.press(keys[now])
        try:
            more = f"before => ({COUNTED})() > before"
            page.wait_for_function(more, arg=marks[-1][1], timeout=AGAIN)
            break
        except TimeoutError:  # it had only just come
            continue
    marks.append((time.monotonic(), page.evaluate(COUNTED)))
    return now


def by_piles(
    browser: Browser, url: str, keys: dict[str, str], n: int, think: int
) -> list[tuple[float, int]]:
    """Press keys in the grid, and after every 40 on the piles that there are."""
    page = opened(browser, url, "piles")
    marks = [(time.monotonic(), page.evaluate(COUNTED))]
    done, piles, lying = "", 0, 0
    while marks[-1][1] - marks[0][1] < n:
        for _ in range(40):
            done = press_key(page, keys, done, marks, think)
        page.get_by_role("button", name="Piles").click()
        page.wait_for_selector(".ws-right[data-view=piles]")
        page.wait_for_function(
            "!document.querySelector('.ws-sentence-text').textContent.startsWith('Looking')"
        )
        while page.locator(".ws-tile.ws-pile:not(.ws-labelled)").count():
            before = marks[-1][1]
            done = press_key(page, keys, done, marks, think)
            piles, lying = piles + 1, lying + marks[-1][1] - before
        page.get_by_role("tab", name="Suggestions").click()
    page.context.close()
    print(f"{'':12}{lying} of them in {piles} piles")
    return marks


def by_lasso(
    browser: Browser, url: str, keys: dict[str, str], n: int, think: int
) -> list[tuple[float, int]]:
    """Draw around a part of the map, look at the grid, press one key."""
    page = opened(browser, url, "lasso")
    rng = np.random.default_rng(0)
    order = list(rng.permutation(sorted(keys)))
    marks = [(time.monotonic(), page.evaluate(COUNTED))]
    box = page.locator(".ws-plot").bounding_box()
    assert box
    while marks[-1][1] - marks[0][1] < n and order:
        x, y = rng.uniform(0.08, 0.92, 2)
        turn = np.linspace(0, 2 * np.pi, 24)
        points = [
            (box["x"] + box["width"] * (x + 0.07 * a), box["y"] + box["height"] * (y + 0.07 * b))
            for a, b in zip(np.cos(turn), np.sin(turn), strict=True)
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for point in points:
            page.mouse.move(*point)
        page.mouse.up()
        page.wait_for_selector(".ws-right[data-view=selection]")
        if not int(page.locator(".ws-right").get_attribute("data-count") or 0):
            continue
        page.wait_for_function(
            "[...document.querySelectorAll('.ws-tile img')].every(i => i.complete)"
        )
        page.wait_for_timeout(think)
        page.keyboard.press(keys[order.pop()])
        page.wait_for_function(
            "[...document.querySelectorAll('.ws-tile')].every(t => t.matches('.ws-labelled'))"
        )
        given = page.evaluate(COUNT_SELECTED)
        marks.append((time.monotonic(), marks[-1][1] + given))
    page.context.close()
    return marks


COUNT_SELECTED = "Number(document.querySelector('.ws-right').dataset.count)"
WAYS: dict[str, Callable[..., list[tuple[float, int]]]] = {
    "grid": by_grid,
    "large view": by_large_view,
    "lasso": by_lasso,
    "piles": by_piles,
}


def opened(browser: Browser, url: str, project: str) -> Page:
    """Open a label page with a classifier, the keys with the images."""
    page, _ = base.open_page(browser, url, project)
    page.wait_for_selector(".ws-truth-button:not([hidden])")
    base.quiet(page)
    page.locator(".ws-grid").focus()
    page.wait_for_timeout(500)
    return page


def project_of_500() -> Path:
    """Return 500 images of pbc8 as a project with a few labels, made once and kept."""
    folder = base.DATA / "pbc8"
    if not folder.is_dir():
        raise SystemExit(f"{folder} is missing: set FEWSHOT_LAB_TEST_DATA.")
    home = base.CACHE / "fewshot-lab-benchmark-projects"
    if (home / "cells500" / "complete").exists():
        return home / "cells500"
    shutil.rmtree(home / "cells500", ignore_errors=True)
    types = sorted(each for each in folder.iterdir() if each.is_dir())
    with tempfile.TemporaryDirectory() as chosen:
        for at, kind in enumerate(types):
            n = IMAGES // len(types) + (at < IMAGES % len(types))
            for file in sorted(kind.iterdir())[:n]:
                (Path(chosen) / kind.name).mkdir(exist_ok=True)
                shutil.copy(file, Path(chosen) / kind.name)
        project = Project.create("cells500", home=home)
        print("importing, embedding and mapping 500 images once ...", flush=True)
        project.import_images(chosen, reference_labels="folders", copy=True)
        project.embed()
        project.make_map()
    audit = project.store.audit_ids()
    labels: dict[str, str] = {}
    for kind in types:
        rows = [r for r in project.store.images() if r.reference == kind.name and r.id not in audit]
        labels |= {row.id: kind.name for row in rows[:FIRST]}
    project.labels.add(labels, "benchmark")
    project.close()
    (home / "cells500" / "complete").touch()
    return home / "cells500"


def wrong(folder: Path) -> int:
    """Return how many labels are not the class that came with the image."""
    project = Project.open(folder)
    names = {row.id: row.name for row in project.store.classes()}
    came = project.store.column("reference")
    labels = project.store.labels().items()
    count = sum(names.get(label.class_id) != came.get(i) for i, label in labels)
    project.close()
    return count


def keys_of(project: Project) -> dict[str, str]:
    """Return the key of each image's own class."""
    rows = sorted(project.store.classes(), key=lambda row: row.position)
    key = {row.name: str(at + 1) for at, row in enumerate(rows)}
    keys = {row.id: key[str(row.reference)] for row in project.store.images()}
    project.close()
    return keys


if __name__ == "__main__":
    main()
