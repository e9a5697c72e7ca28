"""What a user should know of a backbone before choosing it."""

from dataclasses import dataclass

from fewshot_lab.backbones.licence import LicenceClass
from fewshot_lab.backbones.pooling import Pooling
from fewshot_lab.backbones.preprocessing import Preprocessing

BUNDLE_LIMIT_MB = 2147
"""Protocol buffers, and so an ONNX file and a bundle, end at 2 GB."""


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
        Origin of the weights, their licence, and how and on what they were trained.
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
    domain
        Which images it is for, in a word or two, to group cards; empty for one's own.
    good_for
        The same in one plain sentence.
    leaks
        Which public sets it has seen in training, so that figures on them are optimistic; empty
        where none is known.
    licence_class
        What the licence demands of a classifier made with it.
    gated
        Whether access to the weights must be requested.
    pooling
        How an embedding is computed from the network's tokens.
    """

    name: str
    title: str
    source: str
    licence: str
    training: str
    size_mb: float
    dimensions: int
    preprocessing: Preprocessing
    offline: bool = False
    note: str = ""
    fingerprint: str = ""
    domain: str = ""
    good_for: str = ""
    leaks: str = ""
    licence_class: LicenceClass = "not stated"
    gated: bool = False
    pooling: Pooling = "network"
