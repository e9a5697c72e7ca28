"""The folders of runs, by name."""

from __future__ import annotations

import re
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.home import RUNS, home

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def free_name(stem: str) -> str:
    """Return the first of ``stem-1``, ``stem-2``, ... that no run has."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "run"
    number = 1
    while (home() / RUNS / f"{stem[:56]}-{number}").exists():
        number += 1
    return f"{stem[:56]}-{number}"


def new_folder(name: str) -> Path:
    """Make the folder of a new run.

    Raises
    ------
    FewshotLabError
        For a name that cannot be one or is taken.
    """
    if not _NAME.fullmatch(name):
        raise FewshotLabError(
            f"{name!r} cannot name a run: take letters, digits, dots, dashes and underscores, "
            "a letter or digit first, at most 64."
        )
    folder = home() / RUNS / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise FewshotLabError(
            f"There is a run {name!r} already: take another name, or resume it with --resume."
        ) from None
    except OSError as error:
        raise FewshotLabError(f"{folder} cannot be made: {error.strerror}.") from None
    return folder
