"""Videos by PyAV: opened without following anything that they refer to, and why one cannot be.

Frames are told by their stamps, which the container gives each of them; see ``video_index``.
"""

import os
import re
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from fewshot_lab.images.dicom_video import EmbeddedStream
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.unreadable import first_bytes, with_reason
from fewshot_lab.images.video_kinds import begins_like_video

INSTALL = "Videos are read by PyAV, which is not installed: pip install fewshot-lab[video]"
# A playlist names other files, even on other machines: only what holds its own pictures is opened.
_OPEN = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,asf,flv,ogg",
}
_STREAMS = ",h264,hevc,mpegvideo"
"""Streams without a container, as DICOM holds them."""
_HEAD, _TAIL = 4 << 20, 4 << 20


@cache
def av() -> Any:
    """Import PyAV, once.

    It keeps FFmpeg's own messages to itself, and must: to tell them it takes Python's lock in
    FFmpeg's threads, which a decoder that is being closed waits for.

    Raises
    ------
    UnreadableImage
        Where it is missing, with the command that installs it.
    """
    try:
        import av as module
    except ImportError:
        raise UnreadableImage(INSTALL) from None
    return module


def open_container(path: Path) -> Any:
    """Open a video, or that inside a DICOM file, whose first video stream can be decoded.

    Raises
    ------
    UnreadableImage
        With the reason.
    """
    module = av()
    if path.stat().st_size == 0:
        raise UnreadableImage("The file is empty (0 bytes).")
    with reasons(path):
        if kind_of(path) == "dicom":
            formats = _OPEN["format_whitelist"] + _STREAMS
            container = module.open(EmbeddedStream(path), options={"format_whitelist": formats})
        else:
            container = module.open(str(path.absolute()), options=_OPEN)
    try:
        _check_streams(path, container)
    except BaseException:
        container.close()
        raise
    return container


def _check_streams(path: Path, container: Any) -> None:
    if not container.streams.video:
        if container.streams.audio:
            raise UnreadableImage("The file holds sound and no pictures.")
        raise UnreadableImage("The file holds no video.")
    stream = container.streams.video[0]
    if is_encrypted(path):
        raise UnreadableImage("The video is encrypted; save it without protection.")
    if stream.codec_context is None:
        tag = getattr(stream, "codec_tag", "") or ""
        named = tag.isprintable() and tag.isascii() and tag.strip("\0 ")
        raise UnreadableImage(
            f"The video is coded as {tag if named else 'an unknown codec'}, which is not read "
            "here; save it as MP4 with H.264."
        )
    # Threads decode the same bits; more of them only cost memory.
    stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
    stream.thread_type = "AUTO"
    if not stream.codec_context.width or not stream.codec_context.height:
        raise UnreadableImage("The video is damaged or cut short: it does not say how large it is.")


def is_encrypted(path: Path) -> bool:
    """Say whether an MP4 declares its pictures encrypted (sample entry ``encv``, ISO 23001-7)."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
        if head[4:8] not in (b"ftyp", b"moov", b"mdat", b"wide"):
            return False
        stream.seek(max(0, path.stat().st_size - _TAIL))
        tables = head, stream.read()
    # Version, flags, count, size, then the name.
    return any(re.search(rb"stsd.{12}encv", part, re.DOTALL) for part in tables)


def reasons(path: Path) -> AbstractContextManager[None]:
    """Make an UnreadableImage with its reason of what opening or decoding a video raises."""
    return with_reason(lambda error: _why(path, error))


def _why(path: Path, error: Exception) -> str:
    module = av()
    if isinstance(error, module.error.DecoderNotFoundError):
        return "The video's codec is not read here; save it as MP4 with H.264."
    if not isinstance(error, module.FFmpegError):
        return "The video is damaged: it cannot be read."
    head = first_bytes(path, _HEAD)
    if not any(head):
        return "The file holds nothing but zeros."
    if head[128:132] == b"DICM":
        return "The video in this DICOM file is damaged or cut short."
    if not begins_like_video(head):
        return "This is not a video in a format that can be read."
    if head[4:8] in (b"ftyp", b"mdat", b"wide") and b"moov" not in head:
        return "The video is cut short: the table of its frames, at its end, is missing."
    return "The video is damaged or cut short: it cannot be opened."
