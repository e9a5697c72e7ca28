"""A store on SQLite and, where PostgreSQL can be started, on PostgreSQL too."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import Store

from .annotators import Annotator, picture

_PLACES = ["/usr/lib/postgresql", "/usr/local/bin", "/usr/bin"]


def _postgres_programs() -> Path | None:
    for place in _PLACES:
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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str | None]]:
    """Where a project's database is: (URL or path, schema)."""
    if request.param == "sqlite":
        yield str(tmp_path / "project.sqlite"), None
        return
    url, schema = request.getfixturevalue("postgres"), f"project_{uuid.uuid4().hex[:12]}"
    yield url, schema
    with suppress(FewshotLabError):  # a test need not have made it
        store = Store.open(url, schema)
        store.drop()
        store.close()


@pytest.fixture
def store(address: tuple[str, str | None]) -> Iterator[Store]:
    opened = Store.open(*address, create=True)
    opened.add_images([picture(n) for n in range(20)])
    yield opened
    opened.close()


@pytest.fixture
def kim(store: Store) -> Annotator:
    return Annotator(store, "kim")


@pytest.fixture
def bo(store: Store) -> Annotator:
    return Annotator(store, "bo")
