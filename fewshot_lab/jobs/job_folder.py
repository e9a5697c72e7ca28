"""The files of a job's folder, and ``spec.json``: what the job is."""

from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json, write_json

SPEC = "spec.json"
STATUS = "status.json"
PROCESS = "process.json"
STOP = "stop"
NOW = "now"
LOG = "log.txt"
REPORT = "report.json"


def read_spec(folder: Path) -> dict[str, Any] | None:
    """Return what the job of a folder is; None where the folder is none of a job."""
    return read_json(folder / SPEC)


def change_spec(folder: Path, **facts: Any) -> None:
    """Write facts of a job, beside those it has.

    Raises
    ------
    FewshotLabError
        If they cannot be written.
    """
    try:
        write_json(folder / SPEC, {**(read_spec(folder) or {}), **facts})
    except OSError as error:
        raise FewshotLabError(
            f"{folder / SPEC} could not be written ({error.strerror}): make room on its disk, or "
            "make it writable."
        ) from error
