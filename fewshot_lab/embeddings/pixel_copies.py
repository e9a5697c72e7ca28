"""Copies of one picture: saved anew, moved, cut a little, brighter, mirrored or turned.

Embeddings of a mirrored or badly saved copy are no nearer than those of a look-alike. Pixels tell:
a coarse description of each picture (the low frequencies of its cosine transform, as perceptual
hashes take them; mirroring and turning only change their signs and transpose them) finds what may
be a copy, and correlating the fine detail of the two, at their best shift, says whether it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, lru_cache

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
EXACT_WORK = 4e11
"""Operations up to which each description is compared with every other: some seconds."""
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

    See :func:`copies_by_block`.
    """
    blocks = [pairs for _, pairs in copies_by_block(read, descriptions, rows, progress)]
    return np.unique(np.concatenate([np.empty((0, 2), np.int64), *blocks]), axis=0)


def copies_by_block(
    read: Callable[[int], Gray],
    descriptions: npt.NDArray[np.floating],
    rows: npt.NDArray[np.int64],
    progress: Progress = silent,
) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """Look through ``rows`` block by block; yield how many, and the pairs (p, 2) of their copies.

    Where comparing all descriptions would take long, those in the nearest cells of an inverted
    file are compared.

    Parameters
    ----------
    read : callable
        Row to grey picture (64, 64), 0 to 255.
    descriptions : array (n, 100)
        What :func:`describe_picture` says of all.
    rows : array (m,) of int
        Those to look for.
    """
    n, d = descriptions.shape
    if n < 2 or not len(rows):
        return
    short = 2.0 * 8 * n * len(rows) * d <= EXACT_WORK
    index = build_index(descriptions, kind="flat" if short else "ivf")
    pictures = lru_cache(CHUNK)(lambda row: _Picture.of(read(row)))
    for start in range(0, len(rows), CHUNK):
        block = rows[start : start + CHUNK]
        coarse = descriptions[block].astype(np.float32).reshape(-1, LOW, LOW)
        searched = [
            index.search(_turned(coarse, turning).reshape(len(block), -1), min(NEAREST + 1, n))
            for turning in range(8)
        ]
        pairs = set()
        for at, row in enumerate(block.tolist()):
            best: dict[int, tuple[float, int]] = {}
            for turning, (cosines, others) in enumerate(searched):
                for cosine, other in zip(cosines[at].tolist(), others[at].tolist(), strict=True):
                    if other not in (row, -1) and cosine >= ALIKE:
                        best[other] = max(best.get(other, (0.0, 0)), (cosine, turning))
            nearest = sorted(best, key=lambda other: -best[other][0])[:NEAREST]
            if nearest:
                pairs |= {
                    (min(row, other), max(row, other))
                    for other in _copies(row, {o: best[o][1] for o in nearest}, pictures)
                }
        yield len(block), np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        progress("looking for copies", start + len(block), len(rows))


def _copies(
    row: int, candidates: dict[int, int], pictures: Callable[[int], _Picture | None]
) -> list[int]:
    """Return which candidates (row to turning) the picture of a row is a copy of."""
    picture_of_row = pictures(row)
    others = {other: pictures(other) for other in candidates}
    there = [other for other, picture in others.items() if picture is not None]
    if picture_of_row is None or not there:
        return []
    spectra = np.stack([others[other].spectra for other in there])  # type: ignore[union-attr]
    own = np.stack([picture_of_row.turned(candidates[other]) for other in there])
    alike = dict(zip(there, _correlations(own, spectra).tolist(), strict=True))
    order = sorted(alike, key=lambda other: -alike[other])
    copies = [other for other in order if alike[other] >= COPY]
    if not copies and alike[order[0]] >= STANDING_OUT:
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


class _Picture:
    """A picture's detail (2, 64, 64), of unit length: whole, and without its border."""

    def __init__(self, detail: npt.NDArray[np.float32]) -> None:
        self._detail = detail
        self.spectra = _spectra(detail)

    @classmethod
    def of(cls, gray: Gray) -> _Picture | None:
        """Return a grey picture's; None where it is blank."""
        detail = np.stack([fine @ gray @ fine.T - far @ gray @ far.T for fine, far in _filters()])
        detail *= _WINDOW
        detail -= detail.mean(axis=(1, 2), keepdims=True)
        length = np.sqrt(np.einsum("kij,kij->k", detail, detail))
        if (length < FAINT * COPY_SIDE).any():
            return None
        return cls((detail / length[:, None, None]).astype(np.float32))

    def turned(self, turning: int) -> npt.NDArray[np.complex64]:
        """Return the spectra of the picture in one of the eight turnings."""
        return _spectra(_turned(self._detail, turning))


_WINDOW = np.outer(*2 * [np.hanning(COPY_SIDE + 2)[1:-1]])


@cache
def _filters() -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Return what smooths rows and columns, a little and a lot: of the whole, and the inner part.

    Smoothing and resizing are linear, and alike along rows and columns: so each is a matrix.
    """
    from PIL import Image
    from scipy.ndimage import gaussian_filter1d

    each = np.eye(COPY_SIDE, dtype=np.float32)
    box = (0, CUT, COPY_SIDE, COPY_SIDE - CUT)
    inner = Image.fromarray(each).resize(each.shape, Image.Resampling.BICUBIC, box)
    smooth = [gaussian_filter1d(each.astype(np.float64), sigma, axis=0) for sigma in (1.0, 4.0)]
    fine, far = smooth
    return [(fine, far), (fine @ np.asarray(inner), far @ np.asarray(inner))]


def _spectra(detail: npt.NDArray[np.float32]) -> npt.NDArray[np.complex64]:
    from scipy.fft import rfft2

    spectra: npt.NDArray[np.complex64] = rfft2(detail)
    return spectra


def _correlations(
    a: npt.NDArray[np.complex64], b: npt.NDArray[np.complex64]
) -> npt.NDArray[np.float32]:
    """Return the highest correlation of each pair (c,) over shifts of at most 6 pixels.

    In steps of half a pixel, as the spectra (c, 2, 64, 33) say between the pixels; whole with
    whole, and either whole with the other's inner part.
    """
    along, across = _waves()
    product = np.conj(a[:, [0, 0, 1]]) * b[:, [0, 1, 0]]
    rows = along @ product
    at = rows.real @ across.real - rows.imag @ across.imag
    return np.asarray(at.max(axis=(1, 2, 3)) / COPY_SIDE**2)


@cache
def _waves() -> tuple[npt.NDArray[np.complex64], npt.NDArray[np.complex64]]:
    """Return what takes a spectrum (64, 33) to its values at the shifts (25, 25)."""
    shifts = np.arange(-2 * SHIFT, 2 * SHIFT + 1) / 2
    turn = 2j * np.pi / COPY_SIDE
    rows = np.fft.fftfreq(COPY_SIDE, 1 / COPY_SIDE)
    columns = np.arange(COPY_SIDE // 2 + 1)
    # A real picture's spectrum has each column but the first twice.
    twice = np.where(columns > 0, 2.0, 1.0)[:, None]
    along = np.exp(turn * np.outer(shifts, rows))
    across = twice * np.exp(turn * np.outer(columns, shifts))
    return along.astype(np.complex64), across.astype(np.complex64)
