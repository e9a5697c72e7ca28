"""What the server keeps at hand for an open project, as arrays in the order of its images."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import MARKER, Project

if TYPE_CHECKING:
    from fewshot_lab.embeddings import Map
    from fewshot_lab.live.session import LiveSession
    from fewshot_lab.live.snapshot import Snapshot

# A label as 16 bits: what it is below, flags above.
UNSURE, REJECT, FIRST_CLASS = 1, 2, 16
KIND_MASK = 0x0FFF
SKIPPED, MACHINE, AUDIT = 0x1000, 0x2000, 0x4000

NOTHING = 255
KEPT_VERSIONS = 64
# For how long the images and the map are taken to be what they were, in seconds.
GOOD_FOR = 0.7
OFFER_GOOD_FOR = 2.0


@dataclass(frozen=True)
class Roll:
    """The images of a project in their order, which only ever grows at its end."""

    ids: list[str]
    row: dict[str, int] = field(repr=False)

    def rows(self, ids: list[str]) -> np.ndarray:
        """Return the rows of images; -1 for one that is not there."""
        return np.array([self.row.get(image_id, -1) for image_id in ids], dtype=np.int64)


@dataclass(frozen=True)
class Codes:
    """Every image's label at a position of the log, as 16-bit codes (n,).

    The version also changes with an audit draw, which is no action of the log.
    """

    version: str
    position: int
    codes: np.ndarray


@dataclass(frozen=True)
class Layout:
    """A map in the order of the project's images; NaN for an image that is not on it yet."""

    source: "Map"
    xy: np.ndarray
    version: str
    head: dict[str, Any]


