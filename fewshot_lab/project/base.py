"""An open project: its folder and its rows."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from threading import RLock

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.places import MARKER
from fewshot_lab.store import Store


class Opened:
    """The lowest layer of a project."""

    def __init__(self, folder: Path, store: Store):
        self.folder = folder
        self.store = store
        self._lock = RLock()

    def __repr__(self) -> str:
        return f"Project({self.name!r}, home={str(self.folder.parent)!r})"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def title(self) -> str:
        """What people call the project: its folder's name, or what :meth:`rename` said.

        A title belongs to the folder it was given in: a copy of that folder, or the folder under
        another name, goes by its own name until it gets a title.
        """
        given_in = self.store.get("titled")
        if given_in is None:
            given_in = json.loads((self.folder / MARKER).read_text(encoding="utf-8")).get("name")
        if given_in != self.name:
            return self.name
        return str(self.store.get("title") or self.name)

    def rename(self, title: str) -> None:
        """Give the project another title; its folder stays.

        Raises
        ------
        FewshotLabError
            For a title of nothing but spaces.
        """
        title = " ".join(title.split())
        if not title:
            raise FewshotLabError("A project needs a title.")
        self.store.set("title", title)
        self.store.set("titled", self.name)

    def touch(self) -> None:
        """Note that somebody uses the project now."""
        self.store.set("last_used", time.time())

    def close(self) -> None:
        """Let go of the database."""
        self.store.close()

    def delete(self) -> None:
        """Delete the project with its labels; images that were referenced in place stay."""
        self.store.drop()
        self.store.close()
        shutil.rmtree(self.folder)

    def _absolute(self, file: str) -> Path:
        path = Path(file)
        return path if path.is_absolute() else self.folder / path
