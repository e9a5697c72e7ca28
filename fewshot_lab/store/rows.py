"""What goes into the store and what comes out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

Kind = Literal["class", "unsure", "reject", "clear", "skip"]
KINDS: tuple[Kind, ...] = ("class", "unsure", "reject", "clear", "skip")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(microseconds: int) -> datetime:
    """Turn a stored time into a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(at: datetime) -> int:
    """Turn a datetime into a stored time; one without a zone is local time."""
    return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)


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


@dataclass(frozen=True)
class AddReport:
    """What :meth:`Store.add_images` did.

    Attributes
    ----------
    added : list of str
        Ids of pictures that were not there.
    duplicates : list of (path, id)
        Files whose picture was there already, under another file.
    known : int
        Files that were there already, with the same picture.
    conflicts : list of (path, id)
        Files whose reference label contradicts the one stored; the stored one stands.
    """

    added: list[str]
    duplicates: list[tuple[str, str]]
    known: int
    conflicts: list[tuple[str, str]]


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


class FileRow(NamedTuple):
    """A file that leads to a picture; exact duplicates share the picture."""

    path: str
    image_id: str
    file: str
    frame: int


@dataclass(frozen=True)
class ClassRow:
    """A class as it is now.

    Attributes
    ----------
    position : int
        Place in the list, from 0; retired and merged classes come after the others.
    retired : bool
        Not offered, and its labels rest until it is restored.
    merged_into : int or None
        The class that its labels count for.
    """

    id: int
    name: str
    color: str
    position: int
    retired: bool
    merged_into: int | None


@dataclass(frozen=True)
class LabelAction:
    """One thing an annotator did: one label for one image or for many.

    Attributes
    ----------
    client, q : str, int
        Name the action: whoever resends it with the same two stores nothing new.
    kind : "class", "unsure", "reject", "clear" or "skip"
    class_id : int or None
        For kind "class".
    image_ids : sequence of str
    view : str
        Where it came from: "map", "grid", "suggestion", "neighbours", "suspects", "class",
        "search", "import", "accept", "script", "adjudication" (a senior decides).
    strategy : str or None
        By which a suggestion was chosen.
    shown : mapping from image id to (class id, probability), or None
        The prediction that was on screen.
    spent_ms : int or None
    machine : bool
        The classifier's answer was taken over without a look at each image.
    note : str or None
    class_of : mapping from image id to class id, or None
        Each image its own class, in one action (``class_id`` is None then); "unsure", "reject"
        and "clear" may stand for a class id.
    concealed : mapping from image id to (class id, probability), or None
        The prediction that was hidden from the annotator.
    apart : collection of str
        Images of which the annotator could not see what others had said.
    repeats : mapping from image id to event id, or None
        The annotator's own earlier label, where the image came back as if it had none.
    """

    client: str
    q: int
    annotator: str
    kind: str
    class_id: int | None
    image_ids: Sequence[str]
    view: str = "grid"
    strategy: str | None = None
    shown: Mapping[str, tuple[int, float]] | None = None
    spent_ms: int | None = None
    machine: bool = False
    note: str | None = None
    class_of: Mapping[str, int | str] | None = None
    concealed: Mapping[str, tuple[int, float]] | None = None
    apart: Collection[str] = ()
    repeats: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Undone:
    """What an undo or a redo did.

    Attributes
    ----------
    action_id : int
        The action that was undone or redone.
    sentence : str
        For the screen: ``"12 images → monocyte undone"``.
    image_ids : list of str
        The images of which the annotator's opinion changed.
    position : int
        The log's position after it.
    """

    action_id: int
    sentence: str
    image_ids: list[str]
    position: int


class Label(NamedTuple):
    """The current label of an image, or one annotator's opinion of it.

    ``kind`` is "class", "unsure" or "reject"; ``class_id`` has merges resolved; ``annotator``,
    ``time`` and ``event_id`` are of the event that said it, also where undo brought it back.
    ``decided`` tells that a senior settled it; ``shares`` holds (class id, share of the opinions)
    where annotators differ and every opinion counts.
    """

    kind: str
    class_id: int | None
    annotator: str
    event_id: int
    time: datetime
    machine: bool
    decided: bool = False
    shares: tuple[tuple[int, float], ...] = ()

    @property
    def teaches(self) -> bool:
        """Whether a person said a class: only such a label may train or measure a classifier.

        A prediction that was accepted in bulk is the classifier's own opinion. Learning from it
        makes the next one surer, not better, and counting it makes every figure look better.
        """
        return self.kind == "class" and not self.machine


@dataclass(frozen=True)
class Counts:
    """How many images carry which label: ``counts[class_id]``, ``.unsure``, ``.reject``."""

    classes: dict[int, int]
    unsure: int
    reject: int

    def __getitem__(self, what: int | str) -> int:
        if what == "unsure":
            return self.unsure
        if what == "reject":
            return self.reject
        return self.classes.get(int(what), 0)

    @property
    def labelled(self) -> int:
        """Images with a class."""
        return sum(self.classes.values())


@dataclass(frozen=True)
class HistoryRow:
    """An action, for the history panel; ``what`` is "label", "class", "team", "undo" or "redo"."""

    action_id: int
    time: datetime
    annotator: str
    sentence: str
    view: str | None
    n_images: int
    undone: bool
    example_ids: tuple[str, ...]
    what: str


@dataclass(frozen=True)
class Event:
    """One image in one action, as it was stored.

    For ``what`` "undo" and "redo", kind and class are what was brought back ("clear" where the
    image had no label before), and ``origin`` is the event that said it first (None for never).
    """

    id: int
    position: int
    what: str
    time: datetime
    annotator: str
    image_id: str
    kind: str
    class_id: int | None
    view: str | None
    strategy: str | None
    shown: tuple[int, float] | None
    spent_ms: int | None
    machine: bool
    note: str | None
    client: str | None
    q: int | None
    origin: int | None = None
    concealed: tuple[int, float] | None = None
    apart: bool = False
    repeats: int | None = None


@dataclass(frozen=True)
class AuditDraw:
    """Images drawn at random from a pool, to measure and never to train."""

    id: int
    time: datetime
    pool_size: int
    strategy: str
    image_ids: tuple[str, ...]
