"""An open project: its folder, its rows, and its images to look at."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Self

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.files import keep_if_possible, read_json
from fewshot_lab.home import MARKER
from fewshot_lab.store import ImageRow, Store

if TYPE_CHECKING:
    from PIL.Image import Image

    from fewshot_lab.embeddings import ImageItem
    from fewshot_lab.images import GreyValues

CLIPS = "videos"
"""Folder of a project for what it keeps of clips: which they are, and what is blackened."""


class ProjectFolder:
    """The lowest layer of a project; a context manager that closes the database."""

    def __init__(self, folder: Path, store: Store):
        self.folder = folder
        self.store = store
        self._lock = RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Project({self.name!r}, home={str(self.folder.parent)!r})"

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The project's title: its folder's name, or what :meth:`rename` set.

        A title belongs to its folder: a copy or a renamed folder has its own name until it gets a
        title.
        """
        given_in = self.store.get("titled")
        if given_in is None:
            given_in = (read_json(self.folder / MARKER) or {}).get("name")
        if given_in != self.name:
            return self.name
        return str(self.store.get("title") or self.name)

    def rename(self, title: str) -> None:
        """Give the project another title; its folder stays.

        Raises
        ------
        FewshotLabError
            For a title of nothing but spaces.
        """
        title = " ".join(title.split())
        if not title:
            raise FewshotLabError("A project needs a title.")
        self.store.set("title", title)
        self.store.set("titled", self.name)

    def touch(self) -> None:
        """Note that somebody uses the project now; one that cannot be written to forgets it."""
        with suppress(Unavailable):
            self.store.set("last_used", time.time())

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def delete(self) -> None:
        """Delete the project with its labels; images that were referenced in place stay."""
        self.store.drop()
        self.store.close()
        shutil.rmtree(self.folder)

    def thumbnail_path(self, image_id: str) -> Path:
        """Return the path of an image's thumbnail."""
        return self.folder / "thumbs" / image_id[:2] / f"{image_id}.webp"

    def thumbnail(self, image_id: str) -> bytes:
        """Return the thumbnail (WebP); it is made again where it was deleted."""
        path = self.thumbnail_path(image_id)
        if not path.exists():
            from fewshot_lab.images import make_thumbnail

            thumbnail = make_thumbnail(self.picture(image_id))
            keep_if_possible(path, thumbnail)
            return thumbnail
        return path.read_bytes()

    def file_of(self, image_id: str) -> tuple[Path, int]:
        """Return the file and the frame from which an image is read: one that is there, if any."""
        row = self.store.image(image_id)
        return self._place(row, self.store.spare_files(image_id))

    def _place(self, row: ImageRow, spare: Mapping[str, list[tuple[str, int]]]) -> tuple[Path, int]:
        """Of an image with several files, take the first that is there.

        A folder may have moved, a copy been deleted, the project have come to another machine.
        """
        from fewshot_lab.images import pixel_file

        places = [(self._absolute(file), frame) for file, frame in spare.get(row.id, ())]
        first = self._absolute(row.file), row.frame
        return next((place for place in places if pixel_file(place[0]).exists()), first)

    def picture(self, image_id: str, max_side: int | None = None) -> Image:
        """Return an image as RGB, shrunk to ``max_side`` pixels where it is larger.

        Raises
        ------
        UnreadableImage
            Its file is gone or can no longer be read.
        """
        return read_shrunk(*self.file_of(image_id), max_side)

    def grey_values(self, image_id: str, max_side: int) -> GreyValues | None:
        """Return the grey values as the image's file keeps them; None for colour and 8 bit.

        Raises
        ------
        UnreadableImage
        """
        from fewshot_lab.images import read_grey_values

        grey = read_grey_values(*self.file_of(image_id))
        return grey and grey.reduced(max_side)

    def items(self, ids: Sequence[str] | None = None) -> list[ImageItem]:
        """Return images as an embedding run takes them; all of the project if None."""
        from fewshot_lab.embeddings import ImageItem

        rows = self.store.images()
        if ids is not None:
            row_of = {row.id: row for row in rows}
            rows = [row_of[image_id] for image_id in ids]
        spare = self.store.spare_files()
        return [ImageItem(row.id, *self._place(row, spare)) for row in rows]

    def stored(self, file: Path) -> str:
        """Return how the database names a file: one that stands for another by its place here."""
        from fewshot_lab.images import is_reference

        return file.relative_to(self.folder).as_posix() if is_reference(file) else str(file)

    def _absolute(self, file: str) -> Path:
        return self.folder / file  # of an absolute path it is that


def read_shrunk(file: Path, frame: int, max_side: int | None) -> Image:
    """Return a picture as RGB, shrunk to ``max_side`` pixels where it is larger."""
    from fewshot_lab.images import read_rgb

    image = read_rgb(file, frame, at_least=max_side)
    if max_side is not None and max(image.size) > max_side:
        image.thumbnail((max_side, max_side))
    return image
