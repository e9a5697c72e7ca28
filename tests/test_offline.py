"""Nothing in the project reaches for another machine by itself."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ["fewshot_lab", "pages", "docs", "tests", "benchmarks", ".streamlit", ".ci"]
# Written in pieces, so that this file passes its own test.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("anaconda", "org"),
        ("download", "pytorch", "org"),
        ("unpkg", "com"),
        ("jsdelivr", "net"),
        ("cdnjs", "cloudflare", "com"),
        ("crates", "io"),
    ]
]
# Names of XML namespaces: never fetched.
NAMESPACES = {"www.w3.org"}


def files(*endings: str) -> Iterator[Path]:
    """Yield the project's own files, below SHIPPED and beside them."""
    beside = [file for file in ROOT.iterdir() if file.is_file()]
    below = [file for folder in SHIPPED for file in (ROOT / folder).rglob("*") if file.is_file()]
    for file in beside + below:
        if "__pycache__" not in file.parts and (not endings or file.suffix in endings):
            yield file


def test_no_file_names_the_host_of_a_package_registry_or_cdn():
    wrong = [
        f"{file.relative_to(ROOT)}: {host}"
        for file in files()
        for host in REGISTRIES
        if host.encode() in file.read_bytes()
    ]
    assert wrong == []


def test_scripts_and_styles_name_no_foreign_host():
    address = re.compile(r"(?:https?:|wss?:)?//([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)
    wrong = [
        f"{file.relative_to(ROOT)}: {host}"
        for file in files(".html", ".js", ".css", ".svg")
        for host in address.findall(file.read_text(encoding="utf-8"))
        if host not in NAMESPACES
    ]
    assert wrong == []


def test_streamlit_sends_no_statistics():
    import tomllib

    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert config["browser"]["gatherUsageStats"] is False


def test_the_app_listens_on_this_machine_only(tmp_path):
    """As a person starts it: there is no login, and the images are patients'."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = os.environ | {
        "STREAMLIT_SERVER_HEADLESS": "true",
        "FEWSHOT_LAB_HOME": str(tmp_path),
    }
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            assert answers("localhost", port, within=60)
            assert not answers("127.0.0.2", port, within=0)  # a server for all takes it, too
        finally:
            server.terminate()


def answers(host: str, port: int, within: float) -> bool:
    end = time.monotonic() + within
    while True:
        try:
            socket.create_connection((host, port), timeout=1).close()
            return True
        except OSError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.2)
