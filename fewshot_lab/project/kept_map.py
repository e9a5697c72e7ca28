"""The map of a project's embeddings, read again only where its file has changed."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fewshot_lab.embeddings import Map


class KeptMap:
    """The map as it was read last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._map: tuple[Any, Map] | None = None

    def load(self, folder: Path) -> Map | None:
        """Return the map in a folder as it stands, or None."""
        from fewshot_lab.embeddings import load_map, map_stamp

        with self._lock:
            stamp = map_stamp(folder)
            if stamp is None:
                return None
            key = (folder.name, stamp)
            if self._map is None or self._map[0] != key:
                loaded = load_map(folder)
                self._map = (key, loaded) if loaded is not None else None
            return None if self._map is None else self._map[1]
