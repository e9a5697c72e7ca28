"""One frame of a video, exactly, in whatever order frames are asked for."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image

from fewshot_lab.images.deinterlacing import deinterlaced
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.memory_limit import memory_for
from fewshot_lab.images.pillow_decoder import refuse_too_large
from fewshot_lab.images.video_file import av, open_container, reasons
from fewshot_lab.images.video_index import VideoIndex, index_video

KeptIndex = Callable[[], VideoIndex | None]
_OPEN = 3
"""Videos kept open: each holds a decoder with some frames."""
_HD = 720
_NEIGHBOURS = 3
"""Frames that are kept of interlaced video: one before, one after."""
_NEAR = 32
"""So many frames further it is quicker to decode on than to seek, wherever key frames are."""


class VideoReader:
    """Reads frames by number; keeps the decoder where it is, as the next frame is often near."""

    def __init__(self, path: Path, index: VideoIndex) -> None:
        self.path = path
        self.index = index
        self._lock = threading.Lock()
        self._container: Any = None
        self._frames: Iterator[tuple[int, Any]] = iter(())
        self._at = -1
        self._recent: OrderedDict[int, Any] = OrderedDict()

    def read(self, frame: int, *, whole: bool = True) -> Image.Image:
        """Return a frame as 8-bit RGB, upright, with square pixels.

        Parameters
        ----------
        frame : int
        whole : bool
            Make a whole picture of an interlaced frame, whose two fields show a comb where
            something moves.

        Raises
        ------
        UnreadableImage
        """
        if not 0 <= frame < len(self.index.stamps):
            raise UnreadableImage("There is no such frame in this video.")
        with self._lock, reasons(self.path):
            decoded = self._decoded(frame)
            if whole and decoded.interlaced_frame:
                before, after = self._beside(frame - 1), self._beside(frame + 1)
                decoded = deinterlaced(
                    before or after or decoded, decoded, after or before or decoded
                )
            with memory_for(decoded.width, decoded.height):
                return to_picture(decoded, self._container.streams.video[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._container is not None:
                self._container.close()
                self._container = None

    def _beside(self, frame: int) -> Any:
        """Return a neighbour; None at the ends, and where it is damaged."""
        if not 0 <= frame < len(self.index.stamps):
            return None
        try:
            return self._decoded(frame)
        except UnreadableImage:
            return None

    def _decoded(self, frame: int) -> Any:
        if frame in self._recent:
            return self._recent[frame]
        index = self.index
        key = index.key_before(frame)
        ahead = self._at < frame and (
            index.keys[key] <= self._at + 1 or frame - self._at <= _NEAR or not index.seekable
        )
        if self._container is None or not ahead:
            self._begin(key)
        for number, decoded in self._frames:
            self._at = number
            if decoded.interlaced_frame and not decoded.is_corrupt:
                self._recent[number] = decoded
                if len(self._recent) > _NEIGHBOURS:
                    self._recent.popitem(last=False)
            if number == frame:
                if decoded.is_corrupt:
                    raise UnreadableImage("This frame of the video is damaged.")
                return decoded
            if number > frame:
                break
        self._at = len(index.stamps)  # the next one is sought
        raise UnreadableImage("This frame of the video cannot be decoded: it is damaged.")

    def _begin(self, key: int) -> None:
        """Put the decoder to a key frame, or to an earlier one where that one is none."""
        while True:
            if key > 0 and self._seek(key):
                return
            if key == 0 or not self.index.seekable:
                break
            key -= 1
        self._reopen()
        self._frames = self._numbered(0)
        self._at = -1

    def _reopen(self) -> Any:
        if self._container is not None:
            self._container.close()
        self._container = open_container(self.path)
        return self._container

    def _seek(self, key: int) -> bool:
        """Seek to a key frame; say whether decoding does begin there, or before it."""
        index = self.index
        container = self._container or self._reopen()
        stream = container.streams.video[0]
        try:
            container.seek(int(index.key_decoded[key]), stream=stream)
        except av().FFmpegError:
            return False
        first = index.keys[key]
        for number, decoded in (frames := self._numbered(int(first))):
            if number > first:
                return False  # a seek that led too far
            if number == first:
                # Where pictures are refreshed bit by bit, no frame stands by itself.
                if decoded.pict_type != 1:
                    return False
                self._frames = chain([(number, decoded)], frames)
                self._at = int(first) - 1
                return True
        return False

    def _numbered(self, first: int) -> Iterator[tuple[int, Any]]:
        """Yield decoded frames with their numbers, from a frame on."""
        stream = self._container.streams.video[0]
        number = {int(stamp): n for n, stamp in enumerate(self.index.stamps[first:], first)}
        for count, decoded in enumerate(self._container.decode(stream)):
            if not self.index.seekable:
                yield count, decoded
            elif decoded.pts is not None and (n := number.get(decoded.pts)) is not None:
                yield n, decoded


def to_picture(frame: Any, stream: Any) -> Image.Image:
    """Turn a decoded frame into RGB: its own colours, upright, pixels made square."""
    refuse_too_large(frame.width, frame.height)
    reformatter = av().video.reformatter
    how, spaces = reformatter.Interpolation, reformatter.Colorspace
    named = frame.colorspace not in (2, None)  # 2: not said
    rgb = frame.reformat(
        format="rgb24",
        # Unsaid, players take that of HD for HD, and that of television for the rest.
        src_colorspace=None if named else spaces.ITU709 if frame.height >= _HD else spaces.ITU601,
        # The same bits on every machine: an image's id is made of them.
        interpolation=how.BICUBIC | how.ACCURATE_RND | how.BITEXACT | how.FULL_CHR_H_INT,
    )
    picture = Image.fromarray(rgb.to_ndarray())
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1 and 0.1 < aspect < 10:
        size = (max(1, round(picture.width * aspect)), picture.height)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    turns = round((frame.rotation or 0) / 90) % 4
    return picture.rotate(90 * turns, expand=True) if turns else picture


_readers: OrderedDict[tuple[object, ...], VideoReader] = OrderedDict()
_readers_lock = threading.Lock()


def nothing_kept() -> None:
    """Return no index."""


def reader_of(
    path: Path,
    kept_index: KeptIndex = nothing_kept,
    tell: Callable[[float, float], None] = lambda at, of: None,
) -> VideoReader:
    """Return a reader that is open, or open one; of each process its own.

    Parameters
    ----------
    path : Path
    kept_index : callable
        Returns the index of its frames where one was kept; it is made where not.
    tell : callable
        See :func:`index_video`.

    Raises
    ------
    UnreadableImage
    """
    status = path.stat()
    # A decoder that another process began with would share its place in the file.
    key = (os.getpid(), str(path), status.st_size, status.st_mtime_ns)
    with _readers_lock:
        if key not in _readers:
            _readers[key] = VideoReader(path, kept_index() or index_video(path, tell))
            while len(_readers) > _OPEN:
                _readers.popitem(last=False)
        _readers.move_to_end(key)
        return _readers[key]
