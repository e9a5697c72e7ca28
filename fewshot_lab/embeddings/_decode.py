"""From a file to the pixels a backbone takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fewshot_lab.backbones import Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import read_rgb


@dataclass(frozen=True)
class ImageItem:
    """One image to embed: its id, its file, and which frame of it."""

    id: str
    file: Path
    frame: int = 0


def decode(item: ImageItem, preprocessing: Preprocessing) -> npt.NDArray[np.uint8] | str:
    """Return the pixels (size, size, 3), or the reason why there are none."""
    try:
        image = read_rgb(item.file, item.frame, at_least=preprocessing.at_least)
        return preprocessing.array(image)
    except FewshotLabError as error:
        return str(error)
    # Whatever a strange file provokes, the other images go on.
    except Exception as error:
        return f"It could not be read ({type(error).__name__}: {error})."
