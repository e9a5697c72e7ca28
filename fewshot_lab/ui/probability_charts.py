"""The risk-coverage curve and the reliability diagram."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from fewshot_lab.ui.chart_parts import (
    COLOURS,
    DOTTED,
    add_band,
    add_level,
    empty_figure,
    interval_bars,
)
from fewshot_lab.words import percent

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Probabilities

ACCENT = COLOURS[0]
HEIGHT = 260
PERCENT = "\u00a0%"


def _figure(title: str, x: str, y: str) -> go.Figure:
    margin = {"l": 50, "r": 10, "t": 34, "b": 40}
    figure = empty_figure(title, height=HEIGHT, margin=margin, showlegend=False)
    figure.update_xaxes(title={"text": x, "standoff": 4}, ticksuffix=PERCENT)
    figure.update_yaxes(title=y, ticksuffix=PERCENT)
    return figure


def risk_coverage(probabilities: "Probabilities") -> go.Figure:
    """Return the error among the decided images over the share decided, with its interval."""
    curve, threshold = probabilities.curve, probabilities.threshold
    figure = _figure("Error, the more is decided", "share of images decided", "wrong among them")
    x, low, high = ((100 * part).tolist() for part in (curve.coverage, curve.low, curve.high))
    add_band(figure, x, low, high, ACCENT, 0.18)
    figure.add_scatter(
        x=100 * curve.coverage,
        y=100 * curve.error,
        mode="lines",
        line={"color": ACCENT, "width": 2},
        customdata=np.stack([curve.threshold, 100 * curve.low, 100 * curve.high], axis=1),
        hovertemplate="decided %{x:.0f} %, wrong %{y:.1f} % "
        "(%{customdata[1]:.1f}–%{customdata[2]:.1f})<br>from probability %{customdata[0]:.0%}"
        "<extra></extra>",
    )
    add_level(figure, 100 * threshold.target, "error wanted", "bottom left")
    if not probabilities.by_class and threshold.rule != "none":
        evidence = probabilities.evidence
        decided = evidence.confidence[~evidence.unlike] >= threshold.value
        at = float(decided.sum()) / max(len(evidence), 1)
        figure.add_vline(
            x=100 * at,
            line={"color": ACCENT, "width": 1},
            annotation={
                "text": f"from {percent(threshold.value)}",
                "font": {"size": 10, "color": ACCENT},
                "xanchor": "right" if at > 0.5 else "left",
            },
        )
    top = max(3 * threshold.target, float(curve.error.max()) * 1.4, 0.1)
    figure.update_xaxes(range=[0, 101])
    figure.update_yaxes(range=[0, 100 * min(1.0, top)])
    return figure


def reliability(probabilities: "Probabilities") -> go.Figure:
    """Return accuracy over confidence in bins of equal numbers of images."""
    bins = probabilities.reliability.bins
    figure = _figure("Right as often as the probability says?", "probability", "share right")
    figure.add_scatter(x=[0, 100], y=[0, 100], mode="lines", line=DOTTED, hoverinfo="skip")
    x = [100 * b.confidence for b in bins]
    y, low, high = (
        [100 * getattr(b.accuracy, part) for b in bins] for part in ("value", "low", "high")
    )
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": ACCENT, "width": 1.5},
        marker={"size": 7},
        error_y=interval_bars(y, low, high, color=ACCENT),
        customdata=list(zip(low, high, (b.accuracy.n for b in bins), strict=True)),
        hovertemplate="probability %{x:.0f} %: right %{y:.0f} % (%{customdata[0]:.0f}–"
        "%{customdata[1]:.0f}), n = %{customdata[2]}<extra></extra>",
    )
    least = max(0.0, min(*x, *low) - 5)
    figure.update_xaxes(range=[least, 102])
    figure.update_yaxes(range=[least, 104])
    return figure
