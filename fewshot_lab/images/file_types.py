"""Which files are pictures: by their ending, and by their first bytes where there is none."""

from pathlib import Path, PurePosixPath

PICTURE_SUFFIXES = frozenset(
    [
        ".png",
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".webp",
        ".gif",
        ".pbm",
        ".pgm",
        ".ppm",
        ".pnm",
    ]
)
DICOM_SUFFIXES = frozenset([".dcm", ".dicom", ".dic", ".ima"])
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NOISE = frozenset({"thumbs.db", "desktop.ini", "dicomdir", "__macosx", "@eadir", "$recycle.bin"})
HEAD = 132


def is_noise(name: str) -> bool:
    """Say whether a file or folder name is one that systems leave behind, or hidden."""
    return name.startswith(".") or name.lower() in _NOISE


def has_picture_suffix(name: str) -> bool:
    """Say whether a file name ends like a picture."""
    return PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES | DICOM_SUFFIXES


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
    """Name the kind of a file by its first 132 bytes: "dicom", "tiff", "picture" or None."""
    if head[128:132] == b"DICM":
        return "dicom"
    if head.startswith(_TIFF_MAGIC):
        return "tiff"
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")):
        return "picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "picture"
    return None


def kind_of(path: Path) -> str:
    """Say how a file is to be read: "dicom", "tiff" or "picture"."""
    with path.open("rb") as stream:
        kind = head_kind(stream.read(HEAD))
    if kind is None and path.suffix.lower() in DICOM_SUFFIXES:
        return "dicom"  # some have no preamble
    return kind or "picture"
