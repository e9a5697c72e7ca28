"""How many images of the pool each labelled audit image stands for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fewshot_lab.stats.audit_design import Stratum, Unit


@dataclass(frozen=True)
class Weighted:
    """An audit image with its weight.

    Attributes
    ----------
    weight : float
        Images that it stands for.
    stratum : str
        Part of the pool that it was drawn from.
    """

    weight: float
    stratum: str


def audit_weights(
    design: Sequence[Sequence[Stratum]],
    answered: Collection[str],
    sizes: Mapping[int, int] | None = None,
) -> dict[str, Weighted]:
    """Return the weight of each audit image that has an answer.

    The audit set is drawn in several draws from what is left of the pool, in strata when asked.
    Given all before it, each pick gives an unbiased estimate of a total over the pool: what was
    picked before, plus the picked unit's mean times the images it was picked from (Des Raj 1956,
    JASA 51, 269-284). These are averaged with weights that follow from the past alone, the
    inverse of their variance for units alike: so a plain sample gets equal weights, however many
    draws it came in. Of a unit of which some images are asked about, each stands for its share.

    Images added to the pool later are a part of their own, drawn from and weighted apart.
    Units without an answer are treated as if they had not been drawn.

    Parameters
    ----------
    design
        As :func:`fewshot_lab.sampling.read_design` returns it.
    answered
        Ids of the audit images that have a class.
    sizes : mapping, optional
        Images of each part of the pool by its ``until``; what the draws say, if not given.
    """
    weights: dict[str, Weighted] = {}
    parts = {stratum.until for draw in design for stratum in draw}
    for part in sorted(parts):
        draws = [[s for s in draw if s.until == part] for draw in design]
        weights |= _weigh(
            [d for d in draws if d], set(answered), None if sizes is None else sizes.get(part)
        )
    return weights


def _weigh(
    draws: Sequence[Sequence[Stratum]], answered: set[str], pool: int | None
) -> dict[str, Weighted]:
    answered_draws: list[list[tuple[Stratum, list[Unit]]]] = []
    for draw in draws:
        strata = []
        for stratum in draw:
            units = [
                Unit(tuple(i for i in u.images if i in answered), u.size, u.of, u.usual)
                for u in stratum.units
            ]
            strata.append((stratum, [u for u in units if u.images]))
        if any(units for _, units in strata):
            answered_draws.append(strata)
    if not answered_draws:
        return {}
    weight: dict[int, float] = {}
    inverse = []
    inner = []
    for strata in answered_draws:
        variance, stands_for = 0.0, []
        for stratum, units in strata:
            total = stratum.units[0].of
            if not units:
                # A part of the pool of which this draw tells nothing.
                variance = np.inf
                continue
            usual = stratum.units[0].usual
            variance += total * max(total - len(units) * usual, 1e-6 * total) / len(units)
            stands_for += _successive(units, total)
        inverse.append(1 / variance)
        inner.append(stands_for)
    shares = np.array(inverse)
    shares = shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))
    # A later draw takes what was drawn before as known.
    after = np.concatenate([np.cumsum(shares[::-1])[::-1][1:], [0.0]])
    for share, later, stands_for in zip(shares, after, inner, strict=True):
        for unit, own in stands_for:
            weight[id(unit)] = share * own + later * unit.size
    units_of = [(s.name, u) for strata in answered_draws for s, units in strata for u in units]
    whole = sum(weight[id(u)] for _, u in units_of)
    scale = 1.0 if pool is None else pool / whole
    return {
        image: Weighted(scale * weight[id(unit)] / len(unit.images), name)
        for name, unit in units_of
        for image in unit.images
    }


def _successive(units: Sequence[Unit], total: int) -> list[tuple[Unit, float]]:
    """Return for each unit of one draw how many images of the pool it stands for."""
    left, of, inverse = float(total), [], []
    for unit in units:
        of.append(left)
        # From the second pick on the pick's chance depends on the first; with equal units this
        # is 1 / (left * (left - 1)), which gives all the same weight.
        inverse.append(1 / (left * max(left - unit.usual, 1e-6 * left)))
        left = max(left - unit.size, 1.0)
    share = np.array(inverse)
    share /= share.sum()
    after = np.concatenate([np.cumsum(share[::-1])[::-1][1:], [0.0]])
    return [(unit, float(share[k] * of[k] + after[k] * unit.size)) for k, unit in enumerate(units)]
