"""What every test shares: no network, a home of its own, and the real images where there are."""

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from PIL import Image

from fewshot_lab.cells import CSV_MARK

ROOT = Path(__file__).resolve().parent.parent
NEEDS = {
    "data_folder": "data",
    "slurm": "slurm",
    "postgres": "postgresql",
    "orthanc": "orthanc",
}
"""Fixtures, and the marker of a test that needs one."""
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "FEWSHOT_LAB_COMPARE": "0",  # no comparison of backbones unasked
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "STREAMLIT_SERVER_HEADLESS": "true",
}


def pytest_configure(config: pytest.Config) -> None:
    """Set the environment before anything imports the package; child processes inherit it."""
    os.environ.update(OFFLINE)
    # Else every worker, and every process that a test starts, compiles the code anew.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    side_by_side = "PYTEST_XDIST_WORKER" in os.environ
    os.environ.setdefault("OMP_NUM_THREADS", "1" if side_by_side else "2")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the browser tests and those that need real images or a server; order the files.

    The slow ones come first, so that no worker is left alone with a long file; those in the browser
    come last.
    """
    folder = ROOT / "tests" / "e2e"
    marks: dict[Path, set[str]] = {}
    for item in items:
        if folder in item.path.parents:
            item.add_marker("e2e")
        for fixture in NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(NEEDS[fixture])
        marks.setdefault(item.path, set()).update(mark.name for mark in item.iter_markers())

    items.sort(key=lambda item: ("e2e" in marks[item.path], "slow" not in marks[item.path]))


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out what was imported: it would walk through it each time."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests' projects away from the user's."""
    os.environ["FEWSHOT_LAB_HOME"] = str(tmp_path_factory.mktemp("home"))
    os.environ["FEWSHOT_LAB_QUEUE"] = str(tmp_path_factory.mktemp("queue"))


