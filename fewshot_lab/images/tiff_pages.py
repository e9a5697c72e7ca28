"""The pages of a TIFF that are pictures of their own, and its tags; also part of ``predict.py``."""

from collections.abc import Iterator
from typing import Any

from PIL import Image

from fewshot_lab.images.errors import UnreadableImage

SUBFILE = 254


def tag_numbers(tags: Any, tag: int) -> tuple[int, ...]:
    """Return the whole numbers of a TIFF tag, 1 where there are none; a damaged file has any."""
    values = tags.get(tag)
    values = values if isinstance(values, tuple) else (values,)
    return tuple(value for value in values if isinstance(value, int)) or (1,)


def seek_picture(image: Image.Image, frame: int) -> None:
    """Go to the TIFF page that holds picture `frame`."""
    for number, page in enumerate(picture_pages(image)):
        if number == frame:
            image.seek(page)
            return
    raise UnreadableImage(f"There is no picture {frame} in this file.")


def picture_pages(image: Image.Image) -> Iterator[int]:
    """Yield the TIFF pages that are pictures of their own, in order."""
    yield 0
    size = image.size
    page = 1
    while True:
        try:
            image.seek(page)
        except EOFError:
            return
        subfile = image.tag_v2.get(SUBFILE, 0)  # type: ignore[attr-defined]
        reduced_or_mask = isinstance(subfile, int) and subfile & 0b101
        if image.size == size and not reduced_or_mask:
            yield page
        page += 1