class Desk:
    """A project with the arrays that the label page is served from.

    Every array runs along a :class:`Roll`: the browser and the server agree on a row without
    sending ids again. Ids, not rows, name images in whatever is stored.
    """

    def __init__(self, project: Project):
        self.project = project
        self._lock = Lock()
        self._roll = Roll([], {})
        self._roll_at = -1e9
        self._codes: OrderedDict[str, Codes] = OrderedDict()
        self._where: tuple[Any, Roll, np.ndarray] | None = None
        self._layout: Layout | None = None
        self._layout_at = -1e9
        self._kept: dict[str, tuple[Any, dict[str, Any]]] = {}
        self._has: tuple[int, dict[str, bool]] | None = None
        # By annotator: what they see (_sight.py keeps it here), and what comes back to them.
        self.sights: dict[str, tuple[Any, Any]] = {}
        self.repeats: dict[str, tuple[Any, Any]] = {}
        self.strategies: dict[str, str] = {}

    @cached_property
    def _marker(self) -> int:
        return (self.project.folder / MARKER).stat().st_ino

    @property
    def standing(self) -> bool:
        """Whether the project is still the one that was opened, not deleted or made anew."""
        try:
            return (self.project.folder / MARKER).stat().st_ino == self._marker
        except OSError:
            return False

    @property
    def live(self) -> "LiveSession":
        """The session that refits behind this project."""
        from fewshot_lab.live.session import LiveSession

        return LiveSession.of(self.project)

    def keep(self, name: str, key: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what was made under a name for this key, or make it."""
        kept = self._kept.get(name)
        if kept is None or kept[0] != key:
            kept = self._kept[name] = (key, make())
        return kept[1]

    def offer(self, *, fresh: bool = False) -> dict[str, Any] | None:
        """Return the other backbone that is offered, as of some seconds ago, or now."""
        from fewshot_lab.project import backbone_offer

        now = time.monotonic()
        moment = now if fresh else int(now / OFFER_GOOD_FOR)

        def look() -> dict[str, Any]:
            try:
                return {"offer": backbone_offer(self.project)}
            except FewshotLabError:
                return {"offer": None}  # a backbone that cannot be had now

        found: dict[str, Any] | None = self.keep("offer", moment, look)["offer"]
        return found

    def roll(self) -> Roll:
        """Return all images in the order of every array here, as of a moment ago."""
        now = time.monotonic()
        if now - self._roll_at > GOOD_FOR:
            ids = self.project.store.ids()
            with self._lock:
                if len(ids) != len(self._roll.ids):
                    self._roll = Roll(ids, {image_id: row for row, image_id in enumerate(ids)})
                self._roll_at = now
        return self._roll

    def layout(self, roll: Roll) -> Layout | None:
        """Return where every image lies on the map; None before there is a map."""
        now = time.monotonic()
        kept = self._layout
        whole = kept is not None and len(kept.xy) == len(roll.ids)
        if whole and now - self._layout_at < GOOD_FOR:
            return kept
        try:
            made = self.project.map
        except FewshotLabError:  # its backbone is gone: the session's message says so
            made = None
        if made is None:
            self._layout = None
            return None
        if kept is not None and whole and kept.source is made:
            self._layout_at = now
            return kept
        xy = np.full((len(roll.ids), 2), np.nan, dtype=np.float32)
        rows = roll.rows(list(made.ids))
        xy[rows[rows >= 0]] = np.asarray(made.xy, dtype=np.float32)[rows >= 0]
        version = hashlib.sha256(xy.tobytes()).hexdigest()[:12]
        layout = Layout(made, xy, version, {"method": made.method, "settings": made.settings})
        with self._lock:
            self._layout, self._layout_at = layout, now
        return layout

    def has(self, what: str) -> bool:
        """Say whether any image has a reference label ("reference") or a group ("group")."""
        n = len(self.roll().ids)
        kept = self._has
        if kept is None or kept[0] != n:
            found = {"reference": False, "group": False}
            for row in self.project.store.images():
                found["reference"] |= row.reference is not None
                found["group"] |= row.group is not None
                if all(found.values()):
                    break
            kept = self._has = (n, found)
        return kept[1][what]

    def codes(self, roll: Roll) -> Codes:
        """Return every image's label as it is now."""
        store = self.project.store
        position = store.position()
        audit = store.audit_ids()
        version = f"{position}.{len(audit)}.{len(roll.ids)}"
        with self._lock:
            kept = self._codes.get(version)
        if kept is not None:
            return kept
        codes = np.zeros(len(roll.ids), dtype=np.uint16)
        for image_id, label in store.labels().items():
            if (row := roll.row.get(image_id)) is None:
                continue
            if label.kind == "class" and label.class_id is not None:
                codes[row] = FIRST_CLASS + label.class_id
            elif label.kind == "unsure":
                codes[row] = UNSURE
            elif label.kind == "reject":
                codes[row] = REJECT
            if label.machine:
                codes[row] |= MACHINE
        for image_ids, flag in ((store.skipped(), SKIPPED), (audit, AUDIT)):
            for image_id in image_ids:
                if (row := roll.row.get(image_id)) is not None:
                    codes[row] |= flag
        made = Codes(version, position, codes)
        self.remember(made)
        return made

    def remember(self, made: Codes) -> None:
        """Keep codes that have been served, to tell later what differs from them."""
        with self._lock:
            self._codes[made.version] = made
            while len(self._codes) > KEPT_VERSIONS:
                self._codes.popitem(last=False)

    def codes_at(self, version: str) -> np.ndarray | None:
        """Return the codes that were served under a version, while they are kept."""
        with self._lock:
            kept = self._codes.get(version)
        return kept.codes if kept else None

    def scores(
        self,
        roll: Roll,
        snapshot: "Snapshot",
        codes: np.ndarray,
        hidden: np.ndarray | None = None,
        veiled: np.ndarray | None = None,
    ) -> dict[str, np.ndarray]:
        """Return what the classifier says of every image.

        Parameters
        ----------
        roll : Roll
        snapshot : Snapshot
        codes : array (n,)
            Labels as whoever asks sees them.
        hidden, veiled : array (n,) of bool, optional
            Images of which nothing may be told that follows from others' labels, and nothing that
            follows from the prediction.

        Returns
        -------
        dict
            ``predicted`` (n,) uint8: place in ``snapshot.class_ids``, 255 for none;
            ``confidence`` (n,) uint16: its probability, 65535 for 1;
            ``doubt`` (n,) uint8: how much it disagrees with the image's label, 255 for wholly.
            An audit image has none of them before it is labelled: whoever labels it must not be
            swayed.
        """
        n = len(codes)
        predicted = np.full(n, NOTHING, dtype=np.uint8)
        confidence = np.zeros(n, dtype=np.uint16)
        doubt = np.zeros(n, dtype=np.uint8)
        P = snapshot.probabilities
        if P is not None and len(snapshot.class_ids):
            where = self._rows_of(roll, snapshot)
            here = where >= 0
            place = np.full(max(snapshot.class_ids) + 2, NOTHING, dtype=np.int64)
            place[list(snapshot.class_ids)] = np.arange(len(snapshot.class_ids))
            predicted[where[here]] = place[np.asarray(snapshot.predicted)[here]]
            confidence[where[here]] = np.round(np.clip(snapshot.confidence[here], 0, 1) * 65535)

            kind = (codes[where[here]] & KIND_MASK).astype(np.int64)
            label = np.where(kind >= FIRST_CLASS, kind - FIRST_CLASS, len(place) - 1)
            label = np.where(label < len(place), label, len(place) - 1)
            column = place[label]
            known = column != NOTHING
            of_label = P[here][np.flatnonzero(known), column[known]]
            doubt[where[here][known]] = np.round((1 - np.clip(of_label, 0, 1)) * 255)
            # For labelled images the doubt of a classifier that has not seen them weighs more.
            suspected = roll.rows([suspect.image_id for suspect in snapshot.suspects])
            for row, suspect in zip(suspected, snapshot.suspects, strict=True):
                if row >= 0:
                    doubt[row] = max(int(doubt[row]), round(255 * float(suspect.probability)))

        unheard = ((codes & AUDIT) != 0) & ((codes & KIND_MASK) == 0)
        if veiled is not None:
            unheard |= veiled
        predicted[unheard] = NOTHING
        confidence[unheard] = 0
        if hidden is not None:
            doubt[hidden | unheard] = 0
        return {"predicted": predicted, "confidence": confidence, "doubt": doubt}

    def _rows_of(self, roll: Roll, snapshot: "Snapshot") -> np.ndarray:
        kept = self._where
        if kept is not None and kept[0] is snapshot.ids and kept[1] is roll:
            return kept[2]
        where = roll.rows(snapshot.ids)
        self._where = (snapshot.ids, roll, where)
        return where


_desks: dict[str, Desk] = {}
_lock = Lock()


def desk_of(name: str) -> Desk:
    """Return the desk of a project, opened on first use and again after it was made anew.

    Raises
    ------
    FewshotLabError
        Where there is no such project.
    """
    from fewshot_lab.home import home

    key = str(home() / name)
    with _lock:
        desk = _desks.get(key)
        if desk is not None and desk.standing:
            return desk
        desk = Desk(Project.open(name))
        _desks[key] = desk
        return desk


def forget(name: str) -> None:
    """Let go of a project, which is about to be deleted."""
    from fewshot_lab.home import home

    with _lock:
        desk = _desks.pop(str(home() / name), None)
    if desk is not None:
        desk.live.close()
