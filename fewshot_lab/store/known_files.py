"""The files that images came from, some 30 bytes for each image of a slide or a clip."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

Row = tuple[str, int, int, int]


class KnownFiles(Mapping[tuple[str, int], tuple[int, int]]):
    """From a source and its frame to (bytes, mtime_ns).

    Parameters
    ----------
    rows : iterable of (source, frame, bytes, mtime_ns)
        In the order of sources, then frames.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        # Three numbers for each frame of a source, one after the other.
        self._numbers = {
            source: array("q", [number for row in frames for number in row[1:]])
            for source, frames in groupby(rows, key=lambda row: row[0])
        }

    def __getitem__(self, key: tuple[str, int]) -> tuple[int, int]:
        source, frame = key
        numbers = self._numbers[source]
        at = 3 * bisect_left(range(len(numbers) // 3), frame, key=lambda k: numbers[3 * k])
        if at >= len(numbers) or numbers[at] != frame:
            raise KeyError(key)
        return numbers[at + 1], numbers[at + 2]

    def __iter__(self) -> Iterator[tuple[str, int]]:
        for source, numbers in self._numbers.items():
            for frame in numbers[::3]:
                yield source, frame

    def __len__(self) -> int:
        return sum(map(len, self._numbers.values())) // 3
