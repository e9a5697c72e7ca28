"""The part of the import form that says what is taken of videos, with a frame to draw boxes on."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from PIL import Image

from fewshot_lab.files import while_unchanged
from fewshot_lab.images import (
    ALL,
    CHANGES,
    INTERLACED,
    Box,
    ClipPlan,
    ClipSettings,
    UnreadableImage,
    blackened,
    find_clips,
    first_frame,
    plan_clip,
)
from fewshot_lab.project import Project, seconds_to_embed
from fewshot_lab.ui.choices import segments
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import alert
from fewshot_lab.words import count, duration, plural

RATE = "rate"
WAYS = {RATE: "At a rate", CHANGES: "Where the picture changes", ALL: "All"}
DEFAULT = ClipSettings()
LOOKED_AT = 12
"""Videos whose length and cost are told before the import; more would keep the page waiting."""
SHOWN = 640
GRID = 60
ACCENT = "#2DB5A5"

Clips = tuple[tuple[str, Path], ...]


@while_unchanged(64)
def clips_at(path: Path) -> Clips:
    """Return the videos, cine loops and animations of a file or folder."""
    return tuple(find_clips([path]))


def ask_clips(project: Project, clips: Clips) -> ClipSettings:
    """Ask which frames are taken, and what is blackened in them.

    Parameters
    ----------
    project : Project
    clips : sequence of (path, file)
        At least one.
    """
    with st.container(border=True, key="fl-clips"):
        st.markdown(f"**{plural(len(clips), 'video')}**")
        muted("Videos come in as frames, which are read from them when they are needed.")
        frames, most, keep_poor = _which_frames()
        picture, choices = st.columns([3, 2], gap="medium")
        with choices:
            names = [path for path, _ in clips]
            name = (
                st.selectbox("Video to look at", names, key="fl-clip")
                if len(names) > 1
                else names[0]
            )
            file = clips[names.index(name)][1]
            at = st.slider("Where in the video", 0, 100, 30, 10, format="%d %%", key="fl-clip-at")
            everywhere = len(clips) > 1 and st.checkbox(
                "Boxes hold for all videos", True, key="fl-clip-all"
            )
        pattern = "*" if everywhere or len(clips) == 1 else name
        if st.session_state.get("fl-clip-of") != clips:  # other videos have boxes of their own
            st.session_state["fl-clip-of"], st.session_state["fl-clip-boxes"] = clips, []
        kept = st.session_state["fl-clip-boxes"]
        settings = ClipSettings(frames, most, keep_poor, tuple(kept))
        drawn = _draw_boxes(picture, choices, file, name, at / 100, settings, pattern)
        _costs(project, clips, settings, shown=name)
    # What was drawn holds, whether or not it was looked at in black.
    return replace(settings, boxes=(*kept, *((pattern, box) for box in drawn)))


def _which_frames() -> tuple[float | str, int, bool]:
    frames: float | str = segments("Frames to take", WAYS, key="fl-clip-way") or RATE
    rate, most, poor = st.columns([1, 1, 2], vertical_alignment="bottom")
    if frames == RATE:
        frames = rate.number_input(
            "Frames a second", 0.01, 100.0, 1.0, 0.5, key="fl-clip-rate", help="0.5: every 2 s"
        )
    at_most = most.number_input(
        "At most, a video", 1, 100_000, DEFAULT.most, 100, key="fl-clip-most"
    )
    keep_poor = not poor.checkbox(
        "Leave out black and blurred frames",
        True,
        key="fl-clip-poor",
        help="Blurred frames have far fewer fine details than the video usually has. Frames left "
        "out are counted.",
    )
    return frames, int(at_most), keep_poor


def _draw_boxes(
    picture: "st.delta_generator.DeltaGenerator",
    choices: "st.delta_generator.DeltaGenerator",
    file: Path,
    name: str,
    at: float,
    settings: ClipSettings,
    pattern: str,
) -> list[Box]:
    """Show a frame on which boxes are drawn, and what is written in the video; return the boxes."""
    dark = st.session_state["fl-clip-boxes"]
    try:
        frame = blackened(_frame(file, at).copy(), settings.boxes_of(name))
    except (UnreadableImage, OSError) as error:
        with picture:
            alert(f"{name}: {error}")
        return []
    plan = _plan(file, name, settings)
    turn = st.session_state.setdefault("fl-clip-turn", 0)
    with picture:
        event = st.plotly_chart(
            figure(frame, plan.marks),
            on_select="rerun",
            selection_mode="box",
            key=f"fl-clip-frame-{turn}",
            config={"displayModeBar": False, "scrollZoom": False},
        )
    drawn = [
        box
        for each in event["selection"]["box"]
        if (box := box_of(each, frame.width, frame.height))
    ]
    with choices:
        muted("Drag over names and numbers in the picture: the content of a box is never kept.")
        # A box elsewhere hides no name: what is written stays told until a box covers it.
        marks = [mark for mark in plan.marks if not any(covers(box, mark) for box in drawn)]
        if marks:
            alert(
                f"Something is written in {plural(len(marks), 'place')} that never changes, "
                "outlined in the picture. It may name the patient."
            )
        boxes = [(pattern, box) for box in (*drawn, *marks)]
        word = f"Blacken {plural(len(boxes), 'box', 'boxes')}"
        with st.container(horizontal=True):
            # By callbacks: the chart's own events may cut the run short that a click began.
            if boxes:
                st.button(word, key="fl-clip-blacken", on_click=_blacken, args=(boxes,))
            if dark:
                st.button("Take boxes off", key="fl-clip-off", type="tertiary", on_click=dark.clear)
        if dark:
            muted(f"{plural(len(dark), 'box is', 'boxes are')} black in every frame.")
    return drawn


def _blacken(boxes: list[tuple[str, Box]]) -> None:
    """Keep boxes, and show a frame on which nothing is drawn."""
    st.session_state["fl-clip-boxes"].extend(boxes)
    st.session_state["fl-clip-turn"] += 1


def figure(frame: Image.Image, marks: Sequence[Box] = ()) -> go.Figure:
    """Return a figure of a frame on which rectangles can be drawn; marks are outlined."""
    width, height = frame.size
    buffer = BytesIO()
    small = frame.copy()
    small.thumbnail((2 * SHOWN, 2 * SHOWN))
    small.save(buffer, "JPEG", quality=85)
    source = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    # A rectangle is only drawn where there is something to choose.
    x, y = np.meshgrid(np.linspace(0, width, GRID), np.linspace(0, height, GRID))
    drawn = go.Figure(
        go.Scattergl(
            x=x.ravel(), y=y.ravel(), mode="markers", marker={"opacity": 0}, hoverinfo="skip"
        )
    )
    drawn.add_layout_image(
        source=source, xref="x", yref="y", x=0, y=0, sizex=width, sizey=height, layer="below"
    )
    for mark in marks:
        line = {"color": ACCENT, "width": 2, "dash": "dot"}
        corner = {"x1": mark.x + mark.width, "y1": mark.y + mark.height}
        drawn.add_shape(type="rect", x0=mark.x, y0=mark.y, line=line, **corner)
    drawn.update_layout(
        dragmode="select",
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        height=round(min(SHOWN * height / width, 520)),
        showlegend=False,
        newselection={"line": {"color": ACCENT, "width": 2}},
    )
    hidden = {"visible": False, "fixedrange": True}
    drawn.update_xaxes(range=[0, width], constrain="domain", **hidden)
    drawn.update_yaxes(range=[height, 0], scaleanchor="x", constrain="domain", **hidden)
    return drawn


def box_of(drawn: dict[str, list[float]], width: int, height: int) -> Box | None:
    """Return a rectangle that was drawn, cut off at the frame; None where it is too small."""
    left, right = (min(width, max(0, round(x))) for x in sorted(drawn["x"]))
    top, bottom = (min(height, max(0, round(y))) for y in sorted(drawn["y"]))
    if right - left < 2 or bottom - top < 2:
        return None
    return Box(left, top, right - left, bottom - top)


def covers(box: Box, mark: Box) -> bool:
    """Say whether nothing of ``mark`` lies outside of ``box``."""
    return (
        box.x <= mark.x
        and box.y <= mark.y
        and box.x + box.width >= mark.x + mark.width
        and box.y + box.height >= mark.y + mark.height
    )


def _costs(project: Project, clips: Clips, settings: ClipSettings, shown: str) -> None:
    plans = [_plan(file, path, settings) for path, file in clips[:LOOKED_AT]]
    for plan in plans:
        if plan.facts is None and plan.path != shown:  # said where its frame would be
            alert(f"{plan.path}: {plan.trouble}")
    good = [plan for plan in plans if plan.facts is not None]
    if not good:
        return
    share = len(clips) / len(plans)
    frames, reading = sum(p.taken for p in good) * share, sum(p.seconds for p in good) * share
    length = sum(plan.facts.seconds for plan in good if plan.facts) * share
    about = "About " if len(clips) > len(plans) else ""
    line = st.empty()
    words = f"{about}{duration(length)} of video: at most {count(round(frames))} frames, about "
    with line:
        muted(f"{words}{duration(reading)} to read them, plus the time of the backbone.")
    if project.backbone.available()[0]:
        each = _backbone_seconds(project)
        embedding = sum(plan.seconds_to_embed(each) for plan in good) * share
        with line:
            muted(
                f"{words}{duration(reading + embedding)} in all on this machine: "
                f"{duration(reading)} to read them, {duration(embedding)} for the backbone."
            )
    if any(plan.facts.interlaced for plan in good if plan.facts):
        muted(INTERLACED)


_measured: dict[str, float] = {}


def _backbone_seconds(project: Project) -> float:
    """Return how long the backbone takes for a picture, measured once."""
    key = project.backbone.fingerprint
    if key not in _measured:
        _measured[key] = seconds_to_embed(project)
    return _measured[key]


@while_unchanged(256)
def _plan(file: Path, path: str, settings: ClipSettings) -> ClipPlan:
    return plan_clip(path, file, settings)


_frame = while_unchanged(8)(first_frame)


def clip_options(settings: ClipSettings) -> dict[str, object]:
    """Return the options of the verb import that say the same, those that are not the default."""
    return {
        "frames": settings.frames if settings.frames != DEFAULT.frames else None,
        "most_frames": settings.most if settings.most != DEFAULT.most else None,
        "keep_poor": settings.keep_poor,
        "box": [f"{pattern}:{','.join(map(str, box))}" for pattern, box in settings.boxes],
    }
