"""What a user should know of a backbone before choosing it."""

from dataclasses import dataclass

from fewshot_lab.backbones._preprocessing import Preprocessing


@dataclass(frozen=True)
class Card:
    """A backbone's card.

    Attributes
    ----------
    name
        What :func:`fewshot_lab.backbones.find` takes.
    title
        For the screen.
    source, licence, training
        Where the weights come from, under which licence, and what they were trained on and how.
    size_mb
        Size of the weights in megabytes.
    dimensions
        Length of one embedding.
    preprocessing
        How a picture becomes the input.
    offline
        Whether the weights are on this machine already.
    note
        Anything else worth a sentence, else empty.
    fingerprint
        16 hex digits over weights, preprocessing and code version; empty until the weights are
        here.
    """

    name: str
    title: str
    source: str
    licence: str
    training: str
    size_mb: float
    dimensions: int
    preprocessing: Preprocessing
    offline: bool
    note: str = ""
    fingerprint: str = ""
