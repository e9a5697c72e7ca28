"""From an ordinary image file to 8-bit RGB, with Pillow and NumPy alone.

The text of this file also stands in the ``predict.py`` of every exported classifier, so that a
picture looks the same to the classifier there and here. It therefore imports nothing of the
project but what travels with it, and runs with Pillow 9.4.

What becomes of a file's values:

========================  ==========================================================================
grey, 1 to 8 bit          three equal channels
palette                   its colours
alpha                     laid over white; an alpha that is 0 everywhere is ignored
CMYK, YCbCr               Pillow's plain conversion; colour profiles (ICC) are not applied
16 bit, grey or colour    divided by the top of the smallest bit depth (8, 10, 12, 14, 16) that
                          holds the picture's largest value: a 12-bit camera's values come out
                          bright, and 8-bit values times 257 come out as they went in. Exception:
                          a PNG with grey, alpha and 16 bit loses its low byte.
signed, 32 bit, float     like 16 bit if within 0..65535 (floats within 0..1: times 255), else
                          stretched from the smallest to the largest value
EXIF orientation          applied, whatever the container
Photoshop                 the flattened picture that the file holds beside its layers
animation                 one picture per frame, each as it is seen after those before it
TIFF pages                one picture per page, but for pages marked as reduced copies or masks and
                          pages of another size than the first (slide scanners' thumbnails, labels
                          and pyramid levels)
========================  ==========================================================================
"""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from fewshot_lab.images.eight_bit import to_8bit
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.quiet_pillow import quiet_pillow
from fewshot_lab.images.tiff_pages import seek_picture, tag_numbers
from fewshot_lab.images.unreadable import (
    first_bytes,
    format_of,
    why_undecodable,
    why_unidentified,
    with_reason,
)

Image.init()
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF", "PPM", "PSD", "JPEG2000", "AVIF")
FORMATS = tuple(name for name in _FORMATS if name in Image.OPEN)
"""Those that this Pillow knows."""
_TARGA = frozenset([".tga", ".icb", ".vda", ".vst"])
"""Endings of a format without a mark of its own."""
MAX_PIXELS = 400_000_000

# Pillow warns from 89 megapixels on; the limit here is MAX_PIXELS, kept by `opened`.
Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, MAX_PIXELS)
quiet_pillow()

TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _BITS, _PHOTOMETRIC, _PLANES, _SAMPLE_FORMAT = 274, 258, 262, 284, 339
_LIBTIFF = threading.Lock()


def decode(path: str | Path, frame: int = 0, *, at_least: int | None = None) -> Image.Image:
    """Read one picture as 8-bit RGB, upright.

    Parameters
    ----------
    path : str or Path
    frame : int
        Which page of a TIFF, from 0.
    at_least : int, optional
        Where the picture is scaled down afterwards to about this many pixels: a JPEG may be
        decoded at 1/2, 1/4 or 1/8 with both sides still at least twice this long, which is
        several times faster.

    Raises
    ------
    UnreadableImage
    """
    with opened(path) as image:
        return to_rgb(image, frame, at_least=at_least)


@contextmanager
def opened(path: str | Path) -> Iterator[Image.Image]:
    """Open a file, look at its header, refuse what is too large; the picture is not decoded yet.

    Whatever goes wrong inside the ``with`` block comes out as :class:`UnreadableImage`.
    """

    def why(error: Exception) -> str:
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
            return f"The picture is too large: more than {MAX_PIXELS:,} pixels."
        if isinstance(error, UnidentifiedImageError):
            return why_unidentified(first_bytes(path))
        return why_undecodable(error, first_bytes(path))

    with with_reason(why), Path(path).open("rb") as stream:
        image = Image.open(stream, formats=_formats(path, stream))
        refuse_too_large(*image.size)
        if image.format == "PSD":
            _refuse_without_flattened(image)
        yield image


def _formats(path: str | Path, stream: BinaryIO) -> tuple[str, ...]:
    """Return the formats that a file may be of."""
    kind = format_of(stream.read(16))
    stream.seek(0)
    if kind == "HEIC":
        for package in ("pi_heif", "pillow_heif"):
            with suppress(ImportError):
                import_module(package).register_heif_opener()
                return ("HEIF",)
        raise UnreadableImage(
            "This is HEIC: the Python package pi-heif reads it; or save it as JPEG."
        )
    if kind == "AVIF" and kind not in FORMATS:
        raise UnreadableImage("This is AVIF: Pillow 11.3 or later reads it; or save it as JPEG.")
    return (*FORMATS, "TGA") if Path(path).suffix.lower() in _TARGA else FORMATS


def _refuse_without_flattened(image: Any) -> None:
    """Refuse a Photoshop file that says that it holds its layers alone."""
    versions = [data for number, _, data in image.resources if number == 1057]  # version info
    if any(len(data) > 4 and not data[4] for data in versions):
        raise UnreadableImage(
            "The Photoshop file holds layers alone: save it with 'Maximize compatibility'."
        )


