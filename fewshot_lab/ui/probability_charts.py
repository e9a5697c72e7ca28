"""The risk-coverage curve and the reliability diagram."""

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from fewshot_lab.words import percent

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Probabilities

ACCENT, FAINT, GREY = "#0f9488", "rgba(15,148,136,0.18)", "#8a949b"
HEIGHT = 260
PERCENT = "\u00a0%"
CONFIG = {"displayModeBar": False, "responsive": True}


def _figure(title: str, x: str, y: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        title={"text": title, "font": {"size": 13, "weight": 500}, "x": 0, "y": 0.98},
        height=HEIGHT,
        margin={"l": 50, "r": 10, "t": 34, "b": 40},
        showlegend=False,
        font={"size": 11},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(title={"text": x, "standoff": 4}, ticksuffix=PERCENT, zeroline=False)
    figure.update_yaxes(title=y, ticksuffix=PERCENT, zeroline=False)
    return figure


def risk_coverage(probabilities: "Probabilities") -> go.Figure:
    """Return the error among the decided images over the share decided, with its interval."""
    curve, threshold = probabilities.curve, probabilities.threshold
    figure = _figure("Error, the more is decided", "share of images decided", "wrong among them")
    figure.add_scatter(
        x=100 * np.concatenate([curve.coverage, curve.coverage[::-1]]),
        y=100 * np.concatenate([curve.high, curve.low[::-1]]),
        mode="lines",
        fill="toself",
        fillcolor=FAINT,
        line={"width": 0},
        hoverinfo="skip",
    )
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
    figure.add_hline(
        y=100 * threshold.target,
        line={"color": GREY, "width": 1, "dash": "dot"},
        annotation={"text": "error wanted", "font": {"size": 10, "color": GREY}},
        annotation_position="bottom left",
    )
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
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": GREY, "width": 1, "dash": "dot"},
        hoverinfo="skip",
    )  # fmt: skip
    x = [100 * b.confidence for b in bins]
    y = [100 * b.accuracy.value for b in bins]
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines+markers",
        line={"color": ACCENT, "width": 1.5},
        marker={"size": 7},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [100 * (b.accuracy.high - b.accuracy.value) for b in bins],
            "arrayminus": [100 * (b.accuracy.value - b.accuracy.low) for b in bins],
            "color": ACCENT,
            "thickness": 1,
            "width": 3,
        },
        customdata=[[100 * b.accuracy.low, 100 * b.accuracy.high, b.accuracy.n] for b in bins],
        hovertemplate="probability %{x:.0f} %: right %{y:.0f} % (%{customdata[0]:.0f}–"
        "%{customdata[1]:.0f}), n = %{customdata[2]}<extra></extra>",
    )
    low = max(0.0, min(min(x), min(100 * b.accuracy.low for b in bins)) - 5)
    figure.update_xaxes(range=[low, 102])
    figure.update_yaxes(range=[low, 104])
    return figure
