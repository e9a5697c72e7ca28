"""Why a file cannot be read as a picture: "damaged" is said of damaged files alone.

The text of this file also stands in the ``predict.py`` of every exported classifier.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fewshot_lab.images.errors import UnreadableImage

_MAGIC = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"8BPS": "Photoshop",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
}
_MANY_KINDS = {"TIFF", "BMP", "Photoshop", "JPEG 2000", "AVIF", "HEIC"}
"""Formats of which no reader knows every kind."""
_PHOTOSHOP = {4: "CMYK", 7: "multichannel", 9: "Lab"}
_OWN_MISTAKES = (AssertionError, AttributeError, ImportError, NameError)
_WRONG_CALL = ("unexpected keyword", "positional argument", "not callable")
"""In a TypeError; others come from values of a wrong type in a damaged file, too."""


def first_bytes(path: str | Path, size: int = 1 << 20) -> bytes:
    """Return the first bytes of a file."""
    with Path(path).open("rb") as stream:
        return stream.read(size)


def format_of(head: bytes) -> str | None:
    """Name the format of a file by its first bytes, None where it is none that is known here."""
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in (b"avif", b"avis"):
        return "AVIF"
    if brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"):
        return "HEIC"
    if head.startswith(b"RIFF"):
        return "WebP" if head[8:12] in (b"WEBP", b"") else None
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)


def coded_kind(head: bytes) -> str | None:
    """Name what a picture is coded as, where that is a kind that Pillow does not decode itself.

    Returns
    -------
    str or None
        "JPEG-LS", "lossless JPEG", "12-bit JPEG" or "JPEG XL".
    """
    name = format_of(head)
    if name != "JPEG":
        return name if name == "JPEG XL" else None
    at = start_of_frame(head)
    if at is None:
        return None
    marker, depth = head[at + 1], head[at + 4]
    if marker == 0xF7:
        return "JPEG-LS"
    if marker in (0xC3, 0xCB):
        return "lossless JPEG"
    return f"{depth}-bit JPEG" if depth > 8 else None


def start_of_frame(jpeg: bytes) -> int | None:
    """Return where the segment is that says how a JPEG is coded, its depth and its size.

    None where there is none (ITU-T T.81, B.2.2; for JPEG-LS T.87, C.2.2).
    """
    at = 2
    while at + 5 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return at
        filler = marker == 0xFF
        at += 1 if filler else 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return None


def why_unidentified(head: bytes) -> str:
    """Say what a file is that no reader took, by its first bytes."""
    if not head:
        return "The file is empty (0 bytes)."
    if not any(head):
        return "The file holds nothing but zeros."
    if sentence := _unread_kind(head):
        return sentence
    name = format_of(head)
    if name is not None:
        other = ", or of a kind that is not read" if name in _MANY_KINDS else ""
        return f"The file is damaged or truncated{other}: it begins like {name} but cannot be read."
    if _is_text(head):
        return "This is a text file, not an image."
    return "This is not an image in a format that can be read."


def why_undecodable(error: Exception, head: bytes) -> str:
    """Say why decoding failed, by the error and the file's first bytes."""
    if sentence := own_mistake(error) or _unread_kind(head):
        return sentence
    text = str(error).lower()
    if "truncated" in text or "need_more_input" in text:
        return "The file is truncated: the end of the picture is missing."
    name = format_of(head)
    if name in _MANY_KINDS and ("unsupported" in text or "not supported" in text):
        return f"This kind of {name} is not read, or the file is damaged ({error})."
    return "The file is damaged: the picture cannot be decoded."


@contextmanager
def with_reason(why: Callable[[Exception], str]) -> Iterator[None]:
    """Make an UnreadableImage of whatever goes wrong; ``why`` says what is wrong with the file."""
    try:
        yield
    except UnreadableImage:
        raise
    except FileNotFoundError:
        raise UnreadableImage("The file is not there.") from None
    except PermissionError:
        raise UnreadableImage("The file cannot be opened: permission denied.") from None
    except IsADirectoryError:
        raise UnreadableImage("This is a folder, not a file.") from None
    except MemoryError:
        raise UnreadableImage("There is not enough memory for this picture.") from None
    except Exception as error:  # readers raise nearly anything on damaged files
        raise UnreadableImage(own_mistake(error) or why(error)) from error


def own_mistake(error: Exception) -> str | None:
    """Return the sentence for an error of the program, None where the file may be at fault.

    A damaged file makes readers raise nearly anything; what is raised in a line of this program
    because a name, an attribute or a call is wrong is no fault of the file.
    """
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    where = "" if step is None else str(step.tb_frame.f_globals.get("__name__", ""))
    ours = where.partition(".")[0] == __name__.partition(".")[0]
    wrong_call = isinstance(error, TypeError) and any(word in str(error) for word in _WRONG_CALL)
    if not ours or not (wrong_call or isinstance(error, _OWN_MISTAKES)):
        return None
    return (
        f"An error of this program, not of the file: {type(error).__name__}: {error}. Please "
        "report it."
    )


def _unread_kind(head: bytes) -> str | None:
    """Name a sound kind of file that is not read here."""
    if kind := coded_kind(head):
        return f"This is a {kind}, which is not read here; save it in another format."
    name = format_of(head)
    if name == "Photoshop" and len(head) > 26:
        depth, mode = struct.unpack(">HH", head[22:26])
        if depth > 8:
            return f"This is a Photoshop file of {depth} bits per colour; save a copy of 8 bits."
        if mode in _PHOTOSHOP:
            return f"This is a Photoshop file in {_PHOTOSHOP[mode]} colours; save a copy in RGB."
    return None


def _is_text(head: bytes) -> bool:
    text = head[:4096].decode("utf-8", errors="replace").rstrip("\ufffd")
    return "\ufffd" not in text and all(c.isprintable() or c in "\t\r\n\f\ufeff" for c in text)