def refuse_too_large(width: int, height: int) -> None:
    """Raise for a header that announces more than `MAX_PIXELS`, before anything is decoded."""
    if width * height >= MAX_PIXELS:
        size = f"{width:,} x {height:,} pixels"
        raise UnreadableImage(
            f"The picture is too large: {size}; the limit is {MAX_PIXELS:,} in all."
        )
    if width < 1 or height < 1:
        raise UnreadableImage("The file is damaged: its picture has no pixels.")


def to_rgb(image: Image.Image, frame: int = 0, *, at_least: int | None = None) -> Image.Image:
    """Decode an opened picture to 8-bit RGB, upright (see :func:`decode`)."""
    inverted = signed = False
    if image.format == "TIFF":
        seek_picture(image, frame)
        tags: Any = image.tag_v2  # type: ignore[attr-defined]
        wide = max(tag_numbers(tags, _BITS)) > 8
        if wide and tags.get(_PLANES) == 2:
            raise UnreadableImage("The TIFF keeps 16-bit colours in separate planes.")
        inverted = wide and tags.get(_PHOTOMETRIC) == 0 and image.mode.startswith("I;16")
        signed = image.mode == "L" and tag_numbers(tags, _SAMPLE_FORMAT)[0] == 2
    elif frame:
        try:
            image.seek(frame)  # of an animation: laid over those before it
        except EOFError:
            raise UnreadableImage(f"There is no picture {frame} in this file.") from None
    elif at_least is not None and image.format in ("JPEG", "MPO"):
        image.draft(None, (2 * at_least, 2 * at_least))
    low = _low_bytes(image, frame)
    image = _loaded(image, frame)
    turned = TRANSPOSITIONS.get(_orientation(image))
    if low is not None:
        values = np.asarray(image).astype(np.uint16) << 8 | np.asarray(low)
        image = Image.frombytes(image.mode, image.size, to_8bit(values).tobytes())
    elif signed:
        image = Image.fromarray(to_8bit(np.asarray(image).view(np.int8)))
    elif image.mode in ("I", "F") or image.mode.startswith("I;16"):
        grey = to_8bit(np.asarray(image))
        image = Image.fromarray(255 - grey if inverted else grey)
    rgb = over_white(image)
    return rgb if turned is None else rgb.transpose(turned)


def _loaded(image: Any, frame: int) -> Any:
    """Decode; a plain TIFF of a layout that Pillow's own reader does not know, through libtiff."""
    try:
        image.load()
    except OSError:
        if image.format != "TIFF" or image.use_load_libtiff or image.fp is None:
            raise
        with suppress(Exception):
            with _LIBTIFF:
                TiffImagePlugin.READ_LIBTIFF = True
                try:
                    again = _reopened(image, frame)
                finally:
                    TiffImagePlugin.READ_LIBTIFF = False
            again.load()
            return again
        raise
    return image


def _reopened(image: Any, frame: int) -> Any:
    """Open a picture once more, from a copy of its file."""
    position = image.fp.tell()
    image.fp.seek(0)
    again: Any = Image.open(io.BytesIO(image.fp.read()), formats=FORMATS)
    image.fp.seek(position)
    if again.format == "TIFF":
        seek_picture(again, frame)
    return again


def _low_bytes(image: Any, frame: int) -> Image.Image | None:
    """Decode the low bytes of a 16-bit colour picture, of which Pillow keeps the high ones.

    Pillow unpacks such samples by taking one byte of each pair; told that they are of the other
    byte order, it takes the other one.
    """
    other = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
    tiles = []
    for codec, extents, offset, given, *rest in image.tile:
        args = (given,) if isinstance(given, str) else given
        kind, _, order = str(args[0] if args else "").partition(";16")
        if kind not in ("RGB", "RGBA", "RGBX", "CMYK") or order not in other:
            return None
        swapped = (f"{kind};16{other[order]}", *args[1:])
        given = swapped[0] if isinstance(given, str) else swapped
        tiles.append((codec, extents, offset, given, *rest))
    if not tiles or image.fp is None:
        return None
    again = _reopened(image, frame)
    kind_of_tile = getattr(ImageFile, "_Tile", None)  # a plain tuple before Pillow 11
    again.tile = tiles if kind_of_tile is None else [kind_of_tile(*tile) for tile in tiles]
    again.load()
    result: Image.Image | None = again
    return result


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF: the picture itself is fine
        return 1


def over_white(image: Image.Image) -> Image.Image:
    """Lay a picture with alpha over white; return it as RGB."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    alpha = image.getchannel("A").getextrema()
    if alpha in ((255, 255), (0, 0)):
        return image.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
