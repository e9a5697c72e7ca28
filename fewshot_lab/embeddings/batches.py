"""Images cut into batches, and read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.backbones import Preprocessing, picture_statistics
from fewshot_lab.embeddings.decoding import ImageItem, Unread, decode

if TYPE_CHECKING:
    import torch


@dataclass
class Batch:
    """What came out of one batch.

    Attributes
    ----------
    ids, vectors
        The images that have an embedding, and the float16 (n, d) vectors.
    statistics
        Of the same pictures, float16 (n, s).
    failed, absent
        The others, with the reason: those at fault themselves, and those that are not there.
    waited, worked
        Seconds spent on waiting for pixels and on the forward pass, of one core's or the GPU's
        time.
    """

    ids: list[str] = field(default_factory=list)
    vectors: Any = None
    statistics: Any = None
    failed: list[tuple[str, str]] = field(default_factory=list)
    absent: list[tuple[str, str]] = field(default_factory=list)
    waited: float = 0.0
    worked: float = 0.0


Chunks = Iterator[list[ImageItem]]
Described = tuple[str, Any, Any]


def cut(chunks: Chunks, size: int) -> Iterator[list[ImageItem]]:
    """Cut a stream of chunks into batches, the last of each chunk run on into the next."""
    held: list[ImageItem] = []
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def read(
    items: Sequence[ImageItem], preprocessing: Preprocessing
) -> tuple[Batch, torch.Tensor | None]:
    """Return a batch without vectors, and the pixels of those that could be read."""
    return stacked([described(item, preprocessing) for item in items])


def described(item: ImageItem, preprocessing: Preprocessing) -> Described:
    """Return id, pixels and statistics of an image; why there are no pixels, and None."""
    pixels = decode(item, preprocessing)
    return item.id, pixels, None if isinstance(pixels, Unread) else picture_statistics(pixels)


def stacked(images: Sequence[Described]) -> tuple[Batch, torch.Tensor | None]:
    """Return a batch without vectors, and the pixels of those that could be read, as one."""
    import torch

    batch = Batch()
    good = []
    for image_id, pixels, statistics in images:
        if isinstance(pixels, Unread):
            unread = batch.failed if pixels.lasting else batch.absent
            unread.append((image_id, pixels.reason))
        else:
            good.append((image_id, pixels, statistics))
    if not good:
        return batch, None
    ids, pixels, statistics = zip(*good, strict=True)
    batch.ids, batch.statistics = list(ids), np.stack(statistics)
    return batch, torch.from_numpy(np.stack(pixels))
