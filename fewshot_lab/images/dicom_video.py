"""Videos inside DICOM: an MPEG stream, cut into fragments, that is read where it lies.

PS3.5, 8.2.5 to 8.2.10: the fragments, one after the other, are the stream; its frames are known to
nothing but a decoder of video.
"""

import io
import mmap
import re
import struct
from bisect import bisect_right
from pathlib import Path

from fewshot_lab.files import while_unchanged
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.unreadable import first_bytes

_SYNTAX = re.compile(rb"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?[\0 ]?")
_ITEM, _UNDEFINED = 0xE000FFFE, 0xFFFFFFFF
Spans = tuple[tuple[int, int], ...]


def is_video(path: Path) -> bool:
    """Say whether a file is a video, or DICOM that holds one."""
    kind = kind_of(path)
    return kind == "video" or (kind == "dicom" and holds_video(path))


@while_unchanged(512)
def holds_video(path: Path) -> bool:
    """Say whether a DICOM file's transfer syntax is one of MPEG-2, MPEG-4 and HEVC."""
    head = first_bytes(path, 4096)
    at = head.find(b"\x02\x00\x10\x00UI", 132)  # TransferSyntaxUID, always explicit VR
    return at > 0 and _SYNTAX.match(head, at + 8) is not None


class EmbeddedStream(io.RawIOBase):
    """The bytes of a video inside a DICOM file, as a file of their own.

    Parameters
    ----------
    path : Path

    Raises
    ------
    UnreadableImage
        Where the file holds no fragment of a stream.
    """

    def __init__(self, path: Path) -> None:
        self._spans = _spans(path)
        if not self._spans:
            raise UnreadableImage("The DICOM file is cut short: it contains no part of its video.")
        with path.open("rb") as stream:
            self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._starts = [0]
        for _, length in self._spans:
            self._starts.append(self._starts[-1] + length)
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return where reading goes on."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the stream."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; as many as there are, where fewer are left."""
        end = self._starts[-1] if size < 0 else min(self._at + size, self._starts[-1])
        parts = []
        while self._at < end:
            number = bisect_right(self._starts, self._at) - 1
            place = self._spans[number][0] + self._at - self._starts[number]
            length = min(end, self._starts[number + 1]) - self._at
            parts.append(self._bytes[place : place + length])
            self._at += length
        return b"".join(parts)


@while_unchanged(64)
def _spans(path: Path) -> Spans:
    """Return where each fragment begins and how long it is; of a file cut short, what is there."""
    import pydicom

    size = path.stat().st_size
    spans: list[tuple[int, int]] = []
    with path.open("rb") as stream:
        pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        # Tag, "OB", two bytes, a length that is not said; then the table of offsets.
        at, table = stream.tell() + 12, True
        while at + 8 <= size:
            stream.seek(at)
            item, length = struct.unpack("<II", stream.read(8))
            if item != _ITEM or length == _UNDEFINED:
                break
            if not table:
                spans.append((at + 8, min(length, size - at - 8)))
            at, table = at + 8 + length, False
    return tuple(spans)
