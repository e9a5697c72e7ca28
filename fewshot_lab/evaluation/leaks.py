"""The assertion behind every figure: nothing that belongs together is on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.words import plural


@dataclass(frozen=True)
class Leak:
    """A group with images on both sides of a split.

    Attributes
    ----------
    group : str
    trained, tested : tuple of str
        Ids of its images on either side.
    """

    group: str
    trained: tuple[str, ...]
    tested: tuple[str, ...]


@dataclass(frozen=True)
class LeakCheck:
    """What was found when a split was checked.

    Attributes
    ----------
    groups : int
        Named groups (patients, slides, videos) among the images checked.
    joined : int
        Further groups that are near-duplicates alone.
    leaks : tuple of Leak
    excluded : int
        Images left out of the figures because of them.
    noun : str
    apart : int
        Near-duplicate pairs of different groups that are not joined: joining them would put too
        many images in one. An image whose twin trained is not counted instead.
    twins : int
        Images left out of the figures because of that.
    """

    groups: int
    joined: int = 0
    leaks: tuple[Leak, ...] = field(default=())
    excluded: int = 0
    noun: str = "group"
    apart: int = 0
    twins: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is on both sides."""
        return not self.leaks

    @property
    def sentence(self) -> str:
        """The result in words, to be printed beside the figures; it names no patient."""
        if self.leaks:
            trained = sum(len(leak.trained) for leak in self.leaks)
            tested = sum(len(leak.tested) for leak in self.leaks)
            words = (
                f"{plural(len(self.leaks), self.noun)} on both sides ({tested:,} tested, "
                f"{trained:,} trained on): {plural(self.excluded, 'image')} left out of the "
                "figures."
            )
        else:
            parts = []
            if self.groups:
                parts.append(plural(self.groups, self.noun))
            if self.joined:
                parts.append(f"{plural(self.joined, 'set')} of near-duplicates")
            words = (
                f"{' and '.join(parts)}; none on both sides."
                if parts
                else "No groups are known, and none of these images are near-duplicates: images of "
                "one patient may be on both sides."
            )
            if parts and not self.groups:
                words += " No groups are known: images of one patient may be on both sides."
        if self.apart:
            pairs = "pair" if self.apart == 1 else "pairs"
            words += f" {self.apart:,} look-alike {pairs} of different {self.noun}s; " + (
                f"{plural(self.twins, 'image')} whose twin was trained on left out of the figures."
                if self.twins
                else "none of them on both sides."
            )
        return words

    def named(self, most: int = 3) -> str:
        """Name the groups and images on both sides; "" where there are none."""
        return "; ".join(
            f"{leak.group}: {', '.join(leak.tested[:most])} tested, "
            f"{', '.join(leak.trained[:most])} trained on"
            for leak in self.leaks[:most]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it; groups are counted, not named."""
        return {
            "sound": self.sound,
            "sentence": self.sentence,
            "groups": self.groups,
            "near_duplicate_sets": self.joined,
            "leaks": len(self.leaks),
            "excluded": self.excluded,
            "not_joined": self.apart,
            "twins_excluded": self.twins,
        }


def check_sides(
    groups: NDArray[Any] | None,
    trained: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    ids: Sequence[str],
    *,
    noun: str = "group",
    pairs: NDArray[np.int64] | None = None,
) -> tuple[LeakCheck, NDArray[np.bool_]]:
    """Check that no group has images among those trained on and among those tested.

    Parameters
    ----------
    groups : array (n,) of str, or None
        As ``Project.groups_of`` returns it; None where none is known.
    trained, tested : array (n,) of bool
    ids : sequence (n,) of str
    pairs : array (p, 2) of int, optional
        Near-duplicates of different groups that are not joined.

    Returns
    -------
    LeakCheck
    array (n,) of bool
        Tested images that leak: they must not be counted.
    """
    folds = np.where(tested, 0, np.where(trained, -1, -2))[None]
    return check_folds(groups, folds, ids, noun=noun, pairs=pairs)


def check_folds(
    groups: NDArray[Any] | None,
    folds: NDArray[np.int64],
    ids: Sequence[str],
    *,
    noun: str = "group",
    pairs: NDArray[np.int64] | None = None,
) -> tuple[LeakCheck, NDArray[np.bool_]]:
    """Check the folds of a cross-validation: in each repeat a group is in one fold alone.

    Parameters
    ----------
    groups : array (n,) of str, or None
    folds : array (R, n) of int
        The fold in which an image is held out; -1: always trains; -2: takes no part.
    ids : sequence (n,) of str
    pairs : array (p, 2) of int, optional
        Near-duplicates of different groups that are not joined: of these an image that was held
        out while its twin trained is left out.

    Returns
    -------
    LeakCheck
    array (n,) of bool
        Images that were held out while others of their group trained.
    """
    n = folds.shape[1]
    leaking = np.zeros(n, dtype=bool)
    twin = np.zeros(n, dtype=bool)
    apart = 0
    if pairs is not None and len(pairs) and n:
        a, b = folds[:, pairs[:, 0]], folds[:, pairs[:, 1]]
        torn = (a != b) & (a > -2) & (b > -2)
        apart = int(((a > -2) & (b > -2)).any(axis=0).sum())
        twin[pairs[(torn & (a >= 0)).any(axis=0), 0]] = True
        twin[pairs[(torn & (b >= 0)).any(axis=0), 1]] = True
    if groups is None or not n:
        return LeakCheck(0, noun=noun, apart=apart, twins=int(twin.sum())), twin
    names, code = np.unique(groups.astype(str), return_inverse=True)
    part = (folds > -2).any(axis=0)
    size = np.bincount(code[part], minlength=len(names))
    sides: dict[int, tuple[set[int], set[int]]] = {}
    for fold in folds:
        low = np.full(len(names), np.iinfo(np.int64).max)
        high = np.full(len(names), -2)
        inside = fold > -2
        np.minimum.at(low, code[inside], fold[inside])
        np.maximum.at(high, code[inside], fold[inside])
        for g in np.flatnonzero(high > low):
            of_group = np.flatnonzero((code == g) & inside)
            own = fold[of_group]
            held = of_group[own >= 0]
            leaking[held] = True
            # Whatever is in no fold, or another, trained while these were held out.
            others = of_group[(own[:, None] != np.unique(fold[held])).any(axis=1)]
            tested, trained = sides.setdefault(int(g), (set(), set()))
            tested.update(held.tolist())
            trained.update(others.tolist())
    leaks = tuple(
        Leak(
            str(names[g]),
            tuple(ids[i] for i in sorted(trained)),
            tuple(ids[i] for i in sorted(tested)),
        )
        for g, (tested, trained) in sides.items()
    )
    present = names[size > 0]
    plain = np.array([name.startswith(("image:", "near:")) for name in present], dtype=bool)
    near = np.array([name.startswith("near:") for name in present], dtype=bool)
    check = LeakCheck(
        int((~plain).sum()),
        int((near & (size[size > 0] > 1)).sum()),
        leaks,
        int(leaking.sum()),
        noun,
        apart,
        int((twin & ~leaking).sum()),
    )
    return check, leaking | twin
