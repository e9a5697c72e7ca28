"""Boxes of an image as references: a small file lists them, a frame of it is one box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from fewshot_lab.files import write_atomically
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import BOX_SUFFIX
from fewshot_lab.images.reference_files import load_reference, reference_bytes, reference_name


class Box(NamedTuple):
    """A rectangle, in pixels of its image, upright."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class BoxList:
    """The boxes of one image that are images of their own.

    A box keeps its number for ever: new ones come behind.

    Attributes
    ----------
    image : str
        The image's file, absolute.
    frame : int
        Frame within the file.
    name : str
        The image's path as it was imported, with "/".
    boxes : tuple of Box
    """

    image: str
    frame: int
    name: str
    boxes: tuple[Box, ...]

    def box(self, number: int) -> Box:
        """Return one box.

        Raises
        ------
        UnreadableImage
            Where there is none of this number.
        """
        if not 0 <= number < len(self.boxes):
            raise UnreadableImage(f"There is no box {number} of this image.")
        return self.boxes[number]

    def path_of(self, number: int) -> str:
        """Return what a box is called: its image and place (as in W3C media fragments)."""
        return f"{self.name}#xywh={','.join(map(str, self.box(number)))}"

    def with_boxes(self, boxes: Sequence[Box]) -> BoxList:
        """Return the list with further boxes; those that it has stay where they are."""
        return replace(self, boxes=tuple(dict.fromkeys([*self.boxes, *boxes])))

    def file_in(self, folder: Path) -> Path:
        """Return the file of the image's boxes in a folder."""
        place = f"{self.image}#{self.frame}".encode("utf-8", "surrogateescape")
        return folder / reference_name(self.name, place, BOX_SUFFIX)

    def save(self, file: Path) -> None:
        """Write the list."""
        write_atomically(file, reference_bytes(self))

    def relink(self, file: Path, image: Path) -> None:
        """Write into the list's file that its image lies elsewhere now."""
        replace(self, image=str(image)).save(file)


def load_boxes(file: Path) -> BoxList:
    """Read a list of boxes.

    Raises
    ------
    UnreadableImage
    """
    return load_reference(file, _built, "where the boxes lie")


def _built(boxes: list[Any], **content: Any) -> BoxList:
    return BoxList(**content, boxes=tuple(Box(*map(int, box)) for box in boxes))
