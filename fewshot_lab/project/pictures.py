"""A project's images, to look at: files, thumbnails, pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.files import write_atomically
from fewshot_lab.project.base import Opened

if TYPE_CHECKING:
    from PIL.Image import Image


class WithPictures(Opened):
    """Files and thumbnails of a project's images."""

    def thumbnail_path(self, image_id: str) -> Path:
        """Return where the thumbnail of an image lies."""
        return self.folder / "thumbs" / image_id[:2] / f"{image_id}.webp"

    def thumbnail(self, image_id: str) -> bytes:
        """Return the thumbnail (WebP); it is made again where it was deleted."""
        path = self.thumbnail_path(image_id)
        if not path.exists():
            from fewshot_lab.images import make_thumbnail

            write_atomically(path, make_thumbnail(self.picture(image_id)))
        return path.read_bytes()

    def file_of(self, image_id: str) -> tuple[Path, int]:
        """Return the file and the frame from which an image is read."""
        row = self.store.image(image_id)
        file = Path(row.file)
        return (file if file.is_absolute() else self.folder / file), row.frame

    def picture(self, image_id: str, max_side: int | None = None) -> Image:
        """Return an image as RGB, shrunk to ``max_side`` pixels where it is larger.

        Raises
        ------
        UnreadableImage
            Where its file has gone or can no longer be read.
        """
        from fewshot_lab.images import read_rgb

        file, frame = self.file_of(image_id)
        image = read_rgb(file, frame, at_least=max_side)
        if max_side is not None and max(image.size) > max_side:
            image.thumbnail((max_side, max_side))
        return image
