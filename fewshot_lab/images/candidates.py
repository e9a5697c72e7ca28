"""What a scan finds and what an examination makes of it."""

from __future__ import annotations

import builtins
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # predict.py carries this text, and all that it imports
    from fewshot_lab.images.volumes import Volume


@dataclass(frozen=True)
class Candidate:
    """A picture that may be imported: one frame of one file, not read yet.

    Attributes
    ----------
    path : str
        Relative to what was imported, with "/" separators, Unicode NFC; frames of files with
        several are told apart as "scan.dcm#3", from 0.
    file : Path
        Where it lies on disk.
    frame : int
    reference : str or None
        The label that came with the data.
    group : str or None
        Patient, slide, video: what must not be split.
    meta : dict
        Further columns of the manifest, each text or number.
    usual_sharpness : float or None
        Of its clip: frames that are black, or blurred beside it, are passed over.
    """

    path: str
    file: Path
    frame: int = 0
    reference: str | None = None
    group: str | None = None
    meta: dict[str, str | float] = field(default_factory=dict)
    usual_sharpness: float | None = None


@dataclass(frozen=True)
class ListedFile:
    """A file of a source, or one frame of it, with what came with it."""

    path: str
    file: Path
    reference: str | None = None
    group: str | None = None
    meta: dict[str, str | float] = field(default_factory=dict)
    frame: int | None = None


@dataclass(frozen=True)
class ExaminedImage:
    """A picture that was read.

    Attributes
    ----------
    candidate : Candidate
    id : str
        See :func:`fewshot_lab.images.pixel_id`.
    width, height : int
        In pixels, upright.
    bytes, mtime_ns : int
        Of the file on disk, as it was before reading.
    thumbnail : bytes
        WebP.
    meta : dict
        The candidate's.
    """

    candidate: Candidate
    id: str
    width: int
    height: int
    bytes: int
    mtime_ns: int
    thumbnail: builtins.bytes
    meta: dict[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True)
class PassedOver:
    """A frame of a clip that shows nothing: "black" or "blurred"."""

    path: str
    reason: str


@dataclass(frozen=True)
class Refused:
    """A file that was left out, and why."""

    path: str
    reason: str


class Scan(Iterator["Candidate | Refused"]):
    """The pictures of a source, found one by one as they are asked for.

    Attributes
    ----------
    total : int
        How many candidates and refused files there are as far as known; grows when a file turns
        out to hold several frames.
    ignored : Counter
        How many files are no pictures by their name (a README, a table), by ending: neither
        candidates nor refused.
    volumes : list of Volume
        Those that were found so far, with all their slices.
    skipped : int
        Slices that the step between slices does not take.
    localizers : int
        Survey images, which are left out.
    notes : list of (path, sentence)
        What is to be known of a clip: text burnt in, an end that is missing.
    """

    def __init__(self) -> None:
        self.total = 0
        self.ignored: Counter[str] = Counter()
        self.volumes: list[Volume] = []
        self.skipped = self.localizers = 0
        self.notes: list[tuple[str, str]] = []
        self._items: Iterator[Candidate | Refused] = iter(())

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> Candidate | Refused:
        return next(self._items)
