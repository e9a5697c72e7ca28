"""What every format carries: pictures, and what people and a classifier say of them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Opinion(NamedTuple):
    """What one annotator says of a picture.

    Attributes
    ----------
    label : str
        A class, or "unsure" or "reject".
    annotator : str or None
        None where the file does not say.
    time : str
        ISO 8601; "" where the file does not say.
    """

    label: str
    annotator: str | None
    time: str


class Prediction(NamedTuple):
    """What the classifier says: a class, its probability, and which classifier it is."""

    label: str
    probability: float
    model: str


class Picture(NamedTuple):
    """A picture on its way out.

    Attributes
    ----------
    id, path, file : str
        Its name in the project, the path that it was imported by, and where it is read from.
    width, height : int
        In px.
    group, label, split : str
        "" for none; the label is the one that counts, by the team's rule.
    opinions : list of Opinion
    prediction : Prediction or None
    """

    id: str
    path: str
    file: str
    width: int
    height: int
    group: str
    label: str
    split: str
    opinions: list[Opinion]
    prediction: Prediction | None


class Numbers(NamedTuple):
    """What backbone and classifier compute of pictures.

    Attributes
    ----------
    embedded : set of str
        Ids of pictures that have an embedding.
    embeddings : callable
        From ids to their embeddings (n, d).
    columns : list of str
        What the d numbers of an embedding are: a part of it, and the place there.
    class_names : list of str
        Of the classifier; empty where there is none.
    probabilities : callable
        From ids to calibrated probabilities (n, K).
    """

    embedded: set[str]
    embeddings: Callable[[Sequence[str]], NDArray[np.float16]]
    columns: list[str]
    class_names: list[str]
    probabilities: Callable[[Sequence[str]], NDArray[np.float64]]


class Outgoing(NamedTuple):
    """All that may be written.

    Attributes
    ----------
    about : dict
        Project, backbone, classifier, and the log's position and hash.
    pictures : list of Picture
    numbers : Numbers or None
        None where nothing has been embedded, or the format carries none.
    """

    about: dict[str, str]
    pictures: list[Picture]
    numbers: Numbers | None = None


class Rectangle(NamedTuple):
    """A box on a picture, upright.

    Attributes
    ----------
    x, y, width, height : float
        Its left upper corner and its sides.
    of : float or None
        They are fractions of the picture's sides, times this; None: pixels.
    """

    x: float
    y: float
    width: float
    height: float
    of: float | None = None


class Contents(NamedTuple):
    """What a file of another tool holds.

    Attributes
    ----------
    opinions : list of (path, Rectangle or None, Opinion)
        Of a box, or None for the whole picture.
    other : int
        Outlines and answers of other kinds, which are neither a label of a whole picture nor of
        a box.
    """

    opinions: list[tuple[str, Rectangle | None, Opinion]]
    other: int
