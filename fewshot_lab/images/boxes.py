"""Boxes of an image as references: a small file lists them, a frame of it is one box."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fewshot_lab.files import write_atomically
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import BOX_SUFFIX


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
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in Path(self.name).stem)[:80]
        place = f"{self.image}#{self.frame}".encode("utf-8", "surrogateescape")
        return folder / f"{stem}-{hashlib.sha256(place).hexdigest()[:10]}{BOX_SUFFIX}"

    def save(self, file: Path) -> None:
        """Write the list."""
        text = json.dumps(asdict(self), ensure_ascii=False)
        write_atomically(file, text.encode("utf-8", "surrogateescape"))

    def relink(self, file: Path, image: Path) -> None:
        """Write into the list's file that its image lies elsewhere now."""
        replace(self, image=str(image)).save(file)


def load_boxes(file: Path) -> BoxList:
    """Read a list of boxes.

    Raises
    ------
    UnreadableImage
    """
    try:
        return _load(file, file.stat().st_mtime_ns)
    except OSError as error:
        reason = error.strerror or error
        raise UnreadableImage(f"Where the box lies cannot be read: {reason}.") from None


@lru_cache(256)
def _load(file: Path, mtime_ns: int) -> BoxList:
    try:
        content = json.loads(file.read_bytes().decode("utf-8", "surrogateescape"))
        boxes = tuple(Box(*map(int, box)) for box in content.pop("boxes"))
        return BoxList(**content, boxes=boxes)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableImage(
            f"The file that says where the boxes lie is damaged: {file}"
        ) from error
