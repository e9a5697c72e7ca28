"""Labels and classes as they go into the store and come out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

LabelKind = Literal["class", "unsure", "reject", "clear", "skip"]
KINDS: tuple[LabelKind, ...] = ("class", "unsure", "reject", "clear", "skip")


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
        "search", "import", "accept", "script", "adjudication" (a senior decides), "pile" (only
        the top image was looked at).
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
class UndoResult:
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
    where annotators differ and every opinion counts; ``piled`` that it was given to a pile, of
    which only the top image was looked at.
    """

    kind: str
    class_id: int | None
    annotator: str
    event_id: int
    time: datetime
    machine: bool
    decided: bool = False
    shares: tuple[tuple[int, float], ...] = ()
    piled: bool = False

    @property
    def teaches(self) -> bool:
        """Whether a person said a class: only such a label may train or measure a classifier.

        A prediction that was accepted in bulk is the classifier's own opinion. Learning from it
        makes the next one surer, not better, and counting it makes every figure look better.
        """
        return self.kind == "class" and not self.machine


@dataclass(frozen=True)
class LabelCounts:
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
    strategy: str | None


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
