"""Copies of one picture: saved anew, moved, cut a little, brighter, mirrored or turned.

Embeddings of a mirrored or badly saved copy are no nearer than those of a look-alike. Pixels tell:
a coarse description of each picture (the low frequencies of its cosine transform, as perceptual
hashes take them; mirroring and turning only change their signs and transpose them) finds what may
be a copy, and correlating the fine detail of the two, at their best shift, says whether it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.index import build_index
from fewshot_lab.progress import Progress, silent

Gray = npt.NDArray[np.float32]

COPY_SIDE = 64
"""Pixels of each side of the pictures that are compared."""
LOW = 10
"""Frequencies along each side that describe one."""
NEAREST = 5
"""Pictures whose detail is compared with one's, those most alike by description."""
ALIKE = 0.9
"""Cosine of two descriptions from which on detail is compared."""
COPY, STANDING_OUT = 0.995, 0.98
"""Correlation of detail from which on two pictures are copies: in any case, and where no third
picture comes near (``RATIO`` times as far from 1)."""
RATIO = 2.5
CUT = 2
"""Pixels of a picture's border that a copy may lack."""
SHIFT = 6
FAINT = 0.5
"""Grey levels of detail below which a picture is blank."""
CHUNK = 2048
_FREQUENCY = np.add.outer(np.arange(LOW), np.arange(LOW)).astype(np.float32)
_SIGN = (-1.0) ** np.arange(LOW)


def describe_picture(gray: Gray) -> npt.NDArray[np.float16]:
    """Return the unit vector (100,) that tells the coarse look of a grey picture (64, 64)."""
    from scipy.fft import dctn

    whole: npt.NDArray[np.float32] = dctn(gray - gray.mean(), norm="ortho")
    low = whole[:LOW, :LOW].ravel() * np.sqrt(_FREQUENCY).ravel()
    return (low / max(float(np.linalg.norm(low)), 1e-6)).astype(np.float16)


def find_copies(
    read: Callable[[int], Gray],
    descriptions: npt.NDArray[np.floating],
    rows: npt.NDArray[np.int64],
    progress: Progress = silent,
) -> npt.NDArray[np.int64]:
    """Return the pairs of rows (p, 2) of which one is in ``rows`` and is a copy of the other.

    Parameters
    ----------
    read : callable
        Row to grey picture (64, 64), 0 to 255.
    descriptions : array (n, 100)
        What :func:`describe_picture` says of all.
    rows : array (m,) of int
        Those to look for.
    """
    n = len(descriptions)
    if n < 2 or not len(rows):
        return np.empty((0, 2), np.int64)
    index = build_index(descriptions)
    cached = lru_cache(CHUNK)(lambda row: _spectra(read(row)))
    pairs = set()
    for start in range(0, len(rows), CHUNK):
        some = rows[start : start + CHUNK]
        coarse = descriptions[some].astype(np.float32).reshape(-1, LOW, LOW)
        searched = [
            index.search(_turned(coarse, turning).reshape(len(some), -1), min(NEAREST + 1, n))
            for turning in range(8)
        ]
        for at, row in enumerate(some.tolist()):
            best: dict[int, tuple[float, int]] = {}
            for turning, (cosines, others) in enumerate(searched):
                for cosine, other in zip(cosines[at].tolist(), others[at].tolist(), strict=True):
                    if other not in (row, -1) and cosine >= ALIKE:
                        best[other] = max(best.get(other, (0.0, 0)), (cosine, turning))
            nearest = sorted(best, key=lambda other: -best[other][0])[:NEAREST]
            if nearest:
                pairs |= {
                    (min(row, other), max(row, other))
                    for other in _copies(read(row), {o: best[o][1] for o in nearest}, cached)
                }
        progress("looking for copies", start + len(some), len(rows))
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


Spectra = tuple[npt.NDArray[np.complex64], npt.NDArray[np.complex64]]


def _copies(
    gray: Gray, candidates: dict[int, int], spectra: Callable[[int], Spectra | None]
) -> list[int]:
    """Return which candidates (row to turning) a picture is a copy of."""
    alike = {}
    for other, turning in candidates.items():
        mine, theirs = _spectra(_turned(gray, turning)), spectra(other)
        if mine is not None and theirs is not None:
            ways = ((0, 0), (0, 1), (1, 0))
            alike[other] = max(_correlation(mine[a], theirs[b]) for a, b in ways)
    order = sorted(alike, key=lambda other: -alike[other])
    copies = [other for other in order if alike[other] >= COPY]
    if not copies and order and alike[order[0]] >= STANDING_OUT:
        third = alike[order[1]] if len(order) > 1 else 0.0
        if 1 - third >= RATIO * (1 - alike[order[0]]):
            copies = order[:1]
    return copies


def _turned(pictures: npt.NDArray[np.float32], turning: int) -> npt.NDArray[np.float32]:
    """Return pictures (..., s, s), or their descriptions, in one of the eight turnings."""
    coarse = pictures.shape[-1] == LOW
    if turning & 4:
        pictures = pictures.swapaxes(-1, -2)
    if turning & 2:
        pictures = pictures * _SIGN[:, None] if coarse else pictures[..., ::-1, :]
    if turning & 1:
        pictures = pictures * _SIGN if coarse else pictures[..., ::-1]
    return np.ascontiguousarray(pictures, dtype=np.float32)


def _spectra(gray: Gray) -> Spectra | None:
    """Return the spectra of a picture's detail, whole and without its border; None if blank."""
    from PIL import Image
    from scipy.fft import rfft2
    from scipy.ndimage import gaussian_filter

    window = np.outer(*2 * [np.hanning(COPY_SIDE + 2)[1:-1]])
    box = (CUT, CUT, COPY_SIDE - CUT, COPY_SIDE - CUT)
    inner = Image.fromarray(gray).resize((COPY_SIDE, COPY_SIDE), Image.Resampling.BICUBIC, box)
    spectra = []
    for picture in (gray, np.asarray(inner)):
        detail = (gaussian_filter(picture, 1.0) - gaussian_filter(picture, 4.0)) * window
        detail -= detail.mean()
        length = float(np.linalg.norm(detail))
        if length < FAINT * COPY_SIDE:
            return None
        spectra.append(rfft2((detail / length).astype(np.float32)))
    return spectra[0], spectra[1]


def _correlation(a: npt.NDArray[np.complex64], b: npt.NDArray[np.complex64]) -> float:
    """Return the highest correlation over shifts of at most 6 pixels, in steps of a half."""
    from scipy.fft import irfft2

    half = COPY_SIDE // 2
    wide = np.zeros((2 * COPY_SIDE, COPY_SIDE + 1), np.complex64)
    product = np.conj(a) * b
    wide[:half, : half + 1], wide[-half:, : half + 1] = product[:half], product[half:]
    at = irfft2(wide) * 4
    near = np.roll(at, (2 * SHIFT, 2 * SHIFT), (0, 1))[: 4 * SHIFT + 1, : 4 * SHIFT + 1]
    return float(near.max())
