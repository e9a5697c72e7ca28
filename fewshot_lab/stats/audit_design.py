"""What was drawn for the audit set: units, and the strata they were drawn from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    """An image, or a group of images, that was drawn.

    Attributes
    ----------
    images : tuple of str
        Those of it that are to be labelled, drawn at random among all of it.
    size : int
        All images of it.
    of : int
        Images that it was drawn from, its own included: its chance was ``size / of``.
    usual : float
        The size to expect of the unit drawn, ``sum(size ** 2) / of`` over all.
    """

    images: tuple[str, ...]
    size: int
    of: int
    usual: float = 1.0


@dataclass(frozen=True)
class Stratum:
    """What one draw took from one part of the pool, in the order in which it was drawn.

    Attributes
    ----------
    name : str
        "" where the pool was not divided.
    until : int
        The pool is the images up to this place in the order of their import, from the last
        stratum's with a smaller number on.
    units : tuple of Unit
    """

    name: str
    until: int
    units: tuple[Unit, ...]
