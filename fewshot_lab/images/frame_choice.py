"""Which frames of a clip are taken: at a rate, or where the picture changes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.boxes import Box
from fewshot_lab.images.clips import small_frames

CHANGES, ALL = "changes", "all"
MOST = 1000
CHANGED = 10.0
"""Mean difference in grey values (of 255) from the frame taken last, at 32 x 32 pixels."""
LEAST_PAUSE = 0.5
"""Seconds between two frames that are taken where the picture changes."""


@dataclass(frozen=True)
class ClipSettings:
    """What is taken of the clips of an import.

    Attributes
    ----------
    frames : float or str
        How many a second; "changes": where the picture changes; "all".
    most : int
        Of one clip, spread evenly over it.
    keep_poor : bool
        Take black and blurred frames, too.
    boxes : tuple of (str, Box)
        What is blackened in the clips whose path fits a pattern ("*" for all).
    """

    frames: float | str = 1.0
    most: int = MOST
    keep_poor: bool = False
    boxes: tuple[tuple[str, Box], ...] = ()

    def boxes_of(self, path: str) -> tuple[Box, ...]:
        """Return what is blackened in the clip with a path, by its whole path or its name."""
        name = path.rpartition("/")[2]
        return tuple(
            box for pattern, box in self.boxes if fnmatch(path, pattern) or name == pattern
        )

    def count(self, frames: int, seconds: float) -> int:
        """Return how many frames are taken at most of a clip, poor ones included."""
        if isinstance(self.frames, float):
            frames = min(frames, max(1, math.ceil(seconds * self.frames)))
        elif self.frames == CHANGES:
            frames = min(frames, max(1, math.ceil(seconds / LEAST_PAUSE)))
        return min(frames, self.most)

    def choose(
        self,
        path: Path,
        times: NDArray[np.float64],
        tell: Callable[[float, float], None] = lambda at, of: None,
    ) -> NDArray[np.int64]:
        """Return the numbers of the frames that are taken, ascending.

        Parameters
        ----------
        path : Path
            The clip.
        times : array (n,)
            When its frames are shown, in seconds.
        tell : callable
            Gets the seconds looked through so far and the clip's length.
        """
        if self.frames == CHANGES:
            chosen = changed_frames(path, times, tell)
        elif isinstance(self.frames, str):
            chosen = np.arange(len(times))
        else:
            ticks = np.arange(0, times[-1] + 1e-6, 1 / self.frames)
            chosen = np.unique(np.searchsorted(times, ticks - 1e-6))
            chosen = chosen[chosen < len(times)]
        if len(chosen) > self.most:
            chosen = chosen[np.linspace(0, len(chosen) - 1, self.most).round().astype(int)]
        return chosen


def changed_frames(
    path: Path, times: NDArray[np.float64], tell: Callable[[float, float], None]
) -> NDArray[np.int64]:
    """Return the first frame, and each that looks other than the one taken before it.

    Every frame is decoded for it.
    """
    chosen: list[int] = []
    last: NDArray[np.int16] | None = None
    for number, small in enumerate(small_frames(path)):
        if number >= len(times):
            break
        if number % 250 == 0:
            tell(float(times[number]), float(times[-1]))
        grey = small.astype(np.int16)
        late = not chosen or times[number] - times[chosen[-1]] >= LEAST_PAUSE
        if last is None or (late and np.abs(grey - last).mean() >= CHANGED):
            chosen.append(number)
            last = grey
    return np.array(chosen, np.int64)


def read_frames(text: str) -> float | str:
    """Read how frames are taken: a number a second, "changes" or "all".

    Raises
    ------
    FewshotLabError
        For anything else.
    """
    if text in (CHANGES, ALL):
        return text
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1000:
        raise FewshotLabError(
            f"Frames are taken at a number a second (0.5: one every two seconds), at “{CHANGES}”, "
            f"or “{ALL}”; not {text!r}."
        )
    return rate


def read_box(text: str) -> tuple[str, Box]:
    """Read a box as it is given at a terminal: "left,top,width,height", or "NAME:" before it.

    Raises
    ------
    FewshotLabError
        For anything else.
    """
    pattern, mark, numbers = text.rpartition(":")
    try:
        box = Box(*(int(number) for number in numbers.split(",")))
    except (ValueError, TypeError):
        box = Box(-1, -1, -1, -1)
    if min(box.x, box.y) < 0 or min(box.width, box.height) < 1:
        raise FewshotLabError(
            "A box is left,top,width,height in pixels, as in 0,0,320,40 or clip7.mp4:0,0,320,40; "
            f"not {text!r}."
        )
    return pattern if mark else "*", box
