"""Images and files as they go into the store and come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True)
class NewImage:
    """A picture to add.

    Attributes
    ----------
    id : str
        From its pixels; see :func:`fewshot_lab.images.pixel_id`.
    path : str
        Relative to what was imported, with "/".
    file : str
        Where it is read from: absolute, or relative to the project's folder.
    frame : int
        Frame within ``file``, from 0.
    bytes, mtime_ns : int
        Size and time of the source, by which a later import knows that it is unchanged.
    reference : str or None
        The label that came with it.
    group : str or None
        Patient, slide, video: what must not be torn apart by a split.
    meta : mapping
        Further columns.
    source, source_frame
        The file it came from, where ``file`` is a copy; else ``file`` and ``frame``.
    """

    id: str
    path: str
    file: str
    frame: int
    width: int
    height: int
    bytes: int
    mtime_ns: int
    reference: str | None = None
    group: str | None = None
    meta: Mapping[str, str | float] = field(default_factory=dict)
    source: str | None = None
    source_frame: int | None = None


@dataclass
class AddReport:
    """What :meth:`Store.add_images` did.

    Attributes
    ----------
    added : list of str
        Ids of pictures that were not there.
    duplicates : list of (path, id)
        Files whose picture was there already, under another file.
    unchanged : int
        Files that were there already, with the same picture.
    conflicts : list of (path, id)
        Files whose reference label contradicts the one stored; the stored one stands.
    """

    added: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    unchanged: int = 0
    conflicts: list[tuple[str, str]] = field(default_factory=list)


class ImageRow(NamedTuple):
    """A distinct picture, with the first file that leads to it."""

    id: str
    path: str
    file: str
    frame: int
    width: int
    height: int
    bytes: int
    group: str | None
    reference: str | None
    meta: dict[str, str | float]
    ordinal: int


@dataclass(frozen=True)
class ImageColumns:
    """What groups and test sets follow from, of all n images in their order.

    Attributes
    ----------
    ids, paths : list of str
    groups : list of str or None
    metas : list of mapping
        Images that say the same may share one.
    """

    ids: list[str]
    paths: list[str]
    groups: list[str | None]
    metas: list[Mapping[str, str | float]]

    def __len__(self) -> int:
        return len(self.ids)


class FileRow(NamedTuple):
    """A file that leads to a picture; exact duplicates share the picture."""

    path: str
    image_id: str
    file: str
    frame: int


@dataclass(frozen=True)
class AuditDraw:
    """Images drawn at random from a pool, to measure and never to train."""

    id: int
    time: datetime
    pool_size: int
    strategy: str
    image_ids: tuple[str, ...]
