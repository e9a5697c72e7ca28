"""Clips: files whose frames follow each other in time. Videos, animated GIFs, DICOM cine loops."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from fewshot_lab.images import pillow_decoder
from fewshot_lab.images.deinterlacing import whole_pictures
from fewshot_lab.images.dicom import read_dicom, read_header
from fewshot_lab.images.dicom_video import is_video
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.unreadable import first_bytes
from fewshot_lab.images.video_file import open_container, reasons
from fewshot_lab.images.video_index import NO_FRAME, seconds_long
from fewshot_lab.images.video_reader import KeptIndex, nothing_kept, reader_of, to_picture

_FEW_KEYS, _DECODED = 8, 3000
_TIMED = 40
"""Frames that are decoded to tell how long all will take."""
_GIF_PAUSE = 0.1
"""Seconds that browsers show a frame whose pause is not said."""


@dataclass(frozen=True)
class ClipFacts:
    """What a clip says of itself, without decoding it.

    Attributes
    ----------
    frames : int
        By its length and rate where only reading all of it would tell.
    seconds : float
    width, height : int
        Pixels, upright.
    decoding : float
        Seconds to decode one frame, on this machine.
    interlaced : bool
        Whether its frames are woven of two fields, of which whole pictures are made.
    """

    frames: int
    seconds: float
    width: int
    height: int
    decoding: float
    interlaced: bool = False


def is_clip(path: Path) -> bool:
    """Say whether a file's pictures follow each other in time.

    Raises
    ------
    UnreadableImage, OSError
    """
    kind = kind_of(path)
    if is_video(path):
        return True
    if kind == "dicom":
        return cine_times(read_header(path)) is not None
    return kind == "picture" and first_bytes(path, 4) == b"GIF8" and len(_gif_times(path)) > 1


def frame_times(path: Path, kept_index: KeptIndex = nothing_kept) -> NDArray[np.float64]:
    """Return when each frame of a clip is shown (n,), in seconds from its first.

    Parameters
    ----------
    path : Path
    kept_index : callable
        Returns the index of a video, where it was kept.

    Raises
    ------
    UnreadableImage
    """
    kind = kind_of(path)
    if is_video(path):
        return reader_of(path, kept_index).index.times
    if kind == "dicom":
        times = cine_times(read_header(path))
        return np.zeros(1) if times is None else times
    return _gif_times(path)


def read_clip(
    path: Path, frame: int, kept_index: KeptIndex = nothing_kept, *, whole: bool = True
) -> Image.Image:
    """Return a frame of a clip as 8-bit RGB; see :meth:`VideoReader.read`.

    Raises
    ------
    UnreadableImage
    """
    kind = kind_of(path)
    if is_video(path):
        return reader_of(path, kept_index).read(frame, whole=whole)
    if kind == "dicom":
        return read_dicom(path, frame)
    return pillow_decoder.decode(path, frame)


def clip_facts(path: Path) -> ClipFacts:
    """Look at a clip without reading all of it.

    Raises
    ------
    UnreadableImage
    """
    if not is_video(path):
        times = frame_times(path)
        began = time.perf_counter()
        width, height = read_clip(path, 0).size
        return ClipFacts(len(times), length(times), width, height, time.perf_counter() - began)
    with reasons(path), open_container(path) as container:
        stream = container.streams.video[0]
        seconds, rate = seconds_long(container), float(stream.average_rate or 25)
        began, decoded = time.perf_counter(), 0
        picture, interlaced = None, False
        for frame in container.decode(stream):
            picture = picture or to_picture(frame, stream)
            interlaced = interlaced or frame.interlaced_frame
            decoded += 1
            if decoded == _TIMED:
                break
        if picture is None:
            raise UnreadableImage(NO_FRAME)
        each = (time.perf_counter() - began) / decoded
        known = stream.frames or round(seconds * rate)
        frames, seconds = max(known, decoded), seconds or decoded / rate
        return ClipFacts(frames, seconds, *picture.size, each, interlaced)


def sampled_frames(path: Path, count: int = 24) -> Iterator[Image.Image]:
    """Yield frames from all over a clip, where they are quick to come by.

    Raises
    ------
    UnreadableImage
    """
    if not is_video(path):
        frames = len(frame_times(path))
        for frame in np.unique(np.linspace(0, frames - 1, count).round().astype(int)):
            yield read_clip(path, int(frame))
        return
    pictures = list(_at_key_frames(path, count))
    yield from pictures if len(pictures) >= min(_FEW_KEYS, count) else _spread(path, count)


def _at_key_frames(path: Path, count: int) -> Iterator[Image.Image]:
    """Yield the frames that seeks all over a video lead to, each once."""
    with reasons(path), open_container(path) as container:
        stream = container.streams.video[0]
        first, seconds = stream.start_time or 0, seconds_long(container)
        last = None
        for at in np.linspace(0, 0.98 * seconds, count if seconds else 1):
            container.seek(first + int(at / stream.time_base), stream=stream)
            frames = iter(container.decode(stream))
            frame = next(frames, None)
            if frame is not None and frame.pts != last:
                last = frame.pts
                if frame.interlaced_frame:  # the next one has neighbours on both sides
                    some = [frame, *islice(frames, 2)]
                    frame = [*whole_pictures(some)][len(some) // 2]
                yield to_picture(frame, stream)


def _spread(path: Path, count: int) -> Iterator[Image.Image]:
    """Yield frames from all over a video with few key frames, or from its first minutes."""
    with reasons(path), open_container(path) as container:
        stream = container.streams.video[0]
        known = stream.frames or round(seconds_long(container) * float(stream.average_rate or 25))
        step = max(1, min(known, _DECODED) // count)
        frames = islice(container.decode(stream), _DECODED)
        for number, frame in enumerate(whole_pictures(frames)):
            if number % step == 0 and number < count * step:
                yield to_picture(frame, stream)


def small_frames(path: Path, side: int = 32) -> Iterator[NDArray[np.uint8]]:
    """Yield every frame of a clip in order, shrunk to a grey square (side, side).

    Raises
    ------
    UnreadableImage
    """
    if not is_video(path):
        for frame in range(len(frame_times(path))):
            picture = read_clip(path, frame).convert("L")
            yield np.asarray(picture.resize((side, side), Image.Resampling.BOX))
        return
    wanted = set(reader_of(path).index.stamps.tolist())
    seekable = reader_of(path).index.seekable
    with reasons(path), open_container(path) as container:
        for decoded in container.decode(container.streams.video[0]):
            if not seekable or decoded.pts in wanted:
                small = decoded.reformat(side, side, "gray", interpolation="AREA")
                yield small.to_ndarray()


def length(times: NDArray[np.float64]) -> float:
    """Return how long a clip is, its last frame being shown as long as frames usually are."""
    usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    return float(times[-1]) + usual


def cine_times(header: Any) -> NDArray[np.float64] | None:
    """Return when the frames of a DICOM cine loop are shown; None for slices and single frames.

    By frame time (0018,1063), frame time vector (0018,1065), cine rate (0018,0040) or recommended
    rate (0008,2144).
    """
    try:
        frames = int(header.get("NumberOfFrames") or 1)
        if frames < 2:
            return None
        pauses = [float(pause) for pause in header.get("FrameTimeVector") or []]
        if len(pauses) == frames and sum(pauses) > 0:
            return np.asarray(np.cumsum([0.0, *pauses[1:]]) / 1e3, np.float64)
        pause = float(header.get("FrameTime") or 0) / 1e3
        rate = float(header.get("CineRate") or header.get("RecommendedDisplayFrameRate") or 0)
    except (TypeError, ValueError):
        return None
    if pause <= 0 and rate <= 0:
        return None
    return np.arange(frames, dtype=np.float64) * (pause if pause > 0 else 1 / rate)


def _gif_times(path: Path) -> NDArray[np.float64]:
    """Return when each whole frame of an animated GIF is shown; none after one that is damaged."""
    pauses: list[float] = []
    with (
        suppress(OSError, SyntaxError, ValueError, EOFError),
        Image.open(path, formats=["GIF"]) as image,
    ):
        pauses.extend(
            frame.info.get("duration", 0) / 1e3 or _GIF_PAUSE
            for frame in ImageSequence.Iterator(image)
        )
    return np.cumsum([0.0, *pauses[:-1]]) if pauses else np.zeros(1)
