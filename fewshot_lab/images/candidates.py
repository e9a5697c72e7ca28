"""What a scan finds and what an examination makes of it."""

import builtins
from dataclasses import dataclass, field
from pathlib import Path


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
    """

    path: str
    file: Path
    frame: int = 0
    reference: str | None = None
    group: str | None = None
    meta: dict[str, str | float] = field(default_factory=dict)


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
class Refused:
    """A file that was left out, and why."""

    path: str
    reason: str
