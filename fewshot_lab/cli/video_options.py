"""Which frames of videos are taken, as the terminal takes it."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fewshot_lab.cli.options import option
from fewshot_lab.cli.reporting import table
from fewshot_lab.words import duration

if TYPE_CHECKING:
    from fewshot_lab.images import ClipPlan, ClipSettings


_option = partial(option, rich_help_panel="Videos, cine loops, animations")


@dataclass(frozen=True)
class ClipOptions:
    """The options of a verb that takes frames of videos."""

    frames: Annotated[
        str | None,
        _option(
            "Frames a second (1), those where the picture changes, or all.",
            metavar="N|changes|all",
        ),
    ] = None
    most_frames: Annotated[
        int | None, _option("Most frames of one video, spread evenly (1000).", min=1)
    ] = None
    keep_poor: Annotated[bool, _option("Also take black and blurred frames.")] = False
    box: Annotated[
        list[str] | None,
        _option(
            "Blacken a part of every frame, in pixels; prefix 'NAME:' for one video; may be "
            "repeated.",
            metavar="LEFT,TOP,WIDTH,HEIGHT",
        ),
    ] = None

    def settings(self) -> "ClipSettings":
        """Return what the options say.

        Raises
        ------
        FewshotLabError
            For an option that cannot be read.
        """
        from fewshot_lab.images import ClipSettings, read_box, read_frames

        usual = ClipSettings()
        return ClipSettings(
            frames=usual.frames if self.frames is None else read_frames(self.frames),
            most=self.most_frames or usual.most,
            keep_poor=self.keep_poor,
            boxes=tuple(read_box(box) for box in self.box or ()),
        )


def clip_table(plans: "list[ClipPlan]") -> str:
    """Return what would be taken of clips as a table; nothing where there are none."""
    rows = [
        [plan.path, plan.length, plan.size, f"{plan.taken:,}", duration(plan.seconds)]
        for plan in plans
    ]
    head = ["video", "length", "pixels", "frames at most", "about"]
    return table(head, rows) + "\n" if rows else ""
