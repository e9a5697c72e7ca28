"""The part of the import form that says how whole slides are cut, with a slide to look at."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import while_unchanged
from fewshot_lab.images import Tiling, TissueRule, UnreadableImage
from fewshot_lab.images.slides import FoundSlide, open_slide
from fewshot_lab.images.slides.preview import SlideOnView
from fewshot_lab.project import Project, seconds_per_tile
from fewshot_lab.ui.fragments import muted
from fewshot_lab.ui.on_error import alert
from fewshot_lab.words import count, duration, percent, plural

UM, PIXELS = "Micrometres", "Pixels"
DEFAULT = Tiling()
SHOWN = 560
"""Longer side of the picture in pixels: all of it is seen at once."""


def ask_tiling(project: Project, slides: Sequence[FoundSlide]) -> Tiling | None:
    """Ask how slides are cut; None where it cannot be like this, which is said.

    Parameters
    ----------
    project : Project
        Its backbone's time is told, too.
    slides : sequence of FoundSlide
        At least one.
    """
    with st.container(border=True, key="fl-slides"):
        st.markdown(f"**{plural(len(slides), 'whole slide')}**")
        muted("Slides come in as tiles, which are read from them when they are needed.")
        try:
            tiling = _size(slides)
        except FewshotLabError as error:
            alert(str(error))
            return None
        return _look(project, slides, tiling)


def _size(slides: Sequence[FoundSlide]) -> Tiling:
    """Ask for the size of a tile, and how many."""
    unit = st.segmented_control(
        "Size of a tile in",
        [UM, PIXELS],
        default=UM,
        required=True,
        key="fl-tile-unit",
        help="In pixels of the slide's finest level where slides do not say their scale.",
    )
    lacking = unit == UM and any(_lacks_scale(slide.file) for slide in slides[:8])
    fields = iter(st.columns(5 if lacking else 4))
    tile_um, mpp, tile_px, slide_mpp = DEFAULT.tile_um, DEFAULT.mpp, None, None
    if unit == PIXELS:
        tile_px = int(
            next(fields).number_input("Side, pixels", 16, 4096, 256, 32, key="fl-tile-px")
        )
    else:
        tile_um = next(fields).number_input("Side, µm", 8.0, 8192.0, tile_um, 16.0, "%.0f", "fl-um")
        mpp = next(fields).number_input(
            "µm per pixel",
            0.1,
            32.0,
            mpp,
            0.25,
            key="fl-tile-mpp",
            help="How much a tile shows: 0.5 is what is called 20x, 0.25 40x.",
        )
    if lacking:
        slide_mpp = next(fields).number_input(
            "Scale where none is said",
            0.05,
            32.0,
            0.25,
            0.05,
            key="fl-slide-mpp",
            help="Not every slide here says how many µm one of its pixels is. 0.25 for a scan at "
            "40x, 0.5 at 20x: ask whoever runs the scanner.",
        )
    overlap = next(fields).number_input("Overlap, %", 0, 90, 0, 10, key="fl-tile-overlap") / 100
    most = next(fields).number_input(
        "At most, a slide",
        1,
        1_000_000,
        DEFAULT.most,
        100,
        key="fl-tile-most",
        help="Drawn evenly over the tissue.",
    )
    return Tiling(tile_um, mpp, tile_px, overlap, int(most or 1), slide_mpp)


def _look(project: Project, slides: Sequence[FoundSlide], tiling: Tiling) -> Tiling | None:
    """Show a slide with what is taken for tissue, beside what can be changed about it."""
    picture, choices = st.columns([3, 2], gap="medium")
    rule = DEFAULT.tissue
    with choices:
        names = [slide.name for slide in slides]
        name = (
            st.selectbox("Slide to look at", names, key="fl-slide") if len(names) > 1 else names[0]
        )
        colour = st.slider(
            "Tissue has at least this colour",
            0.0,
            0.3,
            rule.saturation,
            0.01,
            key="fl-tissue-colour",
            help="Saturation. Higher: pale tissue is left out. Lower: glass comes in.",
        )
        texture = st.slider(
            "and this contrast",
            0.0,
            0.03,
            rule.texture,
            0.001,
            format="%.3f",
            key="fl-tissue-texture",
            help="Standard deviation of the lightness around a point. Ink and shadows lie smooth.",
        )
        share = st.slider(
            "A tile holds at least this share of tissue",
            0,
            100,
            round(100 * rule.share),
            5,
            format="%d %%",
            key="fl-tissue-share",
        )
    tiling = replace(tiling, tissue=TissueRule(colour, texture, share / 100))
    slide = slides[names.index(name)]
    try:
        view = _opened(slide.file).look(tiling, longest=SHOWN)
    except (UnreadableImage, OSError) as error:
        alert(f"{slide.name}: {error}")
        return tiling  # the import lists it and goes on with the others
    picture.image(view.picture, width="content")
    with choices:
        scale = "" if view.tile_mpp is None else f" at {view.tile_mpp:.3g} µm per pixel"
        muted(
            f"{percent(view.tissue)} of this slide is tissue: {plural(view.tiles, 'tile')} of "
            f"{tiling.side_px} x {tiling.side_px} pixels{scale}, {count(view.taken)} taken."
        )
        tiles = view.taken * len(slides)
        if len(slides) > 1:
            muted(
                f"If all {count(len(slides))} slides are like this one: about "
                f"{plural(tiles, 'tile')}, {duration(view.seconds * len(slides))} to read."
            )
        if tiles and st.button("How long will it take?", type="tertiary", key="fl-slides-cost"):
            with st.spinner("Trying some tiles"):
                each = seconds_per_tile(project, slide, tiling)
            if each is not None:
                muted(
                    f"About {duration(each * tiles)} for {plural(tiles, 'tile')}: reading, and the "
                    f"backbone {project.backbone.card.title} on this machine."
                )
    return tiling


def _lacks_scale(file: Path) -> bool:
    try:
        return open_slide(file).mpp is None
    except UnreadableImage:
        return False


@while_unchanged(4)
def _opened(file: Path) -> SlideOnView:
    return SlideOnView(file)


def tiling_options(tiling: Tiling) -> dict[str, object]:
    """Return the options of the verb import that say a tiling, those that are not the default."""
    values = {
        "tile_um": (tiling.tile_um, DEFAULT.tile_um),
        "mpp": (tiling.mpp, DEFAULT.mpp),
        "tile_px": (tiling.tile_px, None),
        "overlap": (tiling.overlap, DEFAULT.overlap),
        "tiles": (tiling.most or "all", DEFAULT.most),
        "slide_mpp": (tiling.slide_mpp, None),
        "tissue_colour": (tiling.tissue.saturation, DEFAULT.tissue.saturation),
        "tissue_texture": (tiling.tissue.texture, DEFAULT.tissue.texture),
        "tissue_share": (tiling.tissue.share, DEFAULT.tissue.share),
        "tile_seed": (tiling.seed, DEFAULT.seed),
    }
    if tiling.tile_px is not None:
        del values["tile_um"], values["mpp"]
    return {name: value for name, (value, usual) in values.items() if value != usual}
