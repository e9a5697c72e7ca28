"""Values of any kind as 8 bit; the text also stands in the ``predict.py`` of every bundle."""

import numpy as np


def to_8bit(values: np.ndarray) -> np.ndarray:
    """Map whole or real numbers to 0..255 (uint8), as the table in ``pillow_decoder`` says."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "f":
        values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65535:
        return stretch(values, low, high)
    if values.dtype.kind == "f":
        if high <= 1:
            return np.asarray(np.rint(values * 255).astype(np.uint8))
        values, high = np.rint(values).astype(np.uint16), round(high)
    top = next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if high < 2**bits)
    table = np.rint(np.arange(top + 1) * (255 / top)).astype(np.uint8)
    return np.asarray(table[values])


def stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map `low` to 0 and `high` to 255 (uint8), and what lies outside to the nearer of them."""
    scale = 255 / (high - low) if high > low else 0.0
    scaled = (values.astype(np.float64) - low) * scale
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
