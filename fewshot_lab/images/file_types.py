"""Which files are pictures: by their ending, and by their first bytes where there is none."""

from pathlib import Path, PurePosixPath

from fewshot_lab.images.gzipped import GZIP, unpacked_head
from fewshot_lab.images.unreadable import first_bytes, format_of
from fewshot_lab.images.video_kinds import VIDEO_SUFFIXES, begins_like_video

PICTURE_SUFFIXES = frozenset(
    [
        *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib", ".webp"),
        *(".gif", ".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".psd", ".avif", ".heic", ".heif"),
        *(".jp2", ".j2k", ".j2c", ".jpx", ".jls", ".jxl"),
        *(".svs", ".svslide", ".ndpi", ".mrxs", ".scn", ".vms", ".vmu", ".bif", ".czi"),
    ]
)
DICOM_SUFFIXES = frozenset([".dcm", ".dicom", ".dic", ".ima", ".dcm.gz"])
NIFTI_SUFFIXES = frozenset([".nii", ".nii.gz"])
_NIFTI_1, _NIFTI_2 = (b"n+1\0", b"ni1\0"), b"n+2\0\r\n\x1a\n"
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WEAK = (None, "BMP", "JPEG XL")
"""Formats whose mark is two bytes, too few to tell a picture by."""
_NOISE = frozenset({"thumbs.db", "desktop.ini", "dicomdir", "__macosx", "@eadir", "$recycle.bin"})
HEAD = 348


GRID_SUFFIX = ".tiles"
"""Of the files that say how a project's slides are cut (``slides.tile_grid``)."""

BOX_SUFFIX = ".boxes"
"""Of the files that list the boxes of an image (``boxes``)."""


CLIP_SUFFIX = ".clip"
"""Of the files that say what a project keeps of a clip (``clip_file``)."""


def is_clip_file(file: Path) -> bool:
    """Say whether a file describes a clip, by its ending."""
    return file.suffix == CLIP_SUFFIX


def is_tile_grid(file: Path) -> bool:
    """Say whether a file says which parts of another are images: tiles of a slide, or boxes."""
    return file.suffix in (GRID_SUFFIX, BOX_SUFFIX)


def is_noise(name: str) -> bool:
    """Say whether a file or folder name is one that systems leave behind, or hidden."""
    return name.startswith(".") or name.lower() in _NOISE


def has_picture_suffix(name: str) -> bool:
    """Say whether a file name ends like a picture or a video."""
    return ending(name) in PICTURE_SUFFIXES | DICOM_SUFFIXES | NIFTI_SUFFIXES | VIDEO_SUFFIXES


def ending(name: str) -> str:
    """Return the ending of a file name in lower case: ".png", ".nii.gz", "" where it has none."""
    *_, before, last = ("", "", *PurePosixPath(name).suffixes)
    return (f"{before}{last}" if last.lower() == ".gz" else last).lower()


def needs_a_look(name: str) -> bool:
    """Say whether a name has no ending, so that the first bytes must tell.

    DICOM files are often named by a number or a uid, whose last part is no ending either.
    """
    suffix = PurePosixPath(name).suffix
    return not suffix or suffix[1:].isdigit()


def head_kind(head: bytes) -> str | None:
    """Name the kind of a file by its first 348 bytes.

    Returns
    -------
    str or None
        "dicom", "nifti", "tiff", "picture", "video" or None.
    """
    if head[128:132] == b"DICM":
        return "dicom"
    if head[344:348] in _NIFTI_1 or head[4:12] == _NIFTI_2:
        return "nifti"
    if head.startswith(_TIFF_MAGIC):
        return "tiff"
    if format_of(head) not in _WEAK:
        return "picture"
    return "video" if begins_like_video(head) else None


def kind_of(path: Path) -> str:
    """Say how a file is to be read: "dicom", "nifti", "tiff", "video" or "picture"."""
    head = first_bytes(path, HEAD)
    if head.startswith(GZIP):
        head = unpacked_head(path, HEAD)
    suffix = ending(path.name)
    if kind := head_kind(head):
        return kind
    if suffix in DICOM_SUFFIXES:
        return "dicom"  # some have no preamble
    if suffix in NIFTI_SUFFIXES:
        return "nifti"
    return "video" if suffix in VIDEO_SUFFIXES else "picture"
