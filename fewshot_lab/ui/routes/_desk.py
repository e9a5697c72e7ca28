"""What the server keeps at hand for an open project, as arrays in the order of its images."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.project import Project

if TYPE_CHECKING:
    from fewshot_lab.embeddings import Map
    from fewshot_lab.live import LiveSession, Snapshot

# A label as 16 bits: what it is below, flags above.
UNSURE, REJECT, FIRST_CLASS = 1, 2, 16
KIND_MASK = 0x0FFF
SKIPPED, MACHINE, AUDIT = 0x1000, 0x2000, 0x4000

NOTHING = 255
KEPT_VERSIONS = 64


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

    Every array runs along ``store.ids()``: that order only ever grows at its end, so the browser
    and the server agree on a row without sending ids again. Ids, not rows, name images in
    whatever is stored.
    """

    def __init__(self, project: Project):
        self.project = project
        self._lock = Lock()
        self._ids: list[str] = []
        self._rows: dict[str, int] = {}
        self._codes: OrderedDict[str, Codes] = OrderedDict()
        self._where: tuple[Any, np.ndarray] | None = None
        self._layout: Layout | None = None
        self._has: tuple[int, dict[str, bool]] | None = None

    @property
    def live(self) -> "LiveSession":
        """The session that refits behind this project."""
        from fewshot_lab.live import LiveSession

        return LiveSession.of(self.project)

    def ids(self) -> list[str]:
        """Return all image ids, in the order of every array here."""
        ids = self.project.store.ids()
        with self._lock:
            if len(ids) != len(self._ids):
                self._ids = ids
                self._rows = {image_id: row for row, image_id in enumerate(ids)}
                self._codes.clear()
                self._where = self._layout = None
            return self._ids

    def rows(self, ids: list[str]) -> np.ndarray:
        """Return the rows of images; -1 for one that is not in the project."""
        self.ids()
        return np.array([self._rows.get(image_id, -1) for image_id in ids], dtype=np.int64)

    def layout(self) -> "Layout | None":
        """Return where every image lies on the map; None before there is a map."""
        made = self.project.map
        if made is None:
            return None
        ids = self.ids()
        with self._lock:
            kept = self._layout
        if kept is not None and kept.source is made and len(kept.xy) == len(ids):
            return kept
        xy = np.full((len(ids), 2), np.nan, dtype=np.float32)
        rows = self.rows(list(made.ids))
        xy[rows[rows >= 0]] = np.asarray(made.xy, dtype=np.float32)[rows >= 0]
        version = hashlib.sha256(xy.tobytes()).hexdigest()[:12]
        layout = Layout(made, xy, version, {"method": made.method, "settings": made.settings})
        with self._lock:
            self._layout = layout
        return layout

    def has(self, field: str) -> bool:
        """Say whether any image has a reference label ("reference") or a group ("group")."""
        ids = self.ids()
        with self._lock:
            kept = self._has
        if kept is None or kept[0] != len(ids):
            found = {"reference": False, "group": False}
            for row in self.project.store.images():
                found["reference"] |= row.reference is not None
                found["group"] |= row.group is not None
                if all(found.values()):
                    break
            kept = (len(ids), found)
            with self._lock:
                self._has = kept
        return kept[1][field]

    def codes(self) -> "Codes":
        """Return every image's label as it is now."""
        store = self.project.store
        ids = self.ids()
        position = store.position()
        audit = store.audit_ids()
        version = f"{position}.{len(audit)}.{len(ids)}"
        with self._lock:
            kept = self._codes.get(version)
        if kept is not None:
            return kept
        codes = np.zeros(len(ids), dtype=np.uint16)
        rows = self._rows
        for image_id, label in store.labels().items():
            if (row := rows.get(image_id)) is None:
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
                if (row := rows.get(image_id)) is not None:
                    codes[row] |= flag
        made = Codes(version, position, codes)
        with self._lock:
            self._codes[version] = made
            while len(self._codes) > KEPT_VERSIONS:
                self._codes.popitem(last=False)
        return made

    def codes_at(self, version: str) -> np.ndarray | None:
        """Return the codes that were served under a version, while they are kept."""
        with self._lock:
            kept = self._codes.get(version)
        return kept.codes if kept else None

    def scores(self, snapshot: "Snapshot", codes: np.ndarray) -> dict[str, np.ndarray]:
        """Return what the classifier says of every image.

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
        where = self._rows_of(snapshot)
        predicted = np.full(n, NOTHING, dtype=np.uint8)
        confidence = np.zeros(n, dtype=np.uint16)
        doubt = np.zeros(n, dtype=np.uint8)
        P = snapshot.probabilities
        if P is not None and len(snapshot.class_ids):
            place = np.full(max(snapshot.class_ids) + 2, NOTHING, dtype=np.int64)
            place[list(snapshot.class_ids)] = np.arange(len(snapshot.class_ids))
            there = np.asarray(snapshot.predicted)
            here = where >= 0
            predicted[where[here]] = place[there[here]]
            confidence[where[here]] = np.round(np.clip(snapshot.confidence[here], 0, 1) * 65535)

            kind = (codes[where[here]] & KIND_MASK).astype(np.int64)
            label = np.where(kind >= FIRST_CLASS, kind - FIRST_CLASS, len(place) - 1)
            label = np.where(label < len(place), label, len(place) - 1)
            column = place[label]
            known = column != NOTHING
            of_label = P[here][np.flatnonzero(known), column[known]]
            doubt[where[here][known]] = np.round((1 - np.clip(of_label, 0, 1)) * 255)
            # For labelled images the doubt of a classifier that has not seen them weighs more.
            suspected = self.rows([suspect.image_id for suspect in snapshot.suspects])
            for row, suspect in zip(suspected, snapshot.suspects, strict=True):
                if row >= 0:
                    doubt[row] = max(int(doubt[row]), round(255 * float(suspect.probability)))

        hidden = ((codes & AUDIT) != 0) & ((codes & KIND_MASK) == 0)
        predicted[hidden] = NOTHING
        confidence[hidden] = 0
        return {"predicted": predicted, "confidence": confidence, "doubt": doubt}

    def _rows_of(self, snapshot: "Snapshot") -> np.ndarray:
        with self._lock:
            if self._where is not None and self._where[0] is snapshot.ids:
                return self._where[1]
        where = self.rows(list(snapshot.ids))
        with self._lock:
            self._where = (snapshot.ids, where)
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
        if desk is not None and (desk.project.folder / "project.json").exists():
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
