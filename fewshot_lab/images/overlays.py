"""Text and marks burnt into a clip, which may name the patient: what never changes at its edge."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fewshot_lab.images.boxes import Box

_SIDE, _CELL = 640, 8
_STILL = 3.0
"""Grey values by which a pixel that is drawn over the picture varies, as codecs make it."""
_CONTRAST = 48.0
_MARKS = 5
"""Pixels with contrast in a cell of 8 x 8 that make it one with text."""
_HELD, _FEW_MARKS, _GAP = 12.0, 3, 3
"""The same for letters over a moving picture, which codecs disturb; cells between two words."""
_LIVING = 0.05
"""Share of a clip's pixels that must change for the rest to mean anything."""
_BORDER = 0.3
_FEWEST = 4
_MOST = 8


def burnt_in(frames: Sequence[Image.Image]) -> list[Box]:
    """Return where text or marks stand that are the same all over a clip, near its border.

    A pixel belongs to one where neither it nor its neighbours change over the clip while its edges
    are strong; cells of 8 x 8 with several such pixels are joined along lines of text, and a line
    goes on where letters stand over the moving picture. A clock that runs, letters in the middle
    and those that stand over the moving picture alone are not found: somebody must look.

    Parameters
    ----------
    frames : sequence of PIL.Image.Image
        From all over the clip, of one size.

    Returns
    -------
    list of Box
        In pixels of the frames, the largest first; empty where the clip shows a still picture.
    """
    from scipy import ndimage

    width, height = frames[0].size if frames else (0, 0)
    frames = [frame for frame in frames if frame.size == (width, height)]
    if len(frames) < _FEWEST:
        return []
    scale = min(1.0, _SIDE / max(width, height))
    size = (max(_CELL, round(width * scale)), max(_CELL, round(height * scale)))
    stack = np.stack(
        [np.asarray(f.convert("L").resize(size, Image.Resampling.BOX), np.float32) for f in frames]
    )
    # Black frames between scenes show the overlay alone, or nothing at all.
    stack = stack[stack.mean(axis=(1, 2)) > 0.3 * np.median(stack.mean(axis=(1, 2)))]
    change = stack.std(axis=0)
    if len(stack) < _FEWEST or (change > 2 * _STILL).mean() < _LIVING:
        return []
    usual = np.median(stack, axis=0)
    edges = np.hypot(ndimage.sobel(usual, 0), ndimage.sobel(usual, 1)) / 4
    marks = (ndimage.maximum_filter(change, 3) < _STILL) & (edges > _CONTRAST)
    text = _in_cells(marks) >= _MARKS
    over = _in_cells((change < _HELD) & (edges > _CONTRAST)) >= _FEW_MARKS
    lines = ndimage.binary_closing(text, np.ones((1, 5)))
    labels, _ = ndimage.label(lines | text, np.ones((3, 3)))
    boxes = []
    for where in ndimage.find_objects(labels):
        first, last = _along(over[where[0]].any(axis=0), where[1].start, where[1].stop)
        top, bottom = where[0].start * _CELL - 4, where[0].stop * _CELL + 4
        left, right = first * _CELL - 4, last * _CELL + 4
        middle = (left + right) / 2 / size[0], (top + bottom) / 2 / size[1]
        if min(min(place, 1 - place) for place in middle) >= _BORDER:
            continue
        x, y = max(0, int(left / scale)), max(0, int(top / scale))
        boxes.append(
            Box(x, y, min(width, int(right / scale)) - x, min(height, int(bottom / scale)) - y)
        )
    boxes.sort(key=lambda box: -box.width * box.height)
    return boxes[:_MOST]


def _in_cells(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count marks in cells."""
    rows, columns = marks.shape[0] // _CELL, marks.shape[1] // _CELL
    whole = marks[: rows * _CELL, : columns * _CELL]
    return np.asarray(whole.reshape(rows, _CELL, columns, _CELL).sum(axis=(1, 3)))


def _along(over: NDArray[np.bool_], first: int, last: int) -> tuple[int, int]:
    """Follow a line of text to both sides, as long as letters go on within a word's gap."""
    while (more := np.flatnonzero(over[max(0, first - _GAP) : first])).size:
        first = max(0, first - _GAP) + int(more[0])
    while (more := np.flatnonzero(over[last : last + _GAP])).size:
        last += int(more[-1]) + 1
    return first, last


def place_of(box: Box, width: int, height: int) -> str:
    """Say in words where a box lies: "top left"."""
    x, y = (box.x + box.width / 2) / width, (box.y + box.height / 2) / height
    vertical = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    horizontal = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    return " ".join(filter(None, (vertical, horizontal))) or "middle"
