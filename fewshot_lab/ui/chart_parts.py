"""What the charts of the pages share: an empty figure, colours, bands and bars of intervals."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

# Colours that tell apart on light and dark ground, also for most colour-blind eyes.
COLOURS = ("#0f9488", "#d97706", "#6d7fd6", "#c2527b", "#7c8a2e", "#8b6fc0")
GREY = "#8a949b"
DOTTED = {"color": GREY, "width": 1, "dash": "dot"}
CONFIG = {"displayModeBar": False, "responsive": True}


def empty_figure(title: str = "", **layout: Any) -> go.Figure:
    """Return a figure on no ground of its own, for both themes."""
    heading = {"text": title, "font": {"size": 13, "weight": 500}, "x": 0, "y": 0.98}
    figure = go.Figure()
    figure.update_layout(
        title=heading if title else None,
        font_size=11,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        **layout,
    )
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False)
    return figure


def add_band(
    figure: go.Figure,
    x: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colour: str,
    alpha: float = 0.15,
    **settings: Any,
) -> None:
    """Fill the space between two curves."""
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*high, *reversed(low)],
        mode="lines",
        fill="toself",
        fillcolor=rgba(colour, alpha),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        **settings,
    )


def add_level(figure: go.Figure, value: float, words: str, at: str = "top right") -> None:
    """Draw a dotted line across, named at its end."""
    annotation = {"text": words, "font": {"size": 10, "color": GREY}}
    figure.add_hline(y=value, line=DOTTED, annotation=annotation, annotation_position=at)


def interval_bars(
    value: Sequence[float], low: Sequence[float], high: Sequence[float], **settings: Any
) -> dict[str, Any]:
    """Return plotly's error bars of values with intervals."""
    above = [h - v for h, v in zip(high, value, strict=True)]
    below = [v - least for least, v in zip(low, value, strict=True)]
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below}
    return {**bars, "thickness": 1, "width": 3, **settings}


def rgba(colour: str, alpha: float) -> str:
    """Return "#0f9488" as "rgba(15,148,136,0.16)"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"
