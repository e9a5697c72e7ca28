"""NIfTI: a volume as its slices, as a radiologist sees them.

The volume is turned to the nearest of the body's axes; its slices go from feet to head, the
patient's right is on the left of the picture and front is up. Grey values are those of the
modality (slope and intercept applied), shown from the volume's 0.5th to its 99.5th percentile:
one window for all slices. Of several volumes in one file the slices follow one another.
"""

import logging
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fewshot_lab.files import while_unchanged
from fewshot_lab.images.eight_bit import stretch, to_8bit
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.grey_values import GreyValues, window_over
from fewshot_lab.images.gzipped import is_gzip, unpacked
from fewshot_lab.images.pillow_decoder import refuse_too_large
from fewshot_lab.images.unreadable import own_mistake

_TAILS = (0.5, 99.5)
_SIZES_1, _SIZES_2 = ((b"\x5c\x01\0\0", b"\0\0\x01\x5c"), (b"\x1c\x02\0\0", b"\0\0\x02\x1c"))
"""What headers of both versions begin with: their length, in either order of bytes."""
_one_at_a_time = threading.Lock()


def count_slices(path: Path) -> int:
    """Count the slices of all volumes of a file.

    Raises
    ------
    UnreadableImage
    """
    return int(np.prod(_volume(path).values.shape[2:4]))


def slice_positions(path: Path) -> list[list[float]]:
    """Return where the slices of each volume of a file lie, from feet to head, in mm.

    Raises
    ------
    UnreadableImage
    """
    volume = _volume(path)
    depth, times = volume.values.shape[2:4]
    places = [volume.lowest + k * volume.spacing for k in range(depth)]
    return [places] * times


def read_slice(path: Path, frame: int) -> Image.Image:
    """Read one slice as 8-bit RGB.

    Raises
    ------
    UnreadableImage
    """
    values, low, high = _slice(path, frame)
    if values.ndim == 3:
        return Image.fromarray(np.ascontiguousarray(to_8bit(values)))
    return Image.fromarray(stretch(values, low, high)).convert("RGB")


def read_slice_grey(path: Path, frame: int) -> GreyValues | None:
    """Read one slice's grey values; None where it is in colour.

    Raises
    ------
    UnreadableImage
    """
    values, low, high = _slice(path, frame)
    if values.ndim == 3:
        return None
    whole = bool((values == np.rint(values)).all())
    return GreyValues.of(values, windows=[window_over(low, high, whole=whole)])


def _slice(path: Path, frame: int) -> tuple[np.ndarray, float, float]:
    volume = _volume(path)
    if not 0 <= frame < int(np.prod(volume.values.shape[2:4])):
        raise UnreadableImage(f"There is no slice {frame} in this file.")
    time, depth = divmod(frame, volume.values.shape[2])
    plane = volume.values[:, :, depth, time]
    picture = np.ascontiguousarray(np.swapaxes(plane[::-1, ::-1], 0, 1))
    return picture, volume.low, volume.high


class _Volume(NamedTuple):
    """Values (x, y, z, t) or (x, y, z, t, 3); what is shown black and white; z in mm."""

    values: np.ndarray
    low: float
    high: float
    lowest: float
    spacing: float


def _volume(path: Path) -> _Volume:
    """Return what a file holds, turned upright."""
    with _one_at_a_time:  # the slices of one file follow one another: it is unpacked once
        try:
            return _read(path)
        except UnreadableImage:
            raise
        except MemoryError:
            raise UnreadableImage("There is not enough memory for this volume.") from None
        except OSError:
            raise
        except Exception as error:  # nibabel raises many things on damaged files
            raise UnreadableImage(
                own_mistake(error) or "The NIfTI file is truncated or damaged."
            ) from error


@while_unchanged(1)
def _read(path: Path) -> _Volume:
    import nibabel

    logging.getLogger("nibabel").setLevel(logging.CRITICAL)  # what matters is raised and listed
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    content = unpacked(path).getvalue() if is_gzip(path) else path.read_bytes()
    if content[:4] not in (*_SIZES_1, *_SIZES_2):
        zeros = bool(content) and not any(content)
        raise UnreadableImage(
            "The file holds nothing but zeros." if zeros else "This is not a NIfTI file."
        )
    first = content[:4] in _SIZES_1
    image: Any = (nibabel.Nifti1Image if first else nibabel.Nifti2Image).from_bytes(content)
    shape = image.shape
    if len(shape) < 2 or min(shape) < 1:
        raise UnreadableImage("The NIfTI file holds no picture.")
    refuse_too_large(shape[0], shape[1])
    offset = int(image.dataobj.offset)
    if offset + int(np.prod(shape)) * image.get_data_dtype().itemsize > len(content):
        raise UnreadableImage("The file is truncated: the end of the volume is missing.")
    scaled = (image.dataobj.slope, image.dataobj.inter) != (1, 0)
    values: Any = np.asarray(image.dataobj, np.float32 if scaled else None)
    if values.dtype.names:  # colours
        values = np.stack([values[name] for name in values.dtype.names[:3]], -1)
    colours = values.ndim > len(shape)
    while values.ndim - colours < 4:
        values = np.expand_dims(values, values.ndim - colours)
    values = values.reshape(*values.shape[:3], -1, *values.shape[-1:] * colours)
    values, affine = _upright(values, image.affine)
    across = (*((n - 1) / 2 for n in values.shape[:2]), 0, 1)
    along = (float((affine @ across)[2]), float(np.linalg.norm(affine[:3, 2])))
    if colours:
        return _Volume(values, 0.0, 255.0, *along)
    if values.dtype.kind == "c":
        values = np.abs(values)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    some = values[:: max(1, values.shape[0] // 64), :: max(1, values.shape[1] // 64)]
    low, high = (float(value) for value in np.percentile(some, _TAILS))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return _Volume(values, low, high, *along)


def _upright(values: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a volume to the nearest axes right, front and head; return its new affine, too."""
    from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

    directions = io_orientation(affine)  # type: ignore[no-untyped-call]
    if np.isnan(directions).any():
        return values, affine
    turned: np.ndarray = apply_orientation(values, directions)  # type: ignore[no-untyped-call]
    back = inv_ornt_aff(directions, values.shape[:3])  # type: ignore[no-untyped-call]
    return turned, affine @ back
