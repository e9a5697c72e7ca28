"""All images of a run, decoded once."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.images import UnreadableImage, read_rgb
from fewshot_lab.pretrain.pixel_blocks import BLOCK, CachedPixels, PixelBlocks
from fewshot_lab.progress import Progress, silent
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.pretrain.distributed import ProcessGroup

_VERSION = 1
UNREADABLE = "unreadable.json"
"""In a run's folder: the reason by id of each image that it could not read when it began."""


@dataclass(frozen=True)
class RunImage:
    """An image of a run.

    Attributes
    ----------
    id : str
    file : Path
    frame : int
    label : int or None
        For the check alone; training never sees it.
    group : str or None
        Patient or slide: kept on one side of every split of the check.
    side : int
        The shorter one, in pixels; 0 if not known.
    """

    id: str
    file: Path
    frame: int = 0
    label: int | None = None
    group: str | None = None
    side: int = 0


@dataclass(frozen=True)
class DecodedImages:
    """The images that could be read.

    Attributes
    ----------
    pixels : CachedPixels
    images : tuple of RunImage, (n,)
    unreadable : dict
        The reason by id, of those that could not be.
    note : str
        A sentence where files of the cache were not what they should be; else empty.
    """

    pixels: CachedPixels
    images: tuple[RunImage, ...]
    unreadable: dict[str, str] = field(default_factory=dict)
    note: str = ""

    def without(self, ids: Collection[str]) -> DecodedImages:
        """Return the images but for some."""
        kept = [row for row, image in enumerate(self.images) if image.id not in ids]
        if len(kept) == len(self.images):
            return self
        images = tuple(self.images[row] for row in kept)
        return replace(self, pixels=self.pixels.only(np.array(kept)), images=images)


def decode_images(
    images: Sequence[RunImage],
    side: int,
    folder: Path,
    *,
    resize: str = "bicubic",
    processes: ProcessGroup | None = None,
    again: bool = False,
    progress: Progress = silent,
) -> DecodedImages:
    """Return the images at `side` x `side` px, decoding what is not yet in the cache.

    The aspect ratio is not kept: a crop would lose what lies at the border, and DINO's crops
    change it anyway.

    Parameters
    ----------
    folder
        Where caches are kept; one is made in it for these images and this size.
    processes
        Those of the run, which share the work and agree on what could not be read.
    resize
        The filter, "bicubic" (antialiased) or "nearest".
    again
        Try those once more that could not be read before: a file may have come back.

    Raises
    ------
    FewshotLabError
        In all processes, if none of the images can be read, the disk is full, or a process does
        not see what the others wrote.
    Stopped
        In all processes, if one was asked to stop; what is decoded is kept.
    """
    rank, world = (processes.rank, processes.world) if processes is not None else (0, 1)
    kind = [_VERSION, side] + ([] if resize == "bicubic" else [resize])
    identity = json.dumps([*kind, [(i.id, i.frame) for i in images]])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    blocks = PixelBlocks(folder / digest, len(images), side)
    own_blocks = list(range(rank, blocks.count, world))
    # In any order: two runs that begin at once then seldom decode the same block.
    random.Random(os.urandom(8)).shuffle(own_blocks)
    reasons: dict[int, str] = {}
    failure: FewshotLabError | Stopped | None = None
    try:
        blocks.check_room()
        for done, block in enumerate(own_blocks):
            progress("decoding", min(len(images), done * world * BLOCK), len(images))
            reasons |= blocks.decoded(
                block, lambda row: _square(images[row], side, resize), again=again
            )
        progress("decoding", len(images), len(images))
    except (FewshotLabError, Stopped) as error:
        failure = error
    here = (reasons, blocks.refused, failure)
    everybody = processes.gather(here) if processes else [here]
    for *_, failed in everybody:
        if failed is not None:
            raise failed
    blocks.wait_until_seen()
    reasons = {row: reason for part, *_ in everybody for row, reason in part.items()}
    good = [row for row in range(len(images)) if row not in reasons]
    if not good:
        some = next(iter(reasons), None)
        why = f" {images[some].file}: {reasons[some]}" if some is not None else ""
        raise FewshotLabError(f"None of the images can be read.{why}")
    if rank == 0:
        blocks.tidy()
    return DecodedImages(
        CachedPixels(blocks.folder, side, np.array(good)),
        tuple(images[row] for row in good),
        {images[row].id: reasons[row] for row in sorted(reasons)},
        _refused_sentence(sum(refused for _, refused, _ in everybody), blocks),
    )


def _refused_sentence(refused: int, blocks: PixelBlocks) -> str:
    if not refused:
        return ""
    return (
        f"Of {plural(blocks.count, 'file')} of decoded images in {blocks.folder}, {refused:,} "
        f"{'was' if refused == 1 else 'were'} cut off or of other images; these images were "
        "decoded again."
    )


def _square(image: RunImage, side: int, resize: str) -> NDArray[np.uint8] | str:
    nearest = resize == "nearest"
    try:
        # Neighbours of a picture that was scaled while decoding would be others.
        picture = read_rgb(image.file, image.frame, at_least=None if nearest else side)
    except (UnreadableImage, OSError) as error:
        return str(error)
    from PIL import Image

    resample = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
    gap = None if nearest else 3.0
    return np.asarray(picture.resize((side, side), resample, reducing_gap=gap))
