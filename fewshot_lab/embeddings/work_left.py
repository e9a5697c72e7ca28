"""Which images a process still has to embed, beside others that do the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fewshot_lab.embeddings.claims import Claims
from fewshot_lab.embeddings.decoding import ImageItem
from fewshot_lab.embeddings.shards import DamagedShard, read_shard, set_aside, shard_names

CHUNK = 512
"""Images that are taken at once by one of several processes."""

NAMES_A_PIECE = 2_000
"""File names that are looked at for each piece on average, some milliseconds: the folder gets a
shard for each, so that looking at all of them every time would be quadratic."""


class WrittenShards:
    """Which images the folder's shards have, by whichever process.

    Attributes
    ----------
    damaged
        Shards that are not as they were written. They are set aside: their images count as not
        embedded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}
        self.damaged: list[Path] = []
        self._seen: set[str] = set()
        self._looked_for = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in shards written since."""
        self._looked_for = 0
        for name in shard_names(self.folder):
            if name not in self._seen:
                self._read(self.folder / name)
        for image_id in self.done & self.failed.keys():
            del self.failed[image_id]

    def look(self) -> None:
        """Take in shards written since, before a piece is begun; where there are many, not always.

        What is missed so is embedded twice, and counts once.
        """
        self._looked_for += NAMES_A_PIECE
        if self._looked_for >= len(self._seen):
            self.refresh()

    def _read(self, path: Path) -> None:
        try:
            shard = read_shard(path)
        except DamagedShard:
            self.damaged.append(path)
            set_aside(path)
            return
        if shard is not None:
            self._seen.add(path.name)
            self.done.update(shard.ids)
            self.failed |= dict(shard.failed)

    def lacks(self, item: ImageItem) -> bool:
        """Return whether an image is still to be embedded."""
        return item.id not in self.done and item.id not in self.failed


def claimed_chunks(
    images: Sequence[ImageItem], written: WrittenShards, claims: Claims
) -> Iterator[list[ImageItem]]:
    """Yield what is to do, piece by piece, each taken by this process alone."""
    # The grid lies over all images, done or not, so that every process sees the same pieces.
    pieces = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    # Twice: who held a piece the first time round may have been killed since.
    for _ in range(2):
        taken_by_others = []
        for piece in pieces:
            if not any(map(written.lacks, piece)):
                continue
            if not claims.take([item.id for item in piece]):
                taken_by_others.append(piece)
                continue
            written.look()
            if missing := list(filter(written.lacks, piece)):
                yield missing
        pieces = taken_by_others
