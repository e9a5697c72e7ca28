"""Whole pictures of interlaced video, whose even and odd lines were taken one after the other."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from fewshot_lab.images.video_file import av


def deinterlaced(before: Any, frame: Any, after: Any) -> Any:
    """Return a frame whose second field is made anew from what lies around it in place and time.

    By FFmpeg's bwdif (the filter of W3FDIF and YADIF combined, J. Cowgill, T. Mundt). The frame
    that comes out follows from the three alone, in whatever order frames are read.

    Parameters
    ----------
    before, frame, after : av.VideoFrame
        The neighbours; where there is one alone, as at the ends of a video, twice that one.
    """
    module = av()
    graph = module.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    filter_ = graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
    sink = graph.add("buffersink")
    source.link_to(filter_)
    filter_.link_to(sink)
    graph.configure()
    for number, each in enumerate((before, frame, after)):
        stamp, each.pts = each.pts, number
        graph.push(each)
        each.pts = stamp
    graph.push(None)
    graph.pull()
    return graph.pull()


def whole_pictures(frames: Iterable[Any]) -> Iterator[Any]:
    """Yield decoded frames, those that are interlaced as whole pictures."""
    last = this = None
    for following in chain(frames, (None,)):
        if this is not None:
            if this.interlaced_frame:
                alone = last or following or this
                yield deinterlaced(last or alone, this, following or alone)
            else:
                yield this
        last, this = this, following
