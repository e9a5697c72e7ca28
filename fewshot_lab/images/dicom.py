"""DICOM: from stored values to an 8-bit picture, frame by frame.

Of the header only what is needed to show the pixels is used, and only one identifier is handed
on, and that only when asked for: the patient or the study, as a group (images of one patient must
not sit on both sides of a split). No other header field leaves this file.

How grey values become 8 bit is told in ``dicom_grey``. Pixels marked as padding become black;
MONOCHROME1 is inverted.
"""

import warnings
from collections.abc import Callable
from copy import copy
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from fewshot_lab.images.dicom_grey import (
    grey_8bit,
    is_rescaled,
    modality_values,
    padding,
    value_range,
    windows_of,
)
from fewshot_lab.images.eight_bit import to_8bit
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.grey_values import GreyValues, window_over
from fewshot_lab.images.gzipped import is_gzip, unpacked
from fewshot_lab.images.memory_limit import memory_for
from fewshot_lab.images.pillow_decoder import refuse_too_large
from fewshot_lab.images.unreadable import with_reason

T = TypeVar("T")
_DEFLATED = "1.2.840.10008.1.2.1.99"
_PACKED = 1032
"""The most that deflate packs into one byte."""
GROUP_FIELDS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")


@cache
def _pydicom() -> Any:
    """Import pydicom once, with the decoders of imagecodecs."""
    import pydicom

    from fewshot_lab.images import dicom_codecs

    dicom_codecs.register()
    # It warns of header values slightly off the standard: nothing that a user could mend.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    warnings.filterwarnings("ignore", module="pydicom")
    return pydicom


def read_header(path: Path) -> Any:
    """Read a DICOM header, also of files without preamble or meta information.

    Raises
    ------
    UnreadableImage
        Where this is no DICOM file or it holds no picture.
    """
    pydicom = _pydicom()
    with with_reason(lambda _: "The DICOM header is truncated or damaged."):
        header = pydicom.dcmread(_source(path), stop_before_pixels=True, force=True)
        rows, columns = header.get("Rows"), header.get("Columns")
        kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    if not isinstance(rows, int) or not isinstance(columns, int):
        if path.stat().st_size == 0:
            raise UnreadableImage("The file is empty (0 bytes).")
        if not kind:
            raise UnreadableImage("This is not a DICOM file, or it is truncated.")
        raise UnreadableImage(f"The DICOM file holds no picture ({getattr(kind, 'name', kind)}).")
    refuse_too_large(columns, rows)
    return header


def frames_and_group(path: Path, group_field: str | None) -> tuple[int, str | None]:
    """Count the frames of a file and read its patient or study id.

    Returns
    -------
    frames : int
        Never more than the file has room for.
    group : str or None
        The value of `group_field` ("PatientID" or "StudyInstanceUID"), None where absent.
    """
    header = read_header(path)
    with with_reason(lambda _: "The DICOM header is damaged."):
        frames = frame_count(header, path)
        group = str(header.get(group_field) or "").strip() if group_field else ""
    return frames, group or None


