"""Which frames of videos are taken, as the terminal takes it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from fewshot_lab.cli.options import option
from fewshot_lab.cli.reporting import table
from fewshot_lab.words import duration

if TYPE_CHECKING:
    from fewshot_lab.images import ClipPlan, ClipSettings


_option = partial(option, rich_help_panel="Videos, cine loops, animations")

Frames = Annotated[
    str | None,
    _option(
        "Frames a second (1), those where the picture changes, or all.",
        "--frames",
        metavar="N|changes|all",
    ),
]
MostFrames = Annotated[
    int | None, _option("At most so many of one, spread evenly over it (1000).", min=1)
]
KeepPoor = Annotated[bool, _option("Take black and blurred frames, too.", "--keep-poor")]
Boxes = Annotated[
    list[str] | None,
    _option(
        "Blacken a part of every frame, in pixels; 'NAME:' before it for one video; may be "
        "repeated.",
        "--box",
        metavar="LEFT,TOP,WIDTH,HEIGHT",
    ),
]


def clip_settings(
    frames: str | None, most: int | None, keep_poor: bool, boxes: list[str] | None
) -> ClipSettings:
    """Return what the options say.

    Raises
    ------
    FewshotLabError
        For an option that cannot be read.
    """
    from fewshot_lab.images import ClipSettings, read_box, read_frames

    usual = ClipSettings()
    return ClipSettings(
        frames=usual.frames if frames is None else read_frames(frames),
        most=most or usual.most,
        keep_poor=keep_poor,
        boxes=tuple(read_box(box) for box in boxes or ()),
    )


def clip_table(plans: list[ClipPlan]) -> str:
    """Return what would be taken of clips as a table; nothing where there are none."""
    rows = [
        [plan.path, plan.length, plan.size, f"{plan.taken:,}", duration(plan.seconds)]
        for plan in plans
    ]
    head = ["video", "length", "pixels", "frames at most", "about"]
    return table(head, rows) + "\n" if rows else ""
