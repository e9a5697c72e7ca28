"""One picture from one file, whatever its format; its id and its thumbnail."""

import hashlib
import io
import struct
from pathlib import Path

from PIL import Image

from fewshot_lab.files import while_unchanged
from fewshot_lab.images import pillow_decoder
from fewshot_lab.images.boxes import load_boxes
from fewshot_lab.images.clips import frame_times, read_clip
from fewshot_lab.images.dicom import frames_and_group, read_dicom, read_dicom_grey
from fewshot_lab.images.dicom_video import holds_video
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import BOX_SUFFIX, is_clip_file, is_tile_grid, kind_of
from fewshot_lab.images.grey_values import GreyValues
from fewshot_lab.images.memory_limit import memory_for
from fewshot_lab.images.nifti import count_slices, read_slice, read_slice_grey
from fewshot_lab.images.unreadable import coded_kind, first_bytes, why_undecodable, with_reason


def read_rgb(path: Path, frame: int = 0, *, at_least: int | None = None) -> Image.Image:
    """Read a picture as 8-bit RGB, upright.

    How each kind of value becomes 8 bit is told in ``pillow_decoder`` (ordinary formats and
    TIFF), ``dicom`` and ``nifti``.

    Parameters
    ----------
    path : Path
    frame : int
        Which frame of a DICOM file, video or animation, page of a TIFF, tile of a slide's grid or
        box of an image's list, from 0.
    at_least : int, optional
        Where the picture is scaled down afterwards to about this many pixels: a JPEG may be
        decoded at a reduced scale with both sides still at least twice this long. Never for
        :func:`pixel_id`.

    Raises
    ------
    UnreadableImage
        With the reason; nothing else, whatever the bytes.
    """
    path = Path(path)
    with with_reason(_why):
        if path.suffix == BOX_SUFFIX:
            return _read_box(path, frame)
        if is_tile_grid(path):
            from fewshot_lab.images.slides.grid_files import load_grid

            return load_grid(path).read(frame)
        if is_clip_file(path):
            from fewshot_lab.images.clip_file import load_clip

            return load_clip(path).read(frame)
        kind = _video_or(kind_of(path), path)
        if kind == "dicom":
            return read_dicom(path, frame)
        if kind == "nifti":
            return read_slice(path, frame)
        if kind == "video":
            return read_clip(path, frame)
        try:
            with pillow_decoder.opened(path) as image, memory_for(*image.size):
                return pillow_decoder.to_rgb(image, frame, at_least=at_least)
        except UnreadableImage as error:
            return _by_another_reader(path, frame, kind, error)


def _video_or(kind: str, path: Path) -> str:
    """Return "video" for DICOM that holds one, else the kind."""
    return "video" if kind == "dicom" and holds_video(path) else kind


def _read_box(file: Path, number: int) -> Image.Image:
    """Return the part of an image that a box of its list holds."""
    boxes = load_boxes(file)
    x, y, width, height = boxes.box(number)
    image = _whole(Path(boxes.image), boxes.frame)
    return image.crop((x, y, x + width, y + height))


@while_unchanged(1)  # boxes are read one after the other, and some images have hundreds
def _whole(file: Path, frame: int) -> Image.Image:
    return read_rgb(file, frame)


def _by_another_reader(path: Path, frame: int, kind: str, error: UnreadableImage) -> Image.Image:
    """Read what Pillow does not know.

    Raises
    ------
    UnreadableImage
        With Pillow's reason, where no other reader knows more.
    """
    if kind == "tiff":
        _refuse_unless_tiff(kind, error)
        from fewshot_lab.images.tiff import read_tiff

        return read_tiff(path, frame)
    head = first_bytes(path) if path.is_file() else b""
    if coded := coded_kind(head):
        from fewshot_lab.images.coded import read_coded

        return read_coded(path, coded)
    from fewshot_lab.images.bitmap import is_odd_bitmap, read_bitmap

    if is_odd_bitmap(head):
        return read_bitmap(path)
    raise error


def read_grey_values(path: Path, frame: int = 0) -> GreyValues | None:
    """Read a picture's grey values as the file keeps them, upright.

    Returns
    -------
    GreyValues or None
        None where the picture of 8 bit (:func:`read_rgb`) holds as much: colour, 8 bit.

    Raises
    ------
    UnreadableImage
    """
    path = Path(path)
    with with_reason(_why):
        if is_tile_grid(path) or is_clip_file(path):
            return None
        kind = _video_or(kind_of(path), path)
        if kind == "dicom":
            return read_dicom_grey(path, frame)
        if kind == "nifti":
            return read_slice_grey(path, frame)
        if kind == "video":
            return None
        from fewshot_lab.images import deep_grey

        if kind != "tiff" and (coded := coded_kind(first_bytes(path))):
            return deep_grey.by_codec(path, coded)
        try:
            return deep_grey.by_pillow(path, frame)
        except UnreadableImage as error:
            _refuse_unless_tiff(kind, error)
        return deep_grey.by_tifffile(path, frame)


def _refuse_unless_tiff(kind: str, error: UnreadableImage) -> None:
    """Raise where Pillow's reason stands: other readers know more kinds of TIFF."""
    if kind != "tiff" or "truncated" in str(error.__cause__):
        raise error


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"The file cannot be read: {error.strerror or 'an error of the disk or network'}."
    return why_undecodable(error, b"")


def count_frames(path: Path) -> int:
    """Count the pictures in a file: DICOM and video frames, slices, TIFF pages, else 1.

    Raises
    ------
    UnreadableImage
    """
    path = Path(path)
    try:
        kind = _video_or(kind_of(path), path)
    except OSError:
        return 1
    if kind == "dicom":
        return frames_and_group(path, None)[0]
    if kind == "nifti":
        return count_slices(path)
    if kind == "video":
        return len(frame_times(path))
    if kind == "tiff":
        from fewshot_lab.images.tiff import count_tiff_pictures

        return count_tiff_pictures(path)
    return 1


def pixel_id(image: Image.Image) -> str:
    """Return the id of a picture: the same pixels have the same id, whatever the file.

    Parameters
    ----------
    image : PIL.Image.Image
        8-bit RGB, decoded at full size.

    Returns
    -------
    str
        The first 20 hex digits of SHA-256 over height and width (little-endian uint32 each) and
        the RGB bytes row by row.
    """
    if image.mode != "RGB":
        raise ValueError(f"an id is over RGB pixels, not {image.mode}")
    width, height = image.size
    digest = hashlib.sha256(struct.pack("<II", height, width))
    rows = max(1, 16_000_000 // (3 * width))  # in strips: a second copy of a slide is too much
    if rows >= height:
        digest.update(image.tobytes())
    else:
        for top in range(0, height, rows):
            digest.update(image.crop((0, top, width, min(top + rows, height))).tobytes())
    return digest.hexdigest()[:20]


def make_thumbnail(image: Image.Image, side: int = 256) -> bytes:
    """Return a WebP whose longer side is at most `side` pixels; never enlarged."""
    small = image.copy() if max(image.size) <= side else _scaled(image, side)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=0)  # method 0: twice as fast
    return buffer.getvalue()


def _scaled(image: Image.Image, side: int) -> Image.Image:
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
