"""How many further labels an interval needs."""

import math

from fewshot_lab.stats import Interval, wilson

NARROW = 0.2
"""Width from which on an accuracy means something: ten points to either side."""


def images_until_finished() -> int:
    """Return how many independent images make any accuracy's interval ``NARROW`` at the most.

    Whatever the value: an audit that ended once its interval happens to be narrow would end sooner
    where all were right by chance.
    """
    return math.ceil(_size(0.5, NARROW))


def labels_to_halve(interval: Interval, pool: int | None = None) -> int | None:
    """Return how many further labels would make an interval half as wide, at the same value.

    An interval shrinks with the square root of the number of labels: roughly three times as many
    again are needed. They have to come from further patients where images have groups.

    Parameters
    ----------
    interval : Interval
    pool : int, optional
        Images there are; None is returned where they do not suffice.
    """
    if not interval.n or math.isnan(interval.value) or interval.high <= interval.low:
        return None
    return _further(interval, interval.value, (interval.high - interval.low) / 2, pool)


def labels_until_narrow(accuracy: Interval, pool: int | None = None) -> int | None:
    """Return how many further labels an accuracy needs before its interval means something.

    At most ``NARROW`` wide, at the value that Laplace's rule expects of further images: of few
    labels all may be right by chance.

    Parameters
    ----------
    accuracy : Interval
    pool : int, optional
        Images there are; None is returned where they do not suffice.
    """
    if accuracy.high - accuracy.low <= NARROW:
        return 0
    value = 0.5
    if accuracy.n:
        value = (accuracy.value * accuracy.n + 1) / (accuracy.n + 2)
    return _further(accuracy, value, NARROW, pool)


def _further(interval: Interval, value: float, width: float, pool: int | None) -> int | None:
    """Return the labels that lack until an interval at a value is so wide."""
    size = _size(interval.value, interval.high - interval.low) if interval.n else 1.0
    more = math.ceil(max(interval.n, 1) * _size(value, width) / size) - interval.n
    return None if pool is not None and interval.n + more > pool else max(more, 1)


def _size(value: float, width: float) -> float:
    """Return the number of independent images at which an interval is so wide."""
    low, high = 1e-3, 1e9
    for _ in range(80):
        middle = math.sqrt(low * high)
        at = wilson(value * middle, middle)
        if at.high - at.low > width:
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)
