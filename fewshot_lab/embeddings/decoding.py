"""From a file to the pixels a backbone takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fewshot_lab.backbones import Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import pixel_file, read_rgb


@dataclass(frozen=True)
class ImageItem:
    """One image to embed: its id, its file, and which frame of it."""

    id: str
    file: Path
    frame: int = 0


@dataclass(frozen=True)
class Unread:
    """Why there are no pixels.

    Attributes
    ----------
    reason
        One sentence.
    lasting
        Whether the file itself is at fault. One that is not there may be back tomorrow, with the
        disk that it lies on.
    """

    reason: str
    lasting: bool


def decode(item: ImageItem, preprocessing: Preprocessing) -> npt.NDArray[np.uint8] | Unread:
    """Return the pixels (size, size, 3), or why there are none."""
    try:
        image = read_rgb(item.file, item.frame, at_least=preprocessing.at_least)
        return preprocessing.array(image)
    except FewshotLabError as error:
        return Unread(str(error), lasting=_is_there(item))
    # Whatever a strange file provokes, the other images go on.
    except Exception as error:
        reason = f"It could not be read ({type(error).__name__}: {error})."
        return Unread(reason, lasting=_is_there(item))


def _is_there(item: ImageItem) -> bool:
    return os.access(pixel_file(item.file), os.R_OK)


def decode_image(item: ImageItem, preprocessing: Preprocessing) -> npt.NDArray[np.uint8] | str:
    """Return the same, or the reason as one sentence."""
    pixels = decode(item, preprocessing)
    return pixels.reason if isinstance(pixels, Unread) else pixels
