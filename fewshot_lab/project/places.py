"""Where projects lie: their folders, and the databases of their rows."""

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from fewshot_lab import home as _home
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json
from fewshot_lab.home import MARKER

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,63}")
DATABASE = "project.sqlite"


def folder_of(name: str, home: Path | str | None) -> Path:
    """Return the folder that a project of this name has, or would have."""
    if not NAME.fullmatch(name) or name.endswith((" ", ".")):
        raise FewshotLabError(
            f"{name!r} cannot be a project's name: use up to 64 letters (A to Z), digits, "
            "spaces, dots, dashes and underscores, beginning with a letter or digit."
        )
    return (Path(home) if home is not None else _home.home()) / name


def existing(name: str, home: Path | str | None) -> Path | None:
    """Return the folder of a project that is there, even one that a copy named "blood (2)"."""
    return next((folder for folder in folders(home) if folder.name == name), None)


def folders(home: Path | str | None, *, damaged: bool = False) -> Iterable[Path]:
    """Return the folder of every project; with ``damaged`` also those that have been one."""
    base = Path(home) if home is not None else _home.home()
    if not base.is_dir():
        return []
    marks = (MARKER, DATABASE) if damaged else (MARKER,)
    return sorted(
        p
        for p in base.iterdir()
        if p.name != "lost+found"
        and (any(os.path.lexists(p / mark) for mark in marks) or (damaged and is_closed(p)))
    )


def is_closed(folder: Path) -> bool:
    """Say whether a folder cannot be looked into: it may hold a project."""
    return folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK)


def server_url() -> str | None:
    """Return the database server that new projects' rows go to; None for a file of their own."""
    return os.environ.get("FEWSHOT_LAB_DATABASE") or None


def database(
    folder: Path, project_id: str | None = None, *, on_server: bool = False
) -> tuple[str | Path, str | None]:
    """Return where a project's rows are: a file of its own, or a schema of the named server.

    The file wins where there is one: so one home may hold projects of both kinds, and a project
    is moved by putting its file into its place or taking it away.

    With ``on_server``, return where the server has them, or would have them.

    The schema is named by the project's UUID, as two homes may have projects of one name, and by
    its folder, as a copy of a folder is another project.
    """
    if (url := server_url()) and (on_server or not (folder / DATABASE).exists()):
        # At most the 63 characters of PostgreSQL, and different for "a b" and "a_b".
        mark = hashlib.sha256(folder.name.encode()).hexdigest()[:8]
        name = re.sub(r"[^a-z0-9]", "_", folder.name.lower())
        known = project_id or str((read_json(folder / MARKER) or {}).get("id"))
        if not re.fullmatch("[0-9a-f]{32}", known):  # from before projects had one
            return url, f"fewshot_{name[:40]}_{mark}"
        return url, f"fewshot_{name[:12]}_{mark}_{known}"
    return folder / DATABASE, None
