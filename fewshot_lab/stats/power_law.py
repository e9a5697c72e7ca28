"""Learning curves as inverse power laws, with the doubt about where they go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

EXPONENTS = np.geomspace(0.15, 1.5, 16)
_TYPICAL, _SPREAD = 0.5, 0.6
"""Prior of the exponent: log-normal. Learning curves mostly fall like n^-0.2 to n^-1."""


@dataclass(frozen=True)
class PowerLaws:
    """Curves ``ceiling - drop * n**-exponent``, one for each replicate.

    Attributes
    ----------
    ceiling, drop, exponent : array (B,)
        ``drop`` is never negative, ``ceiling`` never above 1.
    """

    ceiling: Float
    drop: Float
    exponent: Float

    def at(self, n: float) -> Float:
        """Return the accuracy of each curve at n labels (B,)."""
        value: Float = self.ceiling - self.drop * float(n) ** -self.exponent
        return value

    def gain(self, before: float, after: float) -> Float:
        """Return what each curve rises by between two numbers of labels (B,)."""
        rise: Float = self.drop * (float(before) ** -self.exponent - float(after) ** -self.exponent)
        return rise


def fit_power_laws(sizes: Float, accuracy: Float, variance: Float, *, seed: int = 0) -> PowerLaws:
    """Fit ``ceiling - drop * n**-exponent`` to each replicate of a measured learning curve.

    The form and the weights of Figueroa et al. (2012, BMC Med. Inform. Decis. Mak. 12:8), who
    found three parameters with weighted least squares to predict the accuracy of clinical
    classifiers well; among the forms compared by Viering & Loog (2022, IEEE TPAMI 45) and Mohr
    et al. (2022, LCDB) it is the steady one where the points are few. A handful of points hardly
    tells the exponent: so none is chosen. Each replicate draws one from its posterior on a grid
    (a log-normal prior around 0.5), which widens what is said of far sizes, as it should.

    Parameters
    ----------
    sizes : array (S,)
        Numbers of training labels, ascending.
    accuracy : array (B, S)
        A row for each replicate of a bootstrap.
    variance : array (S,)
        Of the points, apart from what shifts all alike (the choice of the test images).
    """
    x = np.asarray(sizes, dtype=np.float64)
    Y = np.atleast_2d(np.asarray(accuracy, dtype=np.float64))
    # No point is so sure that it alone decides: the law itself is not exact.
    v = np.maximum(np.asarray(variance, dtype=np.float64), 1e-5)
    w = 1 / v
    basis = x[None, :] ** -EXPONENTS[:, None]  # (G, S)
    mean_x = (basis * w).sum(axis=1) / w.sum()
    mean_y = (Y * w).sum(axis=1) / w.sum()
    dx = basis - mean_x[:, None]
    dy = Y - mean_y[:, None]
    slope = (dy * w) @ dx.T / (dx**2 * w).sum(axis=1)  # (B, G)
    drop = np.maximum(-slope, 0.0)
    ceiling = mean_y[:, None] + drop * mean_x
    # Where the law would pass 1, the steepest that does not.
    over = ceiling > 1
    pinned = ((1 - Y) * w) @ basis.T / (basis**2 * w).sum(axis=1)
    drop = np.where(over, np.maximum(pinned, 0.0), drop)
    ceiling = np.where(over, 1.0, ceiling)
    residual = Y[:, None, :] - ceiling[:, :, None] + drop[:, :, None] * basis
    misfit = (residual**2 * w).sum(axis=2)
    prior = -0.5 * (np.log(EXPONENTS / _TYPICAL) / _SPREAD) ** 2
    log_weight = -0.5 * misfit + prior
    log_weight -= log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight).cumsum(axis=1)
    weight /= weight[:, -1:]
    u = np.random.default_rng(seed).random((len(Y), 1))
    chosen = (weight < u).sum(axis=1)
    rows = np.arange(len(Y))
    return PowerLaws(ceiling[rows, chosen], drop[rows, chosen], EXPONENTS[chosen])
