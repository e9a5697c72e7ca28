"""Start Fewshot Lab from a clean clone: ``python start.py``.

Makes a virtual environment in ``.venv``, installs what the app needs in the releases of
``requirements.lock``, and opens the app. Later starts go straight to the app. Needs nothing but
Python itself. What follows goes to ``python -m fewshot_lab serve``: ``--port``, ``--host``,
``--home``.

Environment: ``FEWSHOT_LAB_VENV`` (where the virtual environment is), ``FEWSHOT_LAB_PYTHON`` (the
Python that it is made with, in ``.venv-NAME`` then, else the one that runs this).
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so before anything fails
    sys.exit(
        "Fewshot Lab needs Python 3.11 or newer, and this is {}.{}: install a newer Python and "
        "run this again with it.".format(*sys.version_info[:2])
    )

import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCK = "requirements.lock"


def environment(requirements: str) -> Path:
    """Return the Python of a virtual environment that holds what a requirements file asks for.

    A stamp in the environment remembers what was installed, so that a second call is quick.
    """
    chosen = os.environ.get("FEWSHOT_LAB_PYTHON")
    place = ROOT / (f".venv-{Path(chosen).name}" if chosen else ".venv")
    folder = Path(os.environ.get("FEWSHOT_LAB_VENV") or place).expanduser().absolute()
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = _stamp(ROOT / requirements)
    stamp = folder / f".installed-{Path(requirements).stem}"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    # An environment whose making was interrupted has a Python but no pip.
    if not python.exists() or subprocess.run([*pip, "--version"], capture_output=True).returncode:
        print(f"Making a virtual environment in {folder}", flush=True)
        if subprocess.run([chosen or sys.executable, "-m", "venv", str(folder)]).returncode:
            sys.exit(
                "The virtual environment could not be made: see the lines above (on Debian and "
                "Ubuntu the package python3-venv is needed)."
            )
    print(f"Installing {requirements}: some minutes the first time", flush=True)
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    install = [*pip, "install", *quiet, "-r", str(ROOT / requirements), "-c", str(ROOT / LOCK)]
    if subprocess.run(install).returncode:
        sys.exit(
            "Installing failed: see the lines above. With an internet connection, run this again; "
            "it continues where it stopped."
        )
    for part in _files(ROOT / requirements):
        (folder / f".installed-{part.stem}").write_text(_stamp(part))
    return python


def _files(requirements: Path) -> list[Path]:
    """Return a requirements file and those that it includes."""
    files = [requirements]
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            files += _files(requirements.parent / line[3:].strip())
    return files


def _stamp(requirements: Path) -> str:
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for file in [ROOT / LOCK, *_files(requirements)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def main() -> int:
    """Install if needed, then run the app until it is stopped."""
    python = environment("requirements.txt")
    command = [str(python), "-m", "fewshot_lab", "serve", *sys.argv[1:]]
    # The package runs from this folder, while a relative --home means the caller's.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    )
    if os.name != "nt":
        os.execv(command[0], command)
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main())
