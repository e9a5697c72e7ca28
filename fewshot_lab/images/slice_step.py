"""Which slices of a volume are imported: all of them, every nth, or one every so many mm."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from fewshot_lab.errors import FewshotLabError

_TEXT = re.compile(r"\s*(?:every\s+)?(\d+(?:\.\d+)?)\s*(mm)?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class SliceStep:
    """How far imported slices lie apart.

    Attributes
    ----------
    every : int
        Every nth slice is taken.
    mm : float or None
        The distance in millimetres, which goes before ``every``.
    """

    every: int = 1
    mm: float | None = None

    @classmethod
    def parse(cls, text: str) -> SliceStep:
        """Read "all", "4" (every fourth slice) or "5mm".

        Raises
        ------
        FewshotLabError
        """
        if text.strip().lower() == "all":
            return cls()
        match = _TEXT.fullmatch(text)
        value = float(match[1]) if match else 0.0
        if not match or not 0 < value <= 10_000 or (not match[2] and value != int(value)):
            raise FewshotLabError(
                f"{text!r} is not a choice of slices: write all, a number such as 4 for every "
                "fourth slice, or a distance such as 5mm."
            )
        return cls(mm=value) if match[2] else cls(every=int(value))

    def __str__(self) -> str:
        if self.mm is not None:
            return f"{self.mm:g}mm"
        return "all" if self.every == 1 else str(self.every)

    def choose(self, positions: Sequence[float | None]) -> list[int]:
        """Return the numbers of the slices that are taken, in their order, the first from 0.

        The middle slice is always among them. Where positions are asked for and there are none,
        all are taken: how far they lie apart is not known.

        Parameters
        ----------
        positions : sequence of float or None
            Of each slice along the volume, in mm, ascending.
        """
        n = len(positions)
        if self.mm is None:
            return list(range(n // 2 % self.every, n, self.every))
        known = [p for p in positions if p is not None]
        if not n or len(known) < n:
            return list(range(n))
        middle = known[n // 2]
        first = math.ceil((known[0] - middle) / self.mm)
        last = math.floor((known[-1] - middle) / self.mm)
        marks = (middle + k * self.mm for k in range(first, last + 1))
        return sorted({_nearest(known, mark) for mark in marks})


def _nearest(positions: Sequence[float], mark: float) -> int:
    """Return the number of the position that is nearest to a mark."""
    after = min(bisect_left(positions, mark), len(positions) - 1)
    before = max(after - 1, 0)
    return before if mark - positions[before] < positions[after] - mark else after
