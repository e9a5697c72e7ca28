"""What the server keeps at hand for an open project, as arrays in the order of its images."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.embeddings import Map
from fewshot_lab.errors import FewshotLabError, NoProject
from fewshot_lab.home import MARKER, home
from fewshot_lab.live.image_order import ImageOrder
from fewshot_lab.live.label_codes import LabelCodes, current_codes
from fewshot_lab.live.session import LiveSession
from fewshot_lab.project import Project, backbone_offer
from fewshot_lab.store import MAX_CLASSES

T = TypeVar("T")
KEPT_VERSIONS = 64
REREAD_SECONDS = 0.7
"""For how long the images and the map are taken to be what they were."""
OFFER_SECONDS = 2.0


@dataclass(frozen=True)
class MapLayout:
    """A map in the order of the project's images; NaN for an image that is not on it yet."""

    source: Map
    xy: NDArray[np.float32]
    version: str


class PageState:
    """A project with the arrays that the label page is served from.

    Every array runs along an :class:`ImageOrder`: the browser and the server agree on a row
    without sending ids again. Ids, not rows, name images in whatever is stored.
    """

    def __init__(self, project: Project):
        self.project = project
        self._lock = Lock()
        self._order = ImageOrder([], {})
        self._order_read_at = -1e9
        self._codes: OrderedDict[str, LabelCodes] = OrderedDict()
        self._layout: MapLayout | None = None
        self._layout_read_at = -1e9
        self._rows: tuple[list[str], ImageOrder, NDArray[np.int64]] | None = None
        self._cache: dict[Hashable, tuple[Any, Any]] = {}
        # By which strategy each image was suggested, to be kept with its label.
        self.strategies: dict[str, str] = {}
        # When each annotator did something last (monotonic seconds).
        self.acted_at: dict[str, float] = {}
        # What pages are answered from, by viewer; here, so that it goes with the project.
        self.page_contents: OrderedDict[str, Any] = OrderedDict()

    @cached_property
    def _marker(self) -> int:
        return (self.project.folder / MARKER).stat().st_ino

    @property
    def is_current(self) -> bool:
        """Whether the project is still the one that was opened, not deleted or made anew."""
        try:
            return (self.project.folder / MARKER).stat().st_ino == self._marker
        except OSError:
            return False

    @property
    def live(self) -> LiveSession:
        """The session that refits behind this project."""
        return LiveSession.of(self.project)

    def cached(self, name: Hashable, key: Any, make: Callable[[], T]) -> T:
        """Return what was made under a name for this key, or make it; one key is kept a name."""
        kept = self._cache.get(name)
        if kept is None or kept[0] != key:
            kept = self._cache[name] = (key, make())
        value: T = kept[1]
        return value

    def offer(self, *, fresh: bool = False) -> dict[str, Any] | None:
        """Return the other backbone that is offered, as of some seconds ago, or now."""
        now = time.monotonic()

        def look() -> dict[str, Any] | None:
            try:
                return backbone_offer(self.project)
            except FewshotLabError:
                return None  # a backbone that cannot be had now

        return self.cached("offer", now if fresh else int(now / OFFER_SECONDS), look)

    def order(self) -> ImageOrder:
        """Return all images in the order of every array here, as of a moment ago."""
        now = time.monotonic()
        if now - self._order_read_at > REREAD_SECONDS:
            ids = self.project.store.ids()
            with self._lock:
                if len(ids) != len(self._order.ids):
                    self._order = ImageOrder(
                        ids, {image_id: row for row, image_id in enumerate(ids)}
                    )
                self._order_read_at = now
        return self._order

    def rows_of(self, ids: list[str], order: ImageOrder) -> NDArray[np.int64]:
        """Return the rows of a snapshot's images, looked up once for the same list."""
        kept = self._rows
        if kept is None or kept[0] is not ids or kept[1] is not order:
            kept = self._rows = (ids, order, order.rows(ids))
        return kept[2]

    def layout(self, order: ImageOrder) -> MapLayout | None:
        """Return where every image lies on the map; None before there is a map."""
        now = time.monotonic()
        kept = self._layout
        whole = kept is not None and len(kept.xy) == len(order.ids)
        if whole and now - self._layout_read_at < REREAD_SECONDS:
            return kept
        try:
            source = self.project.map
        except FewshotLabError:  # its backbone is gone: the session's message says so
            source = None
        if source is None:
            self._layout = None
            return None
        if kept is not None and whole and kept.source is source:
            self._layout_read_at = now
            return kept
        xy = np.full((len(order.ids), 2), np.nan, dtype=np.float32)
        rows = order.rows(source.ids)
        xy[rows[rows >= 0]] = np.asarray(source.xy, dtype=np.float32)[rows >= 0]
        layout = MapLayout(source, xy, hashlib.sha256(xy.tobytes()).hexdigest()[:12])
        with self._lock:
            self._layout, self._layout_read_at = layout, now
        return layout

    def columns(self) -> list[str]:
        """Return the names of the metadata columns, read again after each import."""
        key = self.project.splits.revision, len(self.order().ids)
        return self.cached("columns", key, self.project.store.columns)

    def has_groups(self) -> bool:
        """Say whether any image has a group."""
        return self.cached("groups", len(self.order().ids), self.project.store.has_groups)

    def reference_names(self) -> list[str]:
        """Return the names of the reference labels, up to one more than classes there can be.

        They tell nothing of any one image.
        """
        key, most = len(self.order().ids), MAX_CLASSES + 1
        return self.cached("reference names", key, lambda: self.project.store.reference_names(most))

    def codes(self, order: ImageOrder) -> LabelCodes:
        """Return every image's label as it is now."""
        store = self.project.store
        position, audit = store.position(), store.audit_ids()
        version = f"{position}.{len(audit)}.{len(order.ids)}"
        with self._lock:
            kept = self._codes.get(version)
        if kept is not None:
            return kept
        codes = LabelCodes(version, position, current_codes(store, order, audit))
        self.remember(codes)
        return codes

    def remember(self, codes: LabelCodes) -> None:
        """Keep codes that have been served, to tell later what differs from them."""
        with self._lock:
            self._codes[codes.version] = codes
            while len(self._codes) > KEPT_VERSIONS:
                self._codes.popitem(last=False)

    def codes_at(self, version: str) -> NDArray[np.uint16] | None:
        """Return the codes that were served under a version, while they are kept."""
        with self._lock:
            kept = self._codes.get(version)
        return kept.codes if kept else None


_states: dict[str, PageState] = {}
_lock = Lock()


def page_state_of(name: str) -> PageState:
    """Return the page state of a project, opened on first use and again after it was made anew.

    Raises
    ------
    FewshotLabError
        Where there is no such project. The browser names no other folder of this machine.
    """
    if Path(name).is_absolute():
        raise NoProject(f"There is no project named {name!r}.")
    key = str(home() / name)
    with _lock:
        state = _states.get(key)
        if state is None or not state.is_current:
            state = _states[key] = PageState(Project.open(name))
        return state


def forget(name: str) -> None:
    """Let go of a project, which is about to be deleted."""
    with _lock:
        state = _states.pop(str(home() / name), None)
    if state is not None:
        state.live.close()
