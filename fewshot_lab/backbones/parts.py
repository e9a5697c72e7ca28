"""The named parts of an embedding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

FINAL, STAGE = "final", "stage"


@dataclass(frozen=True)
class Parts:
    """What the numbers of an embedding are, in their order.

    Attributes
    ----------
    lengths : tuple of (str, int)
        Name and length of each part. A name begins with ``"final"`` (what the network gives out at
        its end; these come first) or ``"stage"`` (what one of its inner stages saw, pooled over
        the picture).
    """

    lengths: tuple[tuple[str, int], ...]

    @classmethod
    def final(cls, dimensions: int) -> Parts:
        """Return the parts of an embedding of the network's last layer alone."""
        return cls(((FINAL, dimensions),))

    @classmethod
    def of(cls, lengths: Iterable[Any]) -> Parts:
        """Read what JSON made of :attr:`lengths`."""
        return cls(tuple((str(name), int(length)) for name, length in lengths))

    @property
    def dimensions(self) -> int:
        """Length of the whole embedding."""
        return sum(length for _, length in self.lengths)

    @property
    def slices(self) -> dict[str, slice]:
        """The slice of each part."""
        ends = pairwise(accumulate((length for _, length in self.lengths), initial=0))
        return {name: slice(*both) for (name, _), both in zip(self.lengths, ends, strict=True)}

    @property
    def has_stages(self) -> bool:
        """Whether there are inner stages besides the final parts."""
        return any(name.startswith(STAGE) for name, _ in self.lengths)

    @property
    def finals(self) -> Parts:
        """The same without the stages, which come last."""
        return Parts(tuple(part for part in self.lengths if part[0].startswith(FINAL)))

    def sentence(self) -> str:
        """Describe the parts, for a card."""
        return ", ".join(f"{name} ({length:,})" for name, length in self.lengths)
