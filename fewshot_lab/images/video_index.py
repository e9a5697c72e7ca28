"""Which frames a video has, when each is shown, and from which key frame it is decoded."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.files import npz_bytes, write_atomically
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.video_file import av, open_container, reasons

NO_FRAME = (
    "No frame of the video can be decoded: there is no whole key frame, from which decoding begins."
)
_CHECKED = 48
_TOLD_EVERY = 2000


@dataclass(frozen=True)
class VideoIndex:
    """The frames of a video in the order in which they are shown.

    Attributes
    ----------
    stamps : array (n,) of int64
        What the container calls each; their number in the order of decoding where ``seekable`` is
        False.
    times : array (n,) of float64
        Seconds from the first frame.
    keys : array (k,) of int64
        Numbers of the frames from which decoding can begin, ascending; the first is 0.
    key_decoded : array (k,) of int64
        When each of these is decoded, in the units of ``stamps``: where a seek leads.
    seekable : bool
        False where stamps do not tell frames apart: then each is counted from the beginning.
    cut_short : bool
        Whether the video ends before its container says.
    """

    stamps: NDArray[np.int64]
    times: NDArray[np.float64]
    keys: NDArray[np.int64]
    key_decoded: NDArray[np.int64]
    seekable: bool
    cut_short: bool

    def key_before(self, frame: int) -> int:
        """Return the place in ``keys`` of the last key frame that is not after a frame."""
        return int(np.searchsorted(self.keys, frame, side="right")) - 1


def save_index(index: VideoIndex, file: Path) -> None:
    """Keep an index beside what it belongs to."""
    write_atomically(file, npz_bytes(**vars(index)))


def load_index(file: Path) -> VideoIndex | None:
    """Return an index that was kept; None where there is none that can be read."""
    try:
        with np.load(file) as kept:
            # [()] makes a plain value of what is no array.
            return VideoIndex(**{each.name: kept[each.name][()] for each in fields(VideoIndex)})
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def index_video(
    path: Path, tell: Callable[[float, float], None] = lambda at, of: None
) -> VideoIndex:
    """List the frames of a video, from its packets alone, without decoding all of them.

    Packets carry stamps, which say in which order frames are shown. Some containers (H.264 with
    B-frames in AVI) make them up; so the first frames are decoded, and where they come under other
    stamps the whole video is, once.

    Parameters
    ----------
    path : Path
    tell : callable
        Gets seconds listed so far and the video's length; may raise to stop.

    Raises
    ------
    UnreadableImage
    """
    with reasons(path), open_container(path) as container:
        stream = container.streams.video[0]
        base, length = stream.time_base, seconds_long(container)
        index = _by_packets(container, stream, base, length, tell)
    if index is not None and _is_true(path, index):
        return index
    return _by_decoding(path, length, tell)


def seconds_long(container: Any) -> float:
    """Return how long a video is by what its container says; 0 where it does not."""
    stream = container.streams.video[0]
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return container.duration / 1e6 if container.duration else 0.0


def _by_packets(
    container: Any, stream: Any, base: Fraction, length: float, tell: Callable[[float, float], None]
) -> VideoIndex | None:
    shown: list[int] = []
    decoded: list[int] = []
    key: list[bool] = []
    try:
        for number, packet in enumerate(container.demux(stream)):
            if packet.size == 0 or packet.is_discard:
                continue
            if packet.pts is None:
                return None
            shown.append(packet.pts)
            decoded.append(packet.pts if packet.dts is None else packet.dts)
            key.append(packet.is_keyframe and not packet.is_corrupt)
            if number % _TOLD_EVERY == 0:
                tell(min(length, float(packet.pts * base)), length)
    except av().FFmpegError:  # cut short: what came before is whole
        pass
    if not any(key):
        return None
    order = np.argsort(np.array(shown, np.int64), kind="stable")
    stamps = np.array(shown, np.int64)[order]
    is_key = np.array(key)[order]
    first = int(np.flatnonzero(is_key)[0])  # what comes before the first key frame has no beginning
    stamps, is_key = stamps[first:], is_key[first:]
    if (np.diff(stamps) <= 0).any():
        return None
    keys = np.flatnonzero(is_key)
    times = (stamps - stamps[0]) * float(base)
    return VideoIndex(
        stamps, times, keys, np.array(decoded, np.int64)[order][first:][keys], True,
        _ends_early(times, length),
    )  # fmt: skip


def _ends_early(times: NDArray[np.float64], length: float) -> bool:
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    return length - float(times[-1]) > max(2.0, 3 * usual)


def _is_true(path: Path, index: VideoIndex) -> bool:
    """Say whether the first frames come under the stamps that their packets have."""
    came: list[int | None] = []
    with reasons(path), open_container(path) as container:
        try:
            for frame in container.decode(container.streams.video[0]):
                if frame.pts is None or frame.pts >= index.stamps[0]:
                    came.append(frame.pts)
                if len(came) == _CHECKED:
                    break
        except av().FFmpegError:
            pass
    return bool(came) and came == index.stamps[: len(came)].tolist()


def _by_decoding(path: Path, length: float, tell: Callable[[float, float], None]) -> VideoIndex:
    times: list[float] = []
    rate = Fraction(25)
    with reasons(path), open_container(path) as container:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or rate
        try:
            for number, frame in enumerate(container.decode(stream)):
                before = times[-1] if times else 0.0
                times.append(before if frame.pts is None else max(before, float(frame.time)))
                if number % 100 == 0:
                    tell(min(length, times[-1]), length)
        except av().FFmpegError:
            pass
    if not times:
        raise UnreadableImage(NO_FRAME)
    n = len(times)
    since = np.array(times) - times[0]
    if n > 1 and not since.any():  # a stream without stamps
        since = np.arange(n) / float(rate)
    return VideoIndex(
        np.arange(n), since, np.zeros(1, np.int64), np.zeros(1, np.int64), False,
        _ends_early(since, length),
    )  # fmt: skip
