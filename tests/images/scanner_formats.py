"""Slides as scanners write them, small ones that tests make themselves: NDPI, SCN, MRXS.

Their layout is what OpenSlide says of each format (https://openslide.org/formats/).
"""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from .pyramids import levels_of

NDPI_FLAG, NDPI_LENS, NDPI_FOCAL_PLANE = 65420, 65421, 65424


def write_ndpi(file: Path, pixels: np.ndarray, mpp: float) -> Path:
    """Write levels as single JPEGs in a TIFF with Hamamatsu's tags."""
    import tifffile

    with tifffile.TiffWriter(file) as tiff:
        for k, level in enumerate(levels_of(pixels, 2)):
            per_cm = 1e4 / mpp / 4**k
            stream = io.BytesIO()
            Image.fromarray(level).save(stream, "JPEG", quality=98, subsampling=0)
            tiff.write(
                iter([stream.getvalue()]),
                shape=level.shape,
                dtype=level.dtype,
                photometric="ycbcr",
                compression="jpeg",
                rowsperstrip=len(level),
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                metadata=None,
                extratags=[
                    (NDPI_FLAG, "I", 1, 1, True),
                    (NDPI_LENS, "f", 1, 20.0 / 4**k, True),
                    (NDPI_FOCAL_PLANE, "i", 1, 0, True),
                ],
            )
    return file


def write_scn(file: Path, pixels: np.ndarray, mpp: float) -> Path:
    """Write levels in tiles in a BigTIFF with Leica's description; the scan is its upper half."""
    import tifffile

    levels = levels_of(pixels, 2)
    high, wide = (round(side * mpp * 1000) for side in pixels.shape[:2])
    dimensions = "".join(
        f'<dimension sizeX="{level.shape[1]}" sizeY="{level.shape[0]}" r="{k}" ifd="{k}"/>'
        for k, level in enumerate(levels)
    )
    description = (
        '<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">'
        f'<collection sizeX="{wide}" sizeY="{2 * high}"><image><pixels>{dimensions}</pixels>'
        f'<view sizeX="{wide}" sizeY="{high}" offsetX="0" offsetY="0"/><scanSettings>'
        "<objectiveSettings><objective>20</objective></objectiveSettings><illuminationSettings>"
        "<illuminationSource>brightfield</illuminationSource></illuminationSettings>"
        "</scanSettings></image></collection></scn>"
    )
    with tifffile.TiffWriter(file, bigtiff=True) as tiff:
        for k, level in enumerate(levels):
            per_cm = 1e4 / mpp / 4**k
            tiff.write(
                level,
                photometric="rgb",
                compression="zlib",
                tile=(256, 256),
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                description=None if k else description,
                metadata=None,
            )
    return file


def write_mrxs(file: Path, pixels: np.ndarray, mpp: float) -> Path:
    """Write two levels in pictures of 256 pixels, as 3DHISTECH does: a folder beside the file."""
    side, count = 256, 2
    folder = file.with_suffix("")
    folder.mkdir()
    file.write_bytes(b"")
    data, pages = bytearray(), []
    rows, columns = (length // side for length in pixels.shape[:2])
    for k in range(count):
        level = Image.fromarray(pixels).reduce(2**k)
        entries = []
        for row in range(0, rows, 2**k):
            for column in range(0, columns, 2**k):
                y, x = row // 2**k * side, column // 2**k * side
                stream = io.BytesIO()
                level.crop((x, y, x + side, y + side)).save(stream, "PNG")
                entries.append((row * columns + column, len(data), stream.tell(), 0))
                data += stream.getvalue()
        pages.append(entries)
    (folder / "Data0000.dat").write_bytes(data)
    slide_id = "0123456789ABCDEF"
    index = bytearray(b"01.02" + slide_id.encode())
    begins = len(index) + 8  # of the pointers to each level's pages, after the two roots
    index += struct.pack("<2i", begins, 0)
    at = begins + 4 * count
    lists = bytearray()
    for entries in pages:
        index += struct.pack("<i", at + len(lists))
        lists += struct.pack("<2i", 0, at + len(lists) + 8)
        lists += struct.pack("<2i", len(entries), 0)
        lists += b"".join(struct.pack("<4i", *entry) for entry in entries)
    (folder / "Index.dat").write_bytes(index + lists)
    sections = "".join(
        f"[LAYER_0_LEVEL_{k}_SECTION]\nOVERLAP_X = 0\nOVERLAP_Y = 0\n"
        f"MICROMETER_PER_PIXEL_X = {mpp * 2**k}\nMICROMETER_PER_PIXEL_Y = {mpp * 2**k}\n"
        f"IMAGE_FORMAT = PNG\nIMAGE_FILL_COLOR_BGR = 16777215\nIMAGE_CONCAT_FACTOR = {min(k, 1)}\n"
        f"DIGITIZER_WIDTH = {side}\nDIGITIZER_HEIGHT = {side}\n"
        for k in range(count)
    )
    levels = "".join(
        f"HIER_0_VAL_{k} = Level {k}\nHIER_0_VAL_{k}_SECTION = LAYER_0_LEVEL_{k}_SECTION\n"
        for k in range(count)
    )
    (folder / "Slidedat.ini").write_text(
        f"[GENERAL]\nSLIDE_VERSION = 01.02\nSLIDE_ID = {slide_id}\nIMAGENUMBER_X = {columns}\n"
        f"IMAGENUMBER_Y = {rows}\nOBJECTIVE_MAGNIFICATION = 20\nCameraImageDivisionsPerSide = 1\n"
        f"[HIERARCHICAL]\nHIER_COUNT = 1\nNONHIER_COUNT = 0\nINDEXFILE = Index.dat\n"
        f"HIER_0_NAME = Slide zoom level\nHIER_0_COUNT = {count}\n{levels}"
        f"[DATAFILE]\nFILE_COUNT = 1\nFILE_0 = Data0000.dat\n{sections}",
        encoding="utf-8",
    )
    return file
