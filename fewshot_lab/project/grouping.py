"""What of a project stays together at one moment: groups joined with near-duplicates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.evaluation import NearThreshold, Together, near_threshold, together
from fewshot_lab.project.near_duplicates import Near
from fewshot_lab.words import percent


@dataclass(frozen=True)
class NearPair:
    """Two images that are nearly the same.

    Attributes
    ----------
    a, b : str
        Image ids.
    cosine : float
    state : {"joined", "released", "apart"}
        "apart": of different groups, and joining all such would put too much in one.
    copy : bool
        Their pixels say that one is a copy of the other.
    """

    a: str
    b: str
    cosine: float
    state: str
    copy: bool = False


STATES = ("joined", "released", "apart")


class NearPairs(Sequence[NearPair]):
    """The p pairs of images that are nearly the same: copies first, then the closest.

    Attributes
    ----------
    rows : array (p, 2) of int
        Their images' rows in the project.
    """

    def __init__(
        self,
        ids: Sequence[str],
        rows: NDArray[np.int64],
        cosines: NDArray[np.float32],
        states: NDArray[np.int8],
        copies: NDArray[np.bool_],
    ) -> None:
        order = np.lexsort((-cosines, ~copies))
        self._ids, self.rows = ids, rows[order]
        self._cosines, self._states, self._copies = cosines[order], states[order], copies[order]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> NearPair: ...

    @overload
    def __getitem__(self, at: slice) -> list[NearPair]: ...

    def __getitem__(self, at: int | slice) -> NearPair | list[NearPair]:
        if isinstance(at, slice):
            return [self[k] for k in range(len(self))[at]]
        (a, b), state = self.rows[at].tolist(), STATES[self._states[at]]
        copy = bool(self._copies[at])
        return NearPair(self._ids[a], self._ids[b], float(self._cosines[at]), state, copy)

    def of_state(self, state: str) -> "NearPairs":
        """Return those in a state, in their order."""
        its = self._states == STATES.index(state)
        of = (self._cosines[its], self._states[its], self._copies[its])
        return NearPairs(self._ids, self.rows[its], *of)

    def images(self, *, copies: bool) -> NDArray[np.int64]:
        """Return the rows of images that are copies, or near-duplicates but no copies."""
        return np.unique(self.rows[self._copies == copies])


@dataclass(frozen=True)
class Grouping:
    """Groups joined with near-duplicates, and the test set, along all n images of a project.

    Attributes
    ----------
    ids : list (n,) of str
    row : dict
        Image id to row.
    joined : Together
    pairs : NearPairs
    apart : array (p, 2) of int
        Rows of the pairs that are not joined.
    threshold : NearThreshold
    test : array (n,) of bool
    test_by : str
    video_frames : dict
        How many images each video gave, by what names it: they stay together and are no pairs.
    """

    ids: list[str]
    row: dict[str, int]
    joined: Together
    pairs: NearPairs
    apart: NDArray[np.int64]
    threshold: NearThreshold
    test: NDArray[np.bool_]
    test_by: str
    video_frames: dict[str, int] = field(default_factory=dict)

    def rows(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the row of each image, -1 for one that the project does not have."""
        if ids == self.ids:
            return np.arange(len(self.ids))
        return np.array([self.row.get(i, -1) for i in ids], dtype=np.int64)

    def codes(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a number for each row, equal for those that stay together; unknown ones alone."""
        own = len(self.ids) + np.arange(len(rows))
        return np.where(rows < 0, own, self.joined.code[rows] if len(self.ids) else own)

    def groups_of(self, ids: Sequence[str]) -> NDArray[np.object_] | None:
        """Return the name of what each image stays together with; None where all stand alone."""
        code = self.joined.code[self.rows(ids)]
        size = np.bincount(self.joined.code, minlength=len(self.joined.names))
        if not (self.joined.named[code] | (size[code] > 1)).any():
            return None
        return np.array(self.joined.names, dtype=object)[code]

    def in_named_group(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which images have a group by the rule, not only near-duplicates (m,)."""
        if not len(self.ids):
            return np.zeros(len(rows), dtype=bool)
        return np.where(rows < 0, False, self.joined.named[self.joined.code[rows]])

    def apart_pairs(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which of some images (m,) are near-duplicates of different groups, not joined.

        As positions (p, 2) among them.
        """
        place = np.full(len(self.ids), -1, np.int64)
        place[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        pairs = place[self.apart]
        return np.asarray(pairs[(pairs >= 0).all(axis=1)])

    def near_duplicates(self) -> dict[str, Any]:
        """Return the threshold and how many pairs stand on which side, as JSON can hold it."""
        sets = int((np.bincount(self.joined.code)[~self.joined.named] > 1).sum()) if self.ids else 0
        return {
            "threshold": self.threshold.value,
            "why": self.threshold.sentence,
            "joined": len(self.pairs.of_state("joined")),
            "released": len(self.pairs.of_state("released")),
            "not_joined": len(self.pairs.of_state("apart")),
            "sets": sets,
            "videos": len(self.video_frames),
            "video_frames": sum(self.video_frames.values()),
        }

    def test_set(self) -> dict[str, Any]:
        """Return what makes the reference test set and its size, as JSON can hold it."""
        code = self.joined.code
        kept_out = np.isin(code, code[self.test]) & ~self.test
        return {
            "by": self.test_by,
            "images": int(self.test.sum()),
            "kept_out_with_it": int(kept_out.sum()),
        }


def group(
    ids: list[str],
    keys: Sequence[str | None],
    near: Near,
    threshold: float | None,
    released: set[tuple[str, str]],
    test: tuple[NDArray[np.bool_], str],
    video_of: Mapping[str, str] = MappingProxyType({}),
) -> Grouping:
    """Join groups with near-duplicates.

    Parameters
    ----------
    ids : list (n,) of str
    keys : sequence (n,) of str or None
        Group of each image by the project's rule.
    near : Near
        Pairs that are close enough to be asked about.
    threshold : float, optional
        The cosine that a person chose; by the distribution of ``near`` without it.
    released : set of (str, str)
        Pairs, in the order of :func:`ordered`, that are not joined whatever their cosine.
    test : array (n,) of bool, str
        The reference test set, and what makes it.
    video_of : mapping
        What names the video of an image that is a frame of one.
    """
    row = {image_id: k for k, image_id in enumerate(ids)}
    limit = (
        NearThreshold(threshold, f"{percent(threshold, 1)}: chosen by hand.")
        if threshold is not None
        # The frame before is nearest to nearly every frame: that tells nothing of other images.
        else near_threshold(near.nearest[[image_id not in video_of for image_id in near.ids]])
    )
    n = len(ids)
    videos = {video: number for number, video in enumerate(dict.fromkeys(video_of.values()))}
    video = np.array([videos[video_of[i]] if i in video_of else -1 for i in ids], np.int64)
    close = near.copies | (near.cosines >= limit.value)
    if near.ids == ids:
        place = np.arange(n)
    else:
        place = np.array([row.get(i, -1) for i in near.ids], np.int64)
    pair_rows = place[near.pairs[close]]
    a, b = pair_rows.T
    joinable = (a >= 0) & (b >= 0) & ((video[a] < 0) | (video[a] != video[b]))
    pair_rows = pair_rows[joinable]
    let_go = [sorted((row[a], row[b])) for a, b in released if a in row and b in row]
    unreleased = ~np.isin(_keys(pair_rows, n), _keys(np.array(let_go, np.int64).reshape(-1, 2), n))
    wanted = pair_rows[unreleased]
    frames: dict[str, list[str]] = {}
    for image_id in ids:
        if image_id in video_of:
            frames.setdefault(video_of[image_id], []).append(image_id)
    neighbours = [pair for each in frames.values() for pair in pairwise(each)]
    frame_rows = np.array([(row[a], row[b]) for a, b in neighbours], np.int64).reshape(-1, 2)
    joined = together(ids, keys, np.concatenate([wanted, frame_rows]))
    apart = joined.apart[joined.apart < len(wanted)]
    states = np.full(len(pair_rows), STATES.index("released"), np.int8)
    states[unreleased] = STATES.index("joined")
    states[np.flatnonzero(unreleased)[apart]] = STATES.index("apart")
    copies = near.copies[close][joinable]
    pairs = NearPairs(ids, pair_rows, near.cosines[close][joinable], states, copies)
    video_frames = {video: len(each) for video, each in frames.items()}
    return Grouping(ids, row, joined, pairs, wanted[apart], limit, *test, video_frames)


def _keys(pairs: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return a number for each pair of rows (p, 2), whichever comes first."""
    return np.asarray(pairs.min(axis=1) * n + pairs.max(axis=1))


def ordered(a: str, b: str) -> tuple[str, str]:
    """Return a pair of ids in the order in which pairs are stored."""
    return (a, b) if a < b else (b, a)
