"""What kind of image these probably are: proposed from colour and names, never guessed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.pretrain.presets import PRESETS

_GREY = 12
"""Difference of two channels, of 255, that the compression of a grey JPEG may leave."""

_GREY_KINDS = ("radiology grey", "ultrasound", "oct")


@dataclass(frozen=True)
class ModalityProposal:
    """A proposal.

    Attributes
    ----------
    modality : str or None
        One of the presets; None where nothing tells, or names tell different things.
    why : str
        By what, in a sentence.
    """

    modality: str | None
    why: str


def propose_modality(
    names: Iterable[str], pictures: Iterable[NDArray[np.uint8]]
) -> ModalityProposal:
    """Propose a modality.

    Colours tell grey from the rest and no more: a stain, a skin and a bowel can be equally red.
    So what has colour is told by words in its names alone. What has none is radiology, unless its
    names speak of ultrasound or OCT.

    Parameters
    ----------
    names
        Of projects, folders, files and classes.
    pictures
        (h, w, 3); a few are enough.
    """
    seen = [_is_grey(picture) for picture in pictures]
    grey = bool(seen) and all(seen)
    words = {word for name in names for word in re.findall(r"[a-z]{3,}", name.lower())}
    kinds = _GREY_KINDS if grey else [kind for kind in PRESETS if PRESETS[kind].words]
    matches = {kind: sorted(w for w in words if _speaks(w, kind)) for kind in kinds}
    if grey and not any(matches[kind] for kind in kinds[1:]):
        return ModalityProposal("radiology grey", "The images have no colour.")
    order = sorted(matches, key=lambda kind: len(matches[kind]), reverse=True)
    first, second = order[:2]
    if len(matches[first]) == len(matches[second]):
        return ModalityProposal(
            None, "Neither colours nor names tell what kind of image these are."
        )
    named = ", ".join(f"“{word}”" for word in matches[first][:3])
    return ModalityProposal(first, f"{PRESETS[first].title} by the names: {named}.")


def _is_grey(picture: NDArray[np.uint8]) -> bool:
    spread = np.ptp(picture.astype(np.int16), axis=-1)
    return bool((spread <= _GREY).mean() > 0.99)


def _speaks(word: str, kind: str) -> bool:
    return any(
        word.endswith(sign[1:])
        if sign.startswith("-")
        else word == sign[1:]
        if sign.startswith("=")
        else word.startswith(sign)
        for sign in PRESETS[kind].words
    )
