"""The grey values of a DICOM frame: from stored values to those of the modality, and to 8 bit.

They go through the modality LUT or rescale, then the first VOI LUT, else the first window (PS3.3
C.11.2.1), to 0..255. With neither, stored 8-bit values are kept and all others are stretched from
the frame's smallest to its largest value.
"""

from typing import Any

import numpy as np

from fewshot_lab.images.eight_bit import stretch


def modality_values(values: np.ndarray, header: Any, frame: int) -> tuple[np.ndarray, Any]:
    """Turn stored values into those of the modality (Hounsfield units, for instance).

    Returns
    -------
    values : numpy.ndarray
        Of the same shape; whole or real numbers.
    used : pydicom.Dataset
        What of the header applies to this frame, from wherever it is kept.
    """
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_modality_lut

    used = Dataset()
    used.set_original_encoding(*header.original_encoding)  # tables are words of that order
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
    if "RescaleIntercept" in used and "RescaleSlope" not in used:
        used.RescaleSlope = 1
    if "RescaleSlope" in used and "RescaleIntercept" not in used:
        used.RescaleIntercept = 0
    values = apply_modality_lut(values, used)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    return values, used


def is_rescaled(used: Any) -> bool:
    """Say whether the modality's values are others than the stored ones."""
    return "ModalityLUTSequence" in used or (
        float(used.get("RescaleSlope", 1)) != 1 or float(used.get("RescaleIntercept", 0)) != 0
    )


def grey_8bit(stored: np.ndarray, header: Any, frame: int) -> np.ndarray:
    """Map stored values to 0..255 (uint8), as the header says."""
    from pydicom.pixels import apply_voi

    values, used = modality_values(stored, header, frame)
    if used.get("VOILUTSequence"):
        bits = int(used.VOILUTSequence[0].LUTDescriptor[2])
        mapped = apply_voi(values, used, index=0)
        top = float(2**bits - 1)
        return stretch(mapped, 0, top) if bits in (8, 16) else stretch(mapped, 0, mapped.max())
    windows = windows_of(used)
    if windows:
        return apply_window(values, *windows[0])
    bits = int(used.get("BitsStored", 8))
    plain = not is_rescaled(used) and not used.get("PixelRepresentation", 0)
    if plain and bits <= 8 and values.dtype.kind in "ui":
        return stretch(values, 0, 2**bits - 1)
    return stretch(values, *value_range(values, padding(stored, header)))


def value_range(values: np.ndarray, padded: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest value of the pixels that are no padding."""
    inside = values[~padded]
    inside = inside if inside.size else values
    return float(inside.min()), float(inside.max())


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


def windows_of(used: Any) -> list[tuple[float, float, str]]:
    """Return centre, width and function of each window that can be used, in the file's order."""
    function = str(used.get("VOILUTFunction") or "LINEAR").strip().upper()
    windows = []
    for pair in zip(_each(used, "WindowCenter"), _each(used, "WindowWidth"), strict=False):
        try:
            centre, width = map(float, pair)
        except (TypeError, ValueError):
            break
        if not np.isfinite(centre) or not width >= (1 if function == "LINEAR" else 1e-9):
            break  # nor any behind it: which one the picture is shown through must not change
        windows.append((centre, width, function))
    return windows


def _each(used: Any, name: str) -> list[Any]:
    value = used.get(name)
    return list(value) if hasattr(value, "__len__") and not isinstance(value, str) else [value]


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


def padding(values: np.ndarray, header: Any) -> np.ndarray:
    """Mark the pixels that the header calls padding (PS3.3 C.7.5.1.1.2)."""
    value = header.get("PixelPaddingValue")
    limit = header.get("PixelPaddingRangeLimit")
    if not isinstance(value, int) or values.ndim != 2:
        return np.zeros(values.shape[:2], bool)
    other = limit if isinstance(limit, int) else value
    return (values >= min(value, other)) & (values <= max(value, other))
