"""The near-duplicates of a project's embedded images: searched once, kept in its folder."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.files import keep_if_possible, npz_bytes
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.copies import Copies
from fewshot_lab.project.embedded import EmbeddedProject
from fewshot_lab.project.going_on import UNREADABLE, take_steps

if TYPE_CHECKING:
    from fewshot_lab.embeddings import PairSearch

FLOOR = 0.95
"""Pairs are kept from this cosine on, so that the threshold can be moved without a search."""
EXACT = 4e11
"""Floating-point operations up to which every image is compared with every other."""
AXES = 64
"""Leading axes by which candidates are found among more."""
MANY = 20_000
BLOCK = 65_536


class Near(NamedTuple):
    """What a search found.

    Attributes
    ----------
    ids : sequence of str
        The n images that were searched.
    nearest : array (n,), float32
        Each image's cosine with the one most like it.
    pairs : array (p, 2) of int
        Rows of two images whose cosine is above the floor of the search, or who are copies.
    cosines : array (p,), float32
    copies : array (p,) of bool
        Whether their pixels say that one is a copy of the other: see :func:`find_copies`.
    """

    ids: Sequence[str]
    nearest: NDArray[np.float32]
    pairs: NDArray[np.int64]
    cosines: NDArray[np.float32]
    copies: NDArray[np.bool_]


NOTHING = Near(
    (),
    np.empty(0, np.float32),
    np.empty((0, 2), np.int64),
    np.empty(0, np.float32),
    np.empty(0, bool),
)


class NearSearch:
    """Searches again only for other images, another backbone or a lower floor."""

    def __init__(self, project: EmbeddedProject) -> None:
        self._project = project
        self._last_search: tuple[str, float, Near] | None = None
        self._copies = Copies(project)

    def near(self, threshold: float | None) -> Near:
        """Return the pairs above a cosine and those of copies, and each image's nearest.

        The cosine is :data:`FLOOR`, or a person's threshold where that is lower.
        """
        return _with_copies(self.by_embedding(threshold), self._copies.pairs(), self._project)

    def by_embedding(self, threshold: float | None, progress: Progress = silent) -> Near:
        """Return the pairs above that cosine; what was searched before is read."""
        floor = FLOOR if threshold is None else min(FLOOR, threshold)
        project = self._project
        embeddings = project.embeddings
        if embeddings is None or len(embeddings.ids) < 2:
            return NOTHING
        ids = list(embeddings.ids)
        if self._last_search is not None:
            fingerprint, low, kept = self._last_search
            same = len(kept.ids) == len(ids)
            # While a large pool is still being embedded it is not searched for every shard.
            embedding = len(ids) < 0.98 * len(project.store.ids())
            little = embedding and len(ids) > MANY and len(kept.ids) > 0.8 * len(ids)
            if fingerprint == embeddings.fingerprint and low <= floor and (same or little):
                return kept
        file = project.folder / "splits" / f"{embeddings.fingerprint}.npz"
        near = _read(file, ids, floor)
        if near is None:
            rotated = project.pool.rotated
            if len(rotated) > len(ids):  # more have come meanwhile
                rotated = rotated[: len(ids)]
            near = find_near(ids, rotated, floor, progress, file.with_suffix(".part"))
            _write(file, near, floor)
            file.with_suffix(".part").unlink(missing_ok=True)
        self._last_search = (embeddings.fingerprint, floor, near)
        return near


def find_near(
    ids: Sequence[str],
    rotated: NDArray[np.float32],
    floor: float,
    progress: Progress = silent,
    unfinished: Path | None = None,
) -> Near:
    """Search for near-duplicates.

    Parameters
    ----------
    ids : sequence (n,) of str
    rotated : array (n, d)
        Embeddings, centred.
    floor : float
        The cosine from which on two images are a pair in any case.
    unfinished : Path, optional
        Where the search is kept every minute and when it is stopped: the next one goes on there.
    """
    from fewshot_lab.embeddings import PairSearch

    search = PairSearch(len(ids), floor)
    steps = _steps(search, rotated, progress)
    if unfinished is None:
        take_steps(steps, lambda: None)
    else:
        mark = f"{_mark(ids)} {floor} {rotated.shape}"
        with suppress(*UNREADABLE), unfinished.open("rb") as stream, np.load(stream) as kept:
            if str(kept["mark"]) == mark:
                search.go_on(dict(kept))

        def keep() -> None:
            keep_if_possible(unfinished, npz_bytes(mark=mark, **search.state()))

        take_steps(steps, keep)
    pairs, cosines, nearest = search.pairs()
    return Near(ids, nearest, pairs, cosines, np.zeros(len(pairs), dtype=bool))


def _steps(search: PairSearch, rotated: NDArray[np.float32], progress: Progress) -> Iterator[None]:
    """Compare every image with every other where that takes seconds.

    Of more, what the leading axes (the pool's principal ones) find through an inverted file is
    compared by all axes.
    """
    from fewshot_lab.embeddings import build_index

    n, d = rotated.shape
    if 2.0 * n * n * d <= EXACT:
        yield from search.steps(rotated, build_index(rotated), progress=progress)
    else:
        short = np.ascontiguousarray(rotated[:, :AXES])
        yield from search.steps(short, build_index(short, kind="ivf"), rotated, progress)


def _with_copies(near: Near, copies: Sequence[tuple[str, str]], project: EmbeddedProject) -> Near:
    """Return the same with pairs of copies, among the others or beside them."""
    if not copies:
        return near
    row = {image_id: k for k, image_id in enumerate(near.ids)}
    copied_pairs = [sorted((row[a], row[b])) for a, b in copies if a in row and b in row]
    if not copied_pairs:
        return near
    copy_pairs = np.array(copied_pairs, dtype=np.int64)
    n = len(near.ids)
    known = np.isin(copy_pairs @ [n, 1], near.pairs @ [n, 1])
    more = copy_pairs[~known]
    cosines = _cosines(project.pool.rotated, more)
    return Near(
        near.ids,
        near.nearest,
        np.concatenate([near.pairs, more]),
        np.concatenate([near.cosines, cosines]).astype(np.float32),
        np.isin(np.concatenate([near.pairs, more]) @ [n, 1], copy_pairs @ [n, 1]),
    )


def _cosines(rotated: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    cosines = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), BLOCK):
        some = slice(start, start + BLOCK)
        a, b = rotated[pairs[some, 0]], rotated[pairs[some, 1]]
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines[some] = (a * b).sum(axis=1) / np.maximum(lengths, 1e-6)
    return cosines


def _mark(ids: Sequence[str]) -> int:
    return zlib.crc32("\n".join(ids).encode())


def _write(file: Path, near: Near, floor: float) -> None:
    arrays = {"nearest": near.nearest, "pairs": near.pairs, "cosines": near.cosines}
    keep_if_possible(file, npz_bytes(mark=_mark(near.ids), floor=floor, **arrays))


def _read(file: Path, ids: Sequence[str], floor: float) -> Near | None:
    try:
        with np.load(file) as kept:
            if int(kept["mark"]) != _mark(ids) or float(kept["floor"]) > floor:
                return None
            nearest, pairs, cosines = kept["nearest"], kept["pairs"], kept["cosines"]
        return Near(ids, nearest, pairs, cosines, np.zeros(len(pairs), dtype=bool))
    except UNREADABLE:
        return None
