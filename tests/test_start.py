"""The first command: from Python alone to an environment, and quickly from then on."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import start

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the one clone of these tests: making an environment takes a while."""
    return tmp_path_factory.mktemp("clone")


@pytest.fixture
def clone(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose requirements can be met without a network."""
    (made / "requirements.txt").write_text("# nothing\n")
    (made / "requirements-dev.txt").write_text("-r requirements.txt\n")
    (made / "requirements.lock").write_text("# nothing\n")
    monkeypatch.setattr(start, "ROOT", made)
    monkeypatch.delenv("FEWSHOT_LAB_VENV", raising=False)
    monkeypatch.delenv("FEWSHOT_LAB_PYTHON", raising=False)
    return made


@pytest.mark.parametrize("script", ["start.py", "check.py"])
def test_an_old_python_is_told_what_to_do(script, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    monkeypatch.delitem(sys.modules, "start", raising=False)
    monkeypatch.syspath_prepend(str(ROOT))
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and this is 3\.9"):
        runpy.run_path(str(ROOT / script), run_name="__main__")


def test_the_environment_is_made_once_and_again_when_requirements_change(clone, monkeypatch):
    python = start.environment("requirements-dev.txt")
    assert python.is_relative_to(clone / ".venv")
    said = subprocess.run(
        [str(python), "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True
    )
    assert Path(said.stdout.strip()) == clone / ".venv"

    run = subprocess.run
    calls = []
    monkeypatch.setattr(
        start.subprocess,
        "run",
        lambda command, **rest: calls.append(command) or run(command, **rest),
    )
    start.environment("requirements-dev.txt")
    start.environment("requirements.txt")  # part of the other: installed with it
    assert calls == []

    (clone / "requirements.txt").write_text("# still nothing\n")
    start.environment("requirements-dev.txt")
    assert [call[4] for call in calls] == ["--version", "install"]

    calls.clear()
    (clone / "requirements.lock").write_text("nothing==1\n")
    start.environment("requirements.txt")
    assert calls[1][-2:] == ["-c", str(clone / "requirements.lock")]


def test_an_installation_that_failed_is_done_again(clone):
    (clone / "requirements.txt").write_text("./missing-package\n")
    with pytest.raises(SystemExit, match="Installing failed"):
        start.environment("requirements.txt")
    (clone / "requirements.txt").write_text("# nothing\n")
    assert start.environment("requirements.txt").exists()


def test_an_environment_whose_making_was_interrupted_is_made_again(clone):
    python = start.environment("requirements.txt")
    packages = next((clone / ".venv").rglob("site-packages"))
    for unwritten in [*packages.glob("pip-*"), packages / "pip" / "_internal"]:
        shutil.rmtree(unwritten)
    (clone / "requirements.txt").write_text("# something else\n")
    assert start.environment("requirements.txt") == python
    assert not subprocess.run([str(python), "-m", "pip", "--version"]).returncode


def test_the_environment_can_live_elsewhere(clone, monkeypatch, tmp_path):
    start.environment("requirements.txt")
    elsewhere = (clone / ".venv").rename(tmp_path / "elsewhere")
    monkeypatch.setenv("FEWSHOT_LAB_VENV", str(elsewhere))
    assert start.environment("requirements.txt").is_relative_to(elsewhere)
    assert not (clone / ".venv").exists()


def test_another_python_gets_an_environment_of_its_own(clone, monkeypatch):
    folder = clone / ".venv-python3.99"
    calls = []

    def run(command, **rest):
        calls.append(command)
        folder.mkdir(exist_ok=True)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(start.subprocess, "run", run)
    monkeypatch.setenv("FEWSHOT_LAB_PYTHON", "/opt/python3.99")
    assert start.environment("requirements.txt").is_relative_to(folder)
    assert calls[0] == ["/opt/python3.99", "-m", "venv", str(folder)]


def test_the_lock_holds_a_release_of_all_that_is_asked_for():
    lock = (ROOT / "requirements.lock").read_text()
    for file in ("requirements.txt", "requirements-dev.txt"):
        for name in re.findall(r"^[a-zA-Z][\w-]*", (ROOT / file).read_text(), re.MULTILINE):
            assert re.search(rf"^{name.replace('_', '-')}==", lock, re.MULTILINE), name


@pytest.mark.skipif(os.name == "nt", reason="a POSIX script")
def test_ci_runs_the_same_checks():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "python3 check.py" in script.read_text()