def frame_count(header: Any, path: Path) -> int:
    """Count the frames that a header names, never more than the file has room for."""
    frames = max(int(header.get("NumberOfFrames") or 1), 1)
    bits = int(header.get("BitsAllocated") or 8) * int(header.get("SamplesPerPixel") or 1)
    syntax = header.file_meta.get("TransferSyntaxUID")
    compressed = syntax is not None and syntax.is_compressed
    least = 8 if compressed else max(header.Rows * header.Columns * bits // 8, 1)
    room = path.stat().st_size * (_PACKED if syntax == _DEFLATED or is_gzip(path) else 1)
    return max(min(frames, room // least), 1)


def read_dicom(path: Path, frame: int) -> Image.Image:
    """Read one frame as 8-bit RGB.

    Raises
    ------
    UnreadableImage
    """
    return read_frame(path, frame, _picture)


def read_dicom_grey(path: Path, frame: int) -> GreyValues | None:
    """Read one frame's grey values; None where a picture of 8 bit holds as much.

    Raises
    ------
    UnreadableImage
    """
    return read_frame(path, frame, _grey_values)


def read_frame(path: Path, frame: int, work: Callable[[np.ndarray, str, Any, int], T]) -> T:
    """Return what ``work`` makes of stored values, photometric interpretation, header, frame."""
    header = read_header(path)
    with (
        with_reason(lambda error: _reason(error, header)),
        memory_for(header.Columns, header.Rows),
    ):
        return work(*_stored_values(path, header, frame), header, frame)


def _picture(values: np.ndarray, photometric: str, header: Any, frame: int) -> Image.Image:
    if photometric.startswith("MONOCHROME"):
        grey = grey_8bit(values, header, frame)
        if photometric == "MONOCHROME1":
            grey = 255 - grey
        grey[padding(values, header)] = 0
        return Image.fromarray(grey).convert("RGB")
    return Image.fromarray(_colour(values, header, photometric))


def _grey_values(
    stored: np.ndarray, photometric: str, header: Any, frame: int
) -> GreyValues | None:
    if not photometric.startswith("MONOCHROME"):
        return None
    values, used = modality_values(stored, header, frame)
    windows = windows_of(used)
    if not windows and not is_rescaled(used) and int(used.get("BitsStored", 8)) <= 8:
        return None
    padded = padding(stored, header)
    low, high = value_range(values, padded)
    whole = bool((values == np.rint(values)).all())
    return GreyValues.of(
        np.where(padded, low, values),
        blank=padded,
        unit=unit_of(header),
        inverted=photometric == "MONOCHROME1",
        windows=windows or [window_over(low, high, whole=whole)],
    )


def unit_of(header: Any) -> str:
    """Name the values' unit; those of a CT that names none are Hounsfield units."""
    unit = str(header.get("RescaleType") or "").strip().upper()
    return "HU" if unit == "HU" or (not unit and header.get("Modality") == "CT") else ""


def _reason(error: Exception, header: Any) -> str:
    text = str(error).lower()
    if "plugins are missing" in text or isinstance(error, NotImplementedError):
        syntax = header.file_meta.get("TransferSyntaxUID")
        return f"The DICOM compression is not supported ({getattr(syntax, 'name', syntax)})."
    if "index" in text and "frame" in text:
        return "There is no such frame in this file."
    return "The DICOM pixel data are truncated or damaged."


def _stored_values(path: Path, header: Any, frame: int) -> tuple[np.ndarray, str]:
    """Decode one frame: (rows, columns) or (rows, columns, 3), YBR already turned into RGB."""
    from pydicom.pixels import pixel_array

    frames = int(header.get("NumberOfFrames") or 1)
    if not 0 <= frame < max(frames, 1):
        raise UnreadableImage("There is no such frame in this file.")
    photometric = str(header.get("PhotometricInterpretation") or "MONOCHROME2").strip()
    if header.file_meta.get("TransferSyntaxUID") and not is_gzip(path):
        try:
            return pixel_array(path, index=frame), photometric
        except Exception:  # it knows less than what reads the whole file first
            pass
    pydicom = _pydicom()
    whole = pydicom.dcmread(_source(path), force=True)
    if not whole.file_meta.get("TransferSyntaxUID"):
        # no meta information: the encoding is the one in which the header could be read
        implicit, little = whole.original_encoding
        syntaxes = pydicom.uid
        whole.file_meta.TransferSyntaxUID = (
            syntaxes.ImplicitVRLittleEndian
            if implicit
            else syntaxes.ExplicitVRLittleEndian
            if little
            else syntaxes.ExplicitVRBigEndian
        )
    return pixel_array(whole, index=frame), photometric


def _source(path: Path) -> Path | BytesIO:
    """Return what pydicom reads: the file, or what it holds packed."""
    return unpacked(path) if is_gzip(path) else path


def _colour(values: np.ndarray, header: Any, photometric: str) -> np.ndarray:
    from pydicom.pixels import apply_color_lut

    if photometric == "PALETTE COLOR":
        values = apply_color_lut(values, _in_order(header))[..., :3]
        if values.dtype != np.uint8:  # entries of 16 bit use them all (PS3.3 C.7.6.3.1.6)
            values = (values >> 8).astype(np.uint8)
    if values.ndim != 3 or values.shape[-1] != 3 or photometric in ("HSV", "CMYK", "ARGB"):
        raise UnreadableImage(f"The DICOM colour space is not supported ({photometric}).")
    return np.ascontiguousarray(to_8bit(values))


def _in_order(header: Any) -> Any:
    """Return a header whose palettes' words are in the order in which pydicom takes them."""
    if header.original_encoding[1] is not False:
        return header
    swapped = copy(header)
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTableData"
        if isinstance(table := header.get(name), bytes):
            setattr(swapped, name, np.frombuffer(table, ">u2").astype("<u2").tobytes())
    return swapped
