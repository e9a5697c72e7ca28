"""A real PACS: Orthanc, on this machine alone."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..dicom_series import write_phantom, write_series

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
STUDY, CT, SMALL = "1.2.826.0.1.9.1", "1.2.826.0.1.9.2", "1.2.826.0.1.9.3"
TOKEN = "Basic " + b64encode(b"lab:secret").decode()


class Orthanc:
    """A running Orthanc with its DICOMweb plugin."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.url = f"{self.base}/dicom-web"

    def ask(self, path: str, data: bytes | None = None) -> object:
        """Ask Orthanc's own interface."""
        request = urllib.request.Request(
            f"{self.base}{path}", data, headers={"Authorization": TOKEN}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def file(self, instance: str) -> bytes:
        """Return an instance as it is kept."""
        request = urllib.request.Request(
            f"{self.base}/instances/{instance}/file", headers={"Authorization": TOKEN}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    program = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
    if program is None or not PLUGIN.exists():
        pytest.skip("needs Debian's orthanc and orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    port = free_port()
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "index"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": port,
        "DicomPort": free_port(),
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {"lab": "secret"},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, folder / "orthanc.json"], stdout=log, stderr=log)
    server = Orthanc(port)
    try:
        for _ in range(200):
            try:
                server.ask("/system")
                break
            except OSError:
                if process.poll() is not None:
                    pytest.fail((folder / "log").read_text()[-2000:])
                time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def stored(orthanc: Orthanc, tmp_path_factory) -> list[Path]:
    """Return the files of a study that Orthanc holds: a CT, a small series, a localizer."""
    folder = tmp_path_factory.mktemp("study")
    same = {"study": STUDY}
    ct = write_phantom(folder / "ct", 24, side=48, series=CT, **same)
    write_series(folder / "small", [0, 4], series=SMALL, seed=3, side=32, **same)
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_series(folder / "scout", [0], seed=4, ImageType=scout, **same)
    for file in folder.rglob("*.dcm"):
        orthanc.ask("/instances", file.read_bytes())
    return ct


@pytest.fixture
def pacs_of(monkeypatch: pytest.MonkeyPatch):
    """Return a function that names a PACS in the environment and connects to it."""
    from fewshot_lab.pacs import connect

    def named(url: str, token: str = "", seconds: int = 20):
        monkeypatch.setenv("FEWSHOT_LAB_PACS_URL", url)
        monkeypatch.setenv("FEWSHOT_LAB_PACS_TOKEN", token)
        monkeypatch.setenv("FEWSHOT_LAB_PACS_TIMEOUT", str(seconds))
        return connect()

    return named
