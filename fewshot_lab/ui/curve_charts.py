"""Curves of accuracy against labels, each with its interval as a band."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from fewshot_lab.ui.chart_parts import COLOURS, DOTTED, GREY, add_band, empty_figure
from fewshot_lab.words import percent

HEIGHT = 400


def figure(x: str, y: str, *, height: int = HEIGHT) -> go.Figure:
    """Return an empty figure with its axes named."""
    chart = empty_figure(
        height=height,
        margin={"l": 52, "r": 12, "t": 28, "b": 44},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        hovermode="closest",
    )
    chart.update_layout(font_size=12)
    chart.update_xaxes(title={"text": x, "standoff": 6}, showgrid=False)
    chart.update_yaxes(title={"text": y, "standoff": 6}, ticksuffix="\u00a0%")
    return chart


def band(
    chart: go.Figure,
    x: Sequence[float],
    value: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    *,
    name: str,
    colour: str,
    dash: str = "solid",
    faint: float = 0.16,
    words: str = "",
    filled: bool = True,
) -> None:
    """Draw a line with its interval as a band behind it.

    Parameters
    ----------
    words : str
        What the x values are, for the hover text: "labels per class".
    filled : bool
        Whether the band is drawn; the hover text has the interval all the same.
    """
    low, value, high = (_percentages(shares) for shares in (low, value, high))
    add_band(chart, x, low, high, colour, faint, visible=filled, legendgroup=name)
    chart.add_scatter(
        x=list(x),
        y=value,
        mode="lines+markers" if dash == "solid" else "lines",
        name=name,
        legendgroup=name,
        line={"color": colour, "width": 2, "dash": dash},
        marker={"size": 6},
        customdata=list(zip(low, high, strict=True)),
        hovertemplate=(
            "<b>%{y:.1f}\u00a0%</b> (%{customdata[0]:.1f}–%{customdata[1]:.1f})<br>%{x:,} "
            + words
            + f"<extra>{name}</extra>"
        ),
    )


def band_of(chart: go.Figure, rows: Sequence[dict[str, Any]], x: str, **how: Any) -> None:
    """Draw the balanced accuracy of rows with its interval; see :func:`band`."""
    low, high = zip(*(row["interval"] for row in rows), strict=True)
    value = [row["balanced_accuracy"] for row in rows]
    band(chart, [row[x] for row in rows], value, low, high, **how)


def _percentages(shares: Sequence[float]) -> list[float]:
    return [100 * share if share is not None else math.nan for share in shares]


def reference(chart: go.Figure, x: float, rows: Sequence[dict[str, Any]], words: str) -> None:
    """Draw published values at one x as thin grey lines, each named where there is room."""
    last = math.inf
    for row in sorted(rows, key=lambda each: -each["value"]):
        value, doubt = row["value"], row["doubt"]
        crowded = last - value < 0.02
        last = value
        chart.add_scatter(
            x=[x / 1.2, x * 1.2],
            y=_percentages([value, value]),
            mode="lines+text",
            line={"color": GREY, "width": 1},
            text=[f"{row['name']} ", ""] if crowded else ["", f" {row['name']}"],
            textposition="middle left" if crowded else "middle right",
            textfont={"size": 10, "color": GREY},
            showlegend=False,
            hovertemplate=f"{row['name']}: {percent(value, 1)} ± {100 * doubt:.0f}<br>{words}"
            "<extra></extra>",
            cliponaxis=False,
        )
    chart.update_layout(margin_r=130)


def log_ticks(chart: go.Figure, at: Sequence[int]) -> None:
    """Put the x axis on a logarithmic scale with ticks where something was measured."""
    chart.update_xaxes(type="log", tickvals=list(at), ticktext=[f"{n:,}" for n in at])


def learning_curve(advice: dict[str, Any], class_id: int | None = None) -> go.Figure:
    """Return the curve of the labels at hand and its extrapolation, or one class's recall.

    Parameters
    ----------
    advice
        As ``Advice.to_dict`` gives it.
    """
    own = next((c for c in advice["classes"] if c["class_id"] == class_id), None)
    x = [each["labels"] for each in advice["sizes"]]
    bands = own["recall"] if own else [each["balanced_accuracy"] for each in advice["sizes"]]
    title = f"recall of {own['name']}" if own else "balanced accuracy"
    chart = figure("labels that train", title)
    band(chart, x, *_columns(bands), name="measured (95 %)", colour=COLOURS[0], words="labels")
    if own is None and advice["ahead"]:
        # From the last point that was measured on: the laws run through all of them, near each.
        ahead = [advice["sizes"][-1], *(a for a in advice["ahead"] if a["labels"] > x[-1])]
        band(
            chart,
            [each["labels"] for each in ahead],
            *_columns([each["balanced_accuracy"] for each in ahead]),
            name="extrapolated (95 %)",
            colour=COLOURS[0],
            dash="dot",
            faint=0.08,
            words="labels",
        )
        chart.add_vline(x=advice["labels"], line=DOTTED)
        chart.add_annotation(
            x=math.log10(advice["labels"]),  # on such an axis an annotation wants the logarithm
            y=0,
            yref="paper",
            text="now",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            xshift=4,
            font={"size": 11, "color": GREY},
        )
        x = [*x, *(each["labels"] for each in ahead[1:])]
    log_ticks(chart, _apart(x))
    return chart


def _columns(bands: Sequence[dict[str, float]]) -> tuple[list[float], list[float], list[float]]:
    return tuple([each[key] for each in bands] for key in ("value", "low", "high"))  # type: ignore[return-value]


def _apart(at: Sequence[int]) -> list[int]:
    """Leave out ticks that would run into each other."""
    kept: list[int] = []
    for n in sorted(set(at)):
        if not kept or n / kept[-1] > 1.12:
            kept.append(n)
    return kept
