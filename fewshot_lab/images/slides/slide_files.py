"""Which files are whole slides: asked of every file of an import, so it must be cheap."""

from pathlib import Path

from PIL import Image

from fewshot_lab.images.file_types import ending, kind_of

SLIDE_SUFFIXES = frozenset([".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".czi", ".svslide"])
"""Endings of scanners' own formats."""
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of DICOM: VL Whole Slide Microscopy Image Storage."""
LARGE = 4096
"""Side in pixels from which a tiled TIFF with any ending is taken for a slide."""
LARGER_THAN_A_TILE = 257
"""From which one named ``.svs`` is."""
_TILE_WIDTH = 322


def is_slide(path: Path) -> bool:
    """Say whether a file is a whole slide, to be read as tiles.

    By the ending of a scanner's format; a TIFF by being stored in tiles and large, or larger than
    one tile and named ``.svs``; DICOM by its SOP class. False where the file cannot be read.
    """
    suffix = ending(path.name)
    if suffix in SLIDE_SUFFIXES:
        return True
    try:
        kind = kind_of(path)
        if kind == "tiff":
            return _is_slide_tiff(path, named=suffix == ".svs")
        return kind == "dicom" and slide_series(path) is not None
    except Exception:  # reading it as a picture says what is wrong
        return False


def _is_slide_tiff(path: Path, *, named: bool) -> bool:
    try:
        with path.open("rb") as stream, Image.open(stream, formats=("TIFF",)) as image:
            size, tiled = image.size, _TILE_WIDTH in image.tag_v2  # type: ignore[attr-defined]
    except Image.DecompressionBombError:
        return True  # no picture at all could be that large
    except Exception:  # compressed in a way that Pillow does not know
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            size, tiled = (page.imagewidth, page.imagelength), page.is_tiled
    return tiled and max(size) >= (LARGER_THAN_A_TILE if named else LARGE)


def slide_series(path: Path) -> str | None:
    """Return the series of a file of a DICOM slide, None for other files.

    The levels of a slide, its label and overview are files of one series.
    """
    if kind_of(path) != "dicom":
        return None
    import pydicom

    header = pydicom.dcmread(
        path,
        stop_before_pixels=True,
        force=True,
        specific_tags=["SOPClassUID", "SeriesInstanceUID"],
    )
    return (
        str(header.get("SeriesInstanceUID")) if header.get("SOPClassUID") == WHOLE_SLIDE else None
    )
