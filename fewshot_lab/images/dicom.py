"""DICOM: from stored values to an 8-bit picture, frame by frame.

Of the header only what is needed to show the pixels is used, and only one identifier is handed
on, and that only when asked for: the patient or the study, as a group (images of one patient must
not sit on both sides of a split). No other header field leaves this file.

Grey values go through the modality LUT or rescale, then the first VOI LUT, else the first window
(PS3.3 C.11.2.1), to 0..255. With neither, stored 8-bit values are kept and all others are
stretched from the frame's smallest to its largest value. Pixels marked as padding become black.
MONOCHROME1 is inverted.
"""

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.memory_limit import memory_for
from fewshot_lab.images.pillow_decoder import Unreadable, refuse_too_large, stretch, to_8bit

GROUP_FIELDS = ("PatientID", "StudyInstanceUID")


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
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
        rows, columns = header.get("Rows"), header.get("Columns")
        kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    except FileNotFoundError:
        raise UnreadableImage("The file is not there.") from None
    except PermissionError:
        raise UnreadableImage("The file cannot be opened: permission denied.") from None
    except Exception as error:  # the reader raises nearly anything on damaged files
        raise UnreadableImage("The DICOM header is truncated or damaged.") from error
    if not isinstance(rows, int) or not isinstance(columns, int):
        if path.stat().st_size == 0:
            raise UnreadableImage("The file is empty (0 bytes).")
        if not kind:
            raise UnreadableImage("This is not a DICOM file, or it is truncated.")
        raise UnreadableImage(f"The DICOM file holds no picture ({getattr(kind, 'name', kind)}).")
    try:
        refuse_too_large(columns, rows)
    except Unreadable as error:
        raise UnreadableImage(str(error)) from None
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
    try:
        frames = max(int(header.get("NumberOfFrames") or 1), 1)
        bits = int(header.get("BitsAllocated") or 8) * int(header.get("SamplesPerPixel") or 1)
        syntax = header.file_meta.get("TransferSyntaxUID")
        compressed = syntax is not None and syntax.is_compressed
        least = 8 if compressed else max(header.Rows * header.Columns * bits // 8, 1)
        frames = max(min(frames, path.stat().st_size // least), 1)
        group = str(header.get(group_field) or "").strip() if group_field else ""
    except Exception as error:
        raise UnreadableImage("The DICOM header is damaged.") from error
    return frames, group or None


def read_dicom(path: Path, frame: int) -> Image.Image:
    """Read one frame as 8-bit RGB.

    Raises
    ------
    UnreadableImage
    """
    header = read_header(path)
    with memory_for(header.Columns, header.Rows):
        return _picture(path, header, frame)


def _picture(path: Path, header: Any, frame: int) -> Image.Image:
    try:
        values, photometric = _stored_values(path, header, frame)
        if photometric.startswith("MONOCHROME"):
            grey = _grey(values, header, frame)
            if photometric == "MONOCHROME1":
                grey = 255 - grey
            grey[_padding(values, header)] = 0
            return Image.fromarray(grey).convert("RGB")
        return Image.fromarray(_colour(values, header, photometric))
    except UnreadableImage:
        raise
    except MemoryError:
        raise UnreadableImage("There is not enough memory for this picture.") from None
    except Exception as error:
        raise UnreadableImage(_reason(error, header)) from error


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
    if header.file_meta.get("TransferSyntaxUID"):
        values = pixel_array(path, index=frame)
    else:  # no meta information: the encoding is the one in which the header could be read
        pydicom = _pydicom()
        whole = pydicom.dcmread(path, force=True)
        implicit, little = whole.original_encoding
        syntaxes = pydicom.uid
        whole.file_meta.TransferSyntaxUID = (
            syntaxes.ImplicitVRLittleEndian
            if implicit
            else syntaxes.ExplicitVRLittleEndian
            if little
            else syntaxes.ExplicitVRBigEndian
        )
        values = pixel_array(whole, index=frame)
    return values, photometric


def _colour(values: np.ndarray, header: Any, photometric: str) -> np.ndarray:
    from pydicom.pixels import apply_color_lut

    if photometric == "PALETTE COLOR":
        values = apply_color_lut(values, header)[..., :3]
        if values.dtype != np.uint8:  # entries of 16 bit use them all (PS3.3 C.7.6.3.1.6)
            values = (values >> 8).astype(np.uint8)
    if values.ndim != 3 or values.shape[-1] != 3 or photometric in ("HSV", "CMYK", "ARGB"):
        raise UnreadableImage(f"The DICOM colour space is not supported ({photometric}).")
    return np.ascontiguousarray(to_8bit(values))


def _grey(values: np.ndarray, header: Any, frame: int) -> np.ndarray:
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_modality_lut, apply_voi

    used = Dataset()  # what applies to this frame, from wherever the header keeps it
    for sequence, names in (
        ("", ("BitsStored", "PixelRepresentation")),
        (
            "PixelValueTransformationSequence",
            ("ModalityLUTSequence", "RescaleSlope", "RescaleIntercept"),
        ),
        ("FrameVOILUTSequence", ("VOILUTSequence", "WindowCenter", "WindowWidth")),
        ("FrameVOILUTSequence", ("VOILUTFunction",)),
    ):
        for name in names:
            element = _find(header, frame, sequence, name)
            if element is not None and not element.is_empty:
                used.add(element)

    rescaled = "ModalityLUTSequence" in used or (
        float(used.get("RescaleSlope", 1)) != 1 or float(used.get("RescaleIntercept", 0)) != 0
    )
    keep = ~_padding(values, header)
    if "RescaleIntercept" in used and "RescaleSlope" not in used:
        used.RescaleSlope = 1
    if "RescaleSlope" in used and "RescaleIntercept" not in used:
        used.RescaleIntercept = 0
    values = apply_modality_lut(values, used)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if used.get("VOILUTSequence"):
        bits = int(used.VOILUTSequence[0].LUTDescriptor[2])
        mapped = apply_voi(values, used, index=0)
        top = float(2**bits - 1)
        return stretch(mapped, 0, top) if bits in (8, 16) else stretch(mapped, 0, mapped.max())
    window = _window(used)
    if window is not None:
        return apply_window(values, *window)
    signed = used.get("PixelRepresentation", 0)
    bits = int(used.get("BitsStored", 8))
    if not rescaled and not signed and bits <= 8 and values.dtype.kind in "ui":
        return stretch(values, 0, 2**bits - 1)
    inside = values[keep] if keep.any() else values
    return stretch(values, float(inside.min()), float(inside.max()))


def _find(header: Any, frame: int, sequence: str, name: str) -> Any:
    """Find an element for one frame: its own, else the shared one, else the top level's."""
    if sequence:
        own = header.get("PerFrameFunctionalGroupsSequence") or []
        shared = header.get("SharedFunctionalGroupsSequence") or []
        for groups in ([own[frame]] if frame < len(own) else [], shared):
            for group in groups:
                for item in group.get(sequence) or []:
                    if name in item:
                        return item[name]
    return header[name] if name in header else None  # noqa: SIM401 (get returns the value)


def _first(value: Any) -> Any:
    return value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value


def _window(used: Any) -> tuple[float, float, str] | None:
    """Return centre, width and function of the first window, None where there is no valid one."""
    try:
        centre, width = float(_first(used.WindowCenter)), float(_first(used.WindowWidth))
    except (AttributeError, TypeError, ValueError, IndexError):
        return None
    function = str(used.get("VOILUTFunction") or "LINEAR").strip().upper()
    valid = np.isfinite(centre) and width >= (1 if function == "LINEAR" else 1e-9)
    return (centre, width, function) if valid else None


def apply_window(values: np.ndarray, centre: float, width: float, function: str) -> np.ndarray:
    """Map values to 0..255 through a window (DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Parameters
    ----------
    values : numpy.ndarray
        After the modality transformation (Hounsfield units, for instance).
    centre, width : float
    function : str
        "LINEAR", "LINEAR_EXACT" or "SIGMOID".

    Returns
    -------
    numpy.ndarray
        uint8, of the same shape.
    """
    values = values.astype(np.float64)
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            share = 1 / (1 + np.exp(-4 * (values - centre) / width))
        return np.rint(255 * share).astype(np.uint8)
    if function == "LINEAR_EXACT":
        return stretch(values, centre - width / 2, centre + width / 2)
    if width == 1:
        return np.where(values > centre - 0.5, 255, 0).astype(np.uint8)
    return stretch(values, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _padding(values: np.ndarray, header: Any) -> np.ndarray:
    """Mark the pixels that the header calls padding (PS3.3 C.7.5.1.1.2)."""
    value = header.get("PixelPaddingValue")
    limit = header.get("PixelPaddingRangeLimit")
    if not isinstance(value, int) or values.ndim != 2:
        return np.zeros(values.shape[:2], bool)
    other = limit if isinstance(limit, int) else value
    return (values >= min(value, other)) & (values <= max(value, other))
