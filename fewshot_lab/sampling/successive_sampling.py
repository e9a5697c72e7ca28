"""The random share: images drawn by chance alone, which never train the classifier."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.stats import Stratum, Unit

TAKE = 5
"""Images of a drawn patient that are asked about at first, at most; one, where there is room for
more patients."""


def draw_units(
    code: NDArray[np.int64],
    eligible: NDArray[np.bool_],
    n: int,
    rng: np.random.Generator,
    *,
    take: NDArray[np.int64] | None = None,
    strata: NDArray[np.int64] | None = None,
) -> list[tuple[int, list[tuple[NDArray[np.int64], int, int, float]]]]:
    """Draw images at random, and with an image what must stay together with it.

    One image after the other is picked, each with the same chance among those whose group has
    not been picked yet; its group is drawn with it (successive sampling with probability
    proportional to size: Des Raj 1956, JASA 51). Of a large group some images are asked about.

    Parameters
    ----------
    code : array (N,) of int
        Equal for images that stay together.
    eligible : array (N,) of bool
    n : int
        Images to be asked about.
    take : array (N,) of int, optional
        How many images to ask about where this one's group is drawn; one by default.
    strata : array (N,) of int, optional
        Parts of the pool to draw from, half evenly and half by their size, two of each at least:
        evenly alone, one image of a large part would stand for too many (Bankier 1988, Am.
        Statistician 42). A group counts for its first image's.

    Returns
    -------
    list of (stratum, units)
        Of each unit: rows to be labelled, size, images drawn from, usual size.
    """
    rows = np.flatnonzero(eligible)
    if not len(rows) or n <= 0:
        return []
    _, first, unit = np.unique(code[rows], return_index=True, return_inverse=True)
    part = np.zeros(len(first), np.int64) if strata is None else strata[rows[first]]
    size = np.bincount(unit)
    names = np.unique(part)
    shares = _allot(n, np.array([size[part == s].sum() for s in names]))
    out = []
    for name, share in zip(names, shares, strict=True):
        left = np.where(part == name, size, 0).astype(np.float64)
        units: list[tuple[NDArray[np.int64], int, int, float]] = []
        asked = 0
        while asked < share and left.any():
            of = left.sum()
            picked = int(np.searchsorted(np.cumsum(left), rng.random() * of, side="right"))
            rows_of_unit = rng.permutation(rows[unit == picked])
            most = 1 if take is None else int(take[rows_of_unit[0]])
            rows_of_unit = (
                rows_of_unit[: min(most, share - asked)] if len(units) else rows_of_unit[:most]
            )
            units.append((rows_of_unit, int(size[picked]), int(of), float((left**2).sum() / of)))
            asked += len(rows_of_unit)
            left[picked] = 0
        if units:
            out.append((int(name), units))
    return out


def draw_further(
    code: NDArray[np.int64],
    drawn: NDArray[np.bool_],
    open_: NDArray[np.bool_],
    n: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw images more of groups that were drawn, from those with the fewest first.

    Parameters
    ----------
    code : array (N,) of int
        Equal for images that stay together.
    drawn : array (N,) of bool
        Images drawn before.
    open_ : array (N,) of bool
        Those that may be drawn now; what is not of a drawn group is left out.
    n : int
        How many to draw, if there are as many.

    Returns
    -------
    array of int
        Rows, in the order in which they were drawn.
    """
    asked = np.bincount(code[drawn], minlength=int(code.max(initial=-1)) + 1)
    rows = rng.permutation(np.flatnonzero(open_ & ~drawn & (asked[code] > 0)))
    # The k-th image of a group comes when each group has as many.
    order = np.argsort(code[rows], kind="stable")
    _, first = np.unique(code[rows][order], return_index=True)
    place = np.empty(len(rows), np.int64)
    place[order] = np.arange(len(rows)) - np.repeat(first, np.diff([*first, len(rows)]))
    turn = np.argsort(asked[code[rows]] + place, kind="stable")
    return rows[turn][: max(n, 0)]


def images_per_group(
    code: NDArray[np.int64], eligible: NDArray[np.bool_], n: int, room: float
) -> int:
    """Return of how many images of each drawn group to ask, so that n fit into a room.

    Images of one patient tell less than as many patients, and where a patient holds one kind of
    image alone, a class would rest on one or two: so one of each, as long as the groups drawn
    hold no more images out than there is room for.

    Parameters
    ----------
    code : array (N,) of int
    eligible : array (N,) of bool
    n : int
        Images to be asked about.
    room : float
        Images that may be held out.
    """
    _, size = np.unique(code[eligible], return_counts=True)
    if not len(size):
        return 1
    usual = float((size.astype(np.float64) ** 2).sum() / size.sum())
    return int(np.clip(np.ceil(n * usual / max(room, 1.0)), 1, TAKE))


def _allot(n: int, sizes: NDArray[np.int64]) -> list[int]:
    """Share out n images, half evenly and half by size; none above its size."""
    if len(sizes) == 1:
        return [min(n, int(sizes[0]))]
    wanted = n * (0.5 * sizes / sizes.sum() + 0.5 / len(sizes))
    return [int(k) for k in np.minimum(np.maximum(np.round(wanted), 2), sizes)]


def write_strata(strata: Sequence[Stratum]) -> str:
    """Return a draw as text, for the record."""
    records = [
        {
            "stratum": s.name,
            "until": s.until,
            "units": [[list(u.images), u.size, u.of, round(u.usual, 6)] for u in s.units],
        }
        for s in strata
    ]
    return json.dumps({"strata": records}, ensure_ascii=False)


def write_more(more: Sequence[tuple[str, Sequence[str]]]) -> str:
    """Return, as text, that further images of drawn units are asked about.

    Parameters
    ----------
    more : sequence of (an image of the unit that was asked about before, further images)
    """
    return json.dumps({"more": [[head, list(images)] for head, images in more]})


def read_design(draws: Sequence[Any]) -> list[list[Stratum]]:
    """Return what was drawn, draw by draw, from the record.

    Parameters
    ----------
    draws : sequence of ``fewshot_lab.store.AuditDraw``
        One that says no more than "uniform" was drawn image by image from its pool.
    """
    design: list[list[Stratum]] = []
    more: dict[str, list[str]] = {}
    for draw in draws:
        try:
            record = json.loads(draw.strategy)
        except ValueError:
            record = {}
        if "strata" in record:
            design.append(
                [
                    Stratum(
                        s["stratum"],
                        s["until"],
                        tuple(Unit(tuple(i), size, of, usual) for i, size, of, usual in s["units"]),
                    )
                    for s in record["strata"]
                ]
            )
        elif "more" in record:
            for head, images in record["more"]:
                more.setdefault(head, []).extend(images)
        elif draw.image_ids:
            of = max(draw.pool_size, len(draw.image_ids))
            units = tuple(Unit((i,), 1, of - k) for k, i in enumerate(draw.image_ids))
            design.append([Stratum("", 0, units)])
    if not more:
        return design

    def whole(unit: Unit) -> Unit:
        added = [i for head in unit.images for i in more.get(head, ())]
        return Unit((*unit.images, *added), unit.size, unit.of, unit.usual) if added else unit

    return [
        [Stratum(s.name, s.until, tuple(whole(u) for u in s.units)) for s in draw]
        for draw in design
    ]