@pytest.fixture(autouse=True)
def _marked_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what an option of the terminal does to all tables of its process."""
    monkeypatch.setenv(CSV_MARK, "1")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home for this test alone."""
    folder = tmp_path / "projects"
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(folder))
    return folder


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse connections to other machines: everything must work without them."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0] if isinstance(address, tuple) else address
            if host not in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
                raise OSError(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = local_only  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real, labelled images, or skip."""
    chosen = os.environ.get("FEWSHOT_LAB_TEST_DATA")
    folder = Path(chosen) if chosen else ROOT.parent / "shared" / "datasets"
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder} (set FEWSHOT_LAB_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def pbc8(data_folder: Path) -> Path:
    """Return the blood cells, a folder per class, or skip."""
    return _set(data_folder / "pbc8")


@pytest.fixture(scope="session")
def isic8(data_folder: Path) -> Path:
    """Return the skin lesions, a folder per class, or skip."""
    return _set(data_folder / "isic8")


def _set(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"no real images in {folder}")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the browser's path; without one skip, or fail where CI asks for it."""
    path = os.environ.get("FEWSHOT_LAB_CHROMIUM") or shutil.which("chromium")
    if not path:
        reason = "no Chromium found: install it or set FEWSHOT_LAB_CHROMIUM"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a fresh environment with what ``predict.py`` needs and no more.

    The packages are those of these tests, linked: no network is asked.
    """
    folder = tmp_path_factory.mktemp("bare") / "venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    venv.create(folder)
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(where, capture_output=True, text=True, check=True).stdout.strip())
    for name in _with_dependencies("onnxruntime", "numpy", "pillow"):
        package = metadata.distribution(name)
        for top in {file.parts[0] for file in package.files or []} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(package.locate_file(top))).resolve())
    return python


def _with_dependencies(*names: str) -> set[str]:
    wanted = set(names)
    for name in names:
        asked = [Requirement(line) for line in metadata.requires(name) or []]
        needed = [r.name for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})]
        wanted |= _with_dependencies(*needed)
    return wanted


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of 64 drawn cells, embedded and on a map, to be copied."""
    from fewshot_lab.images.demo import draw_demo
    from fewshot_lab.project import Project

    base = tmp_path_factory.mktemp("routes")
    draw_demo(base / "images", n=64)
    project = Project.create("cells", home=base / "home")
    project.import_images(base / "images", reference_labels="folders")
    project.embed()
    project.make_map()
    project.close()
    return base / "home" / "cells"


@pytest.fixture(scope="session")
def slide_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of three slides of 4 x 4 tiles, embedded, to be copied: none is labelled.

    The left half of each slide is dark and fine, the right half light and coarse. Two slides have
    the same file name in folders that tell something.
    """
    import numpy as np

    from fewshot_lab.images import Tiling, TissueRule
    from fewshot_lab.project import Project

    from .images.pyramids import write_pyramid

    base = tmp_path_factory.mktemp("slides")
    for seed, name in enumerate(["healthy/a.svs", "ill/a.svs", "ill/long name.svs"]):
        rng = np.random.default_rng(seed)
        fine = rng.integers(0, 120, (512, 256, 3), np.uint8)
        coarse = rng.integers(120, 255, (32, 16, 3), np.uint8).repeat(16, 0).repeat(16, 1)
        (base / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        write_pyramid(base / "in" / name, np.hstack([fine, coarse]), levels=2)
    project = Project.create("slides", home=base / "home")
    project.import_images(base / "in", tiling=Tiling(tile_px=128, tissue=TissueRule(share=0)))
    project.embed()
    project.close()
    return base / "home" / "slides"


def _postgres_programs() -> Path | None:
    for place in ("/usr/lib/postgresql", "/usr/local/bin", "/usr/bin"):
        for found in sorted(Path(place).glob("**/bin/initdb"), reverse=True):
            return found.parent
    beside = shutil.which("initdb")
    return Path(beside).parent if beside else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server for these tests alone."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    if url := os.environ.get("FEWSHOT_LAB_TEST_POSTGRES"):
        yield url
        return
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    # Not under pytest's own folders: those are closed to other users, and the server refuses root.
    folder = Path(tempfile.mkdtemp(prefix="fewshot-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and setpriv is not installed")
        shutil.chown(folder, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    make = ["initdb", "-D", data, "-U", "lab", "-A", "trust", "-E", "UTF8", "--no-sync"]
    serve = ["postgres", "-D", data, "-p", str(port), "-k", str(folder), "-F"]
    serve += ["-c", "listen_addresses=127.0.0.1"]
    with (folder / "log").open("wb") as log:
        given = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": folder}
        made = subprocess.run([*as_user, programs / make[0], *make[1:]], check=False, **given)
        if made.returncode:
            said = (folder / "log").read_text()[-200:]
            shutil.rmtree(folder)
            pytest.skip(f"PostgreSQL cannot be set up here: {said}")
        server = subprocess.Popen([*as_user, programs / serve[0], *serve[1:]], **given)
    try:
        for _ in range(300):
            if server.poll() is not None:
                pytest.skip(f"PostgreSQL does not start: {(folder / 'log').read_text()[-200:]}")
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        time.sleep(0.3)
        yield f"postgresql+psycopg://lab@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        server.wait(timeout=60)
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def write_video() -> Callable[..., Path]:
    """Return what writes a video whose frames carry their number: see :func:`numbered`."""
    av = pytest.importorskip("av", reason="videos need the extra: pip install fewshot-lab[video]")

    def write(
        file: Path,
        frames: int,
        *,
        codec: str = "libx264",
        options: dict[str, str] | None = None,
        container: dict[str, str] | None = None,
        fps: int = 25,
        size: tuple[int, int] = (160, 120),
        pixels: str = "yuv420p",
        aspect: tuple[int, int] | None = None,
        times: list[float] | None = None,
        draw: Callable[[int, tuple[int, int]], np.ndarray] = numbered,
    ) -> Path:
        with av.open(str(file), "w", options=container or {}) as target:
            stream = target.add_stream(codec, rate=fps, options=options or {})
            stream.width, stream.height, stream.pix_fmt = *size, pixels
            if aspect:
                stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
            for number in range(frames):
                frame = av.VideoFrame.from_ndarray(draw(number, size), "rgb24")
                frame = frame.reformat(format=pixels)
                if times is not None:
                    frame.pts, frame.time_base = int(times[number] * 1000), Fraction(1, 1000)
                    stream.codec_context.time_base = Fraction(1, 1000)
                for packet in stream.encode(frame):
                    target.mux(packet)
            for packet in stream.encode():
                target.mux(packet)
        return file

    return write


def numbered(number: int, size: tuple[int, int]) -> np.ndarray:
    """Draw a number as twelve bars, light for 1, over a picture that moves."""
    width, height = size
    picture = np.full((height, width, 3), 40, np.uint8)
    for bit in range(12):
        if number >> bit & 1:
            picture[8:40, 8 + 12 * bit : 18 + 12 * bit] = 230
    at = 3 * number % (width - 30)
    picture[60:110, at : at + 20] = (200, 60, 60)
    picture[60:110:4] //= 2
    return picture


@pytest.fixture(scope="session")
def number_in() -> Callable[[Image.Image], int]:
    """Return what reads the number back that :func:`numbered` drew."""

    def read(picture: Image.Image) -> int:
        grey = np.asarray(picture.convert("L"), int)
        bars = (grey[16:32, 10 + 12 * bit : 16 + 12 * bit].mean() for bit in range(12))
        return sum(1 << bit for bit, light in enumerate(bars) if light > 130)

    return read
