"""Make the README's screenshots and its animation: ``python docs/make_screenshots.py [HOME]``.

Makes the demo project, labels a part of it as its manifest says, starts the app, and photographs
the pages in light and dark at 1366 x 768. Needs what ``requirements-dev.txt`` lists and Chromium.
Takes about two minutes. With HOME the project is kept there, and used again the next time.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1366, "height": 768}
PER_CLASS = 12
QUALITY = 82


def make_project(home: Path) -> None:
    """Draw, import, embed and map the demo, and label some of every type and the audit draw."""
    subprocess.run([sys.executable, "-m", "fewshot_lab", "demo"], cwd=ROOT, check=True)
    from fewshot_lab import Project
    from fewshot_lab.live import LiveSession

    project = Project.open("demo", home=home)
    truth = {row.id: str(row.reference) for row in project.store.images()}
    if not project.store.labels():
        rng = np.random.default_rng(0)
        for name in sorted(set(truth.values())):
            ids = [image for image, own in truth.items() if own == name]
            chosen = rng.choice(ids, PER_CLASS, replace=False).tolist()
            project.labels.add(dict.fromkeys(chosen, name), annotator="kim")
        session = LiveSession.of(project)
        session.wait(session.snapshot.rev, 60)
        session.close()
    audit = project.store.audit_ids() - set(project.store.labels())
    if audit:
        project.labels.add({image: truth[image] for image in audit}, annotator="kim")
    project.close()


@contextmanager
def app() -> Iterator[str]:
    """Run the app; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urlopen(f"{url}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.25)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def save(page: Page, name: str) -> None:
    """Save what the page shows as WebP."""
    IMAGES.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)
    print(f"{name}.webp: {(IMAGES / f'{name}.webp').stat().st_size // 1024} kB")


def photograph(page: Page, url: str, scheme: str) -> None:
    """Visit the pages that the README shows."""
    page.goto(f"{url}/label?project=demo")
    page.wait_for_selector(".ws-map[data-drawn]")
    page.wait_for_selector(".ws-truth-button:not([hidden])")
    page.wait_for_timeout(8000)  # the slower candidates are compared once labels rest
    save(page, f"label-{scheme}")
    for name in ("evaluate", "export"):
        page.goto(f"{url}/{name}?project=demo")
        page.wait_for_selector("h1")
        page.wait_for_timeout(8000)
        save(page, f"{name}-{scheme}")


def film(page: Page, url: str) -> None:
    """Save the loop as an animation: a lasso around a cluster, its key, and what follows."""
    page.goto(f"{url}/label?project=demo")
    page.wait_for_selector(".ws-map[data-drawn]")
    page.wait_for_timeout(4000)
    frames: list[tuple[Image.Image, int]] = []

    def shoot(milliseconds: int) -> None:
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        frames.append((picture.resize((1024, 576), Image.Resampling.LANCZOS), milliseconds))

    shoot(1200)
    number, middle, radius = a_cluster()
    angles = np.linspace(0, 2 * np.pi, 17)
    ring = middle + radius * np.column_stack([np.cos(angles), np.sin(angles)])
    pixels = page.evaluate(
        """points => {
          const plot = document.querySelector('.ws-plot'), box = plot.getBoundingClientRect();
          const {xaxis, yaxis} = plot._fullLayout;
          return points.map(([x, y]) => [box.left + xaxis.d2p(x), box.top + yaxis.d2p(y)]);
        }""",
        ring.tolist(),
    )
    page.mouse.move(*pixels[0])
    page.mouse.down()
    for at, (x, y) in enumerate(pixels[1:]):
        page.mouse.move(x, y, steps=3)
        if at % 4 == 3:
            shoot(250)
    page.mouse.up()
    page.wait_for_timeout(2000)
    shoot(1500)
    page.keyboard.press(str(number))
    page.wait_for_timeout(150)
    shoot(1200)
    page.wait_for_timeout(6000)
    page.keyboard.press("Escape")
    page.wait_for_timeout(1500)
    shoot(2500)
    pictures, durations = zip(*frames, strict=True)
    file = IMAGES / "loop.webp"
    pictures[0].save(
        file,
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        quality=70,
        method=6,
    )
    print(f"{file.name}: {file.stat().st_size // 1024} kB")
    page.keyboard.press("Control+z")
    page.wait_for_timeout(1000)


def a_cluster() -> tuple[int, np.ndarray, float]:
    """Return the key of a class, and middle and radius of its images on the map."""
    from fewshot_lab import Project

    with Project.open("demo") as project:
        layout, labels = project.map, project.store.labels()
        truth = {row.id: str(row.reference) for row in project.store.images()}
        best = (np.inf, 0, np.zeros(2), 0.0)
        for number, row in enumerate(project.store.classes(), start=1):
            own = np.array([truth[i] == row.name and i not in labels for i in layout.ids])
            middle = np.median(layout.xy[own], axis=0)
            away = np.linalg.norm(layout.xy - middle, axis=1)
            radius = float(np.quantile(away[own], 0.8))
            foreign = float((away[~own] < radius).sum())
            best = min(best, (foreign, number, middle, radius), key=lambda found: found[0])
        return best[1:]


def main() -> None:
    """Make all of them."""
    kept = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else None
    home = kept or Path(tempfile.mkdtemp(prefix="fewshot-screens-"))
    os.environ["FEWSHOT_LAB_HOME"] = str(home)
    sys.path.insert(0, str(ROOT))
    try:
        make_project(home)
        with app() as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=os.environ.get("FEWSHOT_LAB_CHROMIUM") or shutil.which("chromium"),
                args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader"],
            )
            for scheme in ("light", "dark"):
                context = browser.new_context(viewport=SIZE, color_scheme=scheme)
                context.add_cookies([{"name": "fewshot_annotator", "value": "kim", "url": url}])
                context.set_default_timeout(120_000)
                context.add_init_script("localStorage.setItem('fewshot-lab:first-steps', 'closed')")
                page = context.new_page()
                photograph(page, url, scheme)
                if scheme == "light":
                    film(page, url)
                context.close()
            browser.close()
    finally:
        if kept is None:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
