"""What every format carries: pictures, and what people and a classifier say of them."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Format = Literal["label-studio", "coco", "cvat"]
FORMATS: tuple[Format, ...] = get_args(Format)


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
    """A picture on its way out; width and height in px."""

    path: str
    width: int
    height: int
    opinions: list[Opinion]
    prediction: Prediction | None = None


class Contents(NamedTuple):
    """What a file of another tool holds.

    Attributes
    ----------
    opinions : list of (path, Opinion)
    other : int
        Boxes, outlines and answers of other kinds, which are no label of a whole picture.
    """

    opinions: list[tuple[str, Opinion]]
    other: int
