"""Decoders for pydicom from imagecodecs: the compressions that Pillow lacks.

Lossless JPEG (the commonest in radiology), 12-bit JPEG, JPEG-LS, HTJ2K and JPEG 2000 with more
than 8 bits per colour. pydicom finds this module by name (see ``register``).
"""

from typing import Any

import numpy as np
from pydicom import uid
from pydicom.pixels import get_decoder

from fewshot_lab.images.coded import coded_size

_JPEG = (uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1)
_JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
_JPEG_2000 = (uid.JPEG2000Lossless, uid.JPEG2000)
_HTJ2K = (uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K)

DECODER_DEPENDENCIES = dict.fromkeys(
    (*_JPEG, *_JPEG_LS, *_JPEG_2000, *_HTJ2K), ("numpy", "imagecodecs")
)


def is_available(syntax: str) -> bool:
    """Say whether this module decodes a transfer syntax."""
    return syntax in DECODER_DEPENDENCIES


def register() -> None:
    """Add these decoders to pydicom's, behind its own, but for one that highdicom brings along."""
    for decoder in map(get_decoder, DECODER_DEPENDENCIES):
        if "pyjpegls" in decoder.available_plugins:  # decodes whatever size the data claim
            decoder.remove_plugin("pyjpegls")
        if "imagecodecs" not in decoder.available_plugins:
            decoder.add_plugin("imagecodecs", (__name__, "decode_frame"))


def decode_frame(source: bytes, runner: Any) -> bytearray:
    """Decode one compressed frame (the interface is pydicom's)."""
    import imagecodecs

    syntax = runner.transfer_syntax
    source = bytes(source)
    if coded_size(source) != (runner.columns, runner.rows):
        raise ValueError("the compressed picture is not of the size in the header")
    if syntax in _JPEG:
        # the colours as they are stored: pydicom converts them by the header afterwards
        options: dict[str, Any] = {}
        if runner.samples_per_pixel == 3:
            space = "YCBCR" if str(runner.photometric_interpretation).startswith("YBR") else "RGB"
            options = {"colorspace": space, "outcolorspace": space}
        values = imagecodecs.jpeg8_decode(source, **options)
    elif syntax in _JPEG_LS:
        values = imagecodecs.jpegls_decode(source)
    else:
        # OpenJPEG for HTJ2K, too: of a lossy one it clips values beyond white, which else wrap
        values = imagecodecs.jpeg2k_decode(source)
        if str(runner.photometric_interpretation) in ("YBR_ICT", "YBR_RCT"):
            runner.set_option("photometric_interpretation", "RGB")
    runner.set_option("bits_allocated", values.dtype.itemsize * 8)
    runner.set_option("planar_configuration", 0)
    return bytearray(np.ascontiguousarray(values).tobytes())
