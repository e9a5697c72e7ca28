"""TIFFs that Pillow cannot read: unusual compression (JPEG 2000, JPEG XL, ...) or layout."""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fewshot_lab.images.eight_bit import to_8bit
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.pillow_decoder import TRANSPOSITIONS, over_white, refuse_too_large
from fewshot_lab.images.tiff_pages import picture_pages
from fewshot_lab.images.unreadable import with_reason

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what matters is raised and listed


def count_tiff_pictures(path: Path) -> int:
    """Count the pages that are pictures of their own (the rule is in ``pillow_decoder``)."""
    try:
        with path.open("rb") as stream, Image.open(stream, formats=("TIFF",)) as image:
            return sum(1 for _ in picture_pages(image))
    except Exception:  # then perhaps tifffile
        pass
    try:
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            return max(len(_picture_pages(tiff.pages)), 1)
    except Exception:
        return 1  # reading it says what is wrong


class Page(NamedTuple):
    """A decoded page: values (rows, columns[, channels]) and what they mean."""

    values: np.ndarray
    photometric: Any
    alpha: bool
    colormap: np.ndarray | None
    orientation: int


def read_tiff(path: Path, frame: int) -> Image.Image:
    """Read picture `frame` of a TIFF with tifffile and imagecodecs."""
    page = read_page(path, frame)
    rgb = over_white(_to_image(page.values, page.photometric, page.alpha, page.colormap))
    turned = TRANSPOSITIONS.get(page.orientation)
    return rgb if turned is None else rgb.transpose(turned)


def read_page(path: Path, frame: int) -> Page:
    """Decode picture `frame` of a TIFF.

    Raises
    ------
    UnreadableImage
    """
    import tifffile

    reason = "The file is truncated, damaged, or a kind of TIFF that cannot be read."
    with with_reason(lambda _: reason), tifffile.TiffFile(path) as tiff:
        pages = _picture_pages(tiff.pages)
        if not pages:
            raise UnreadableImage("The file is damaged or truncated: it begins like TIFF only.")
        if frame >= len(pages):
            raise UnreadableImage(f"There is no picture {frame} in this file.")
        page = pages[frame]
        refuse_too_large(page.imagewidth, page.imagelength)
        if page.samplesperpixel > 4 or page.imagedepth > 1:
            raise UnreadableImage(
                f"The TIFF has {page.samplesperpixel} channels; export it as grey or RGB."
            )
        _refuse_truncated(page, path.stat().st_size)
        values = _whole_range(page.asarray(), page)
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
        return Page(
            values,
            page.photometric,
            len(page.extrasamples) > 0,
            page.colormap,
            page.tags.valueof(274, 1),
        )


def _whole_range(values: np.ndarray, page: Any) -> np.ndarray:
    """Scale samples of less than 8 bits to 0..255; places in a palette stay what they are."""
    if values.dtype != np.uint8 or getattr(page.photometric, "name", "") == "PALETTE":
        return values
    bits = np.minimum(np.array(page.bitspersample), 8)
    return np.rint(values * (255 / (2.0**bits - 1))).astype(np.uint8) if bits.min() < 8 else values


def _refuse_truncated(page: Any, size: int) -> None:
    """Refuse a page whose data end beyond the file: tifffile would fill the rest with zeros."""
    ends = (at + n for at, n in zip(page.dataoffsets, page.databytecounts, strict=False))
    if max(ends, default=0) > size:
        raise UnreadableImage("The file is truncated: the end of the picture is missing.")


def _picture_pages(pages: "object") -> list[Any]:
    pictures: list[Any] = []
    seen: set[int] = set()
    for page in pages:  # type: ignore[attr-defined]
        if page.offset in seen:  # a damaged file whose pages lead in a circle
            break
        seen.add(page.offset)
        full = getattr(page, "aspage", lambda page=page: page)()
        same_size = not pictures or full.shaped[2:4] == pictures[0].shaped[2:4]
        if not pictures or (same_size and not full.subfiletype & 0b101):
            pictures.append(full)
    return pictures


def _to_image(
    values: np.ndarray, photometric: int, alpha: bool, colormap: np.ndarray | None
) -> Image.Image:
    name = getattr(photometric, "name", str(photometric))
    channels = 1 if values.ndim == 2 else values.shape[-1]
    if values.dtype == bool:
        values = values.astype(np.uint8) * 255
    if name == "PALETTE" and colormap is not None and channels == 1:
        return Image.fromarray(to_8bit(np.moveaxis(colormap, 0, -1))[values], "RGB")
    values = to_8bit(values)
    if name == "MINISWHITE":
        values = 255 - values
    if channels == 1:
        return Image.fromarray(values.reshape(values.shape[:2]))
    if name in ("MINISBLACK", "MINISWHITE") and channels == 2 and alpha:
        return Image.frombytes("LA", values.shape[1::-1], np.ascontiguousarray(values).tobytes())
    if name == "SEPARATED" and channels == 4:
        return Image.frombytes("CMYK", values.shape[1::-1], np.ascontiguousarray(values).tobytes())
    if name in ("RGB", "YCBCR") and channels in (3, 4):
        if channels == 4 and not alpha:
            values = values[..., :3]
        return Image.fromarray(np.ascontiguousarray(values))
    raise UnreadableImage(
        f"The TIFF has {channels} channels of kind {name.lower()}; export it as grey or RGB."
    )
