"""Curves of pretraining runs."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from fewshot_lab.runs import Run
from fewshot_lab.ui.chart_parts import (
    COLOURS,
    GREY,
    add_band,
    add_level,
    empty_figure,
    interval_bars,
    rgba,
)
from fewshot_lab.words import shortened

HEIGHT = 230
LEGEND = 32
"""Letters of a run's name that a legend has room for."""
MOST_POINTS = 800
"""Of a curve: a night logs tens of thousands, and the page draws anew every two seconds."""


def _figure(title: str, unit: str = "") -> go.Figure:
    figure = empty_figure(
        title,
        height=HEIGHT,
        margin={"l": 44, "r": 8, "t": 34, "b": 34},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        hovermode="x unified",
    )
    figure.update_xaxes(title={"text": "step", "standoff": 4}, rangemode="tozero")
    figure.update_yaxes(title=unit or None)
    return figure


def _over_steps(title: str, runs: Sequence[Run], unit: str = "") -> go.Figure:
    """Return a chart from step 0 to where the furthest run is, at least to its first check."""
    figure = _figure(title, unit)
    first = [min(run.recipe.check_steps or 1, run.recipe.steps) for run in runs]
    figure.update_xaxes(range=[0, max([*first, *(run.status().done for run in runs)])])
    return figure


def _compared(figure: go.Figure, runs: Sequence[Run]) -> go.Figure:
    """Name the runs below their curves, where they are several: names are long."""
    figure.update_layout(showlegend=len(runs) > 1)
    if len(runs) > 1:
        below = {"x": 0, "xanchor": "left", "y": -0.24, "yanchor": "top"}
        figure.update_layout(legend=below, height=HEIGHT + 20 * len(runs))
    return figure


def _line(
    figure: go.Figure, rows: Sequence[dict[str, Any]], key: str, name: str, colour: str
) -> None:
    points = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    points = points[:: max(1, len(points) // MOST_POINTS)]
    if points:
        x, y = zip(*points, strict=True)
        # One measured step is no line yet; the first point lies on the axis.
        mode = "lines" if len(points) > 1 else "markers"
        line, marker = {"color": colour, "width": 1.5}, {"color": colour}
        figure.add_scatter(
            x=x, y=y, name=name, mode=mode, line=line, marker=marker, cliponaxis=False
        )


def helping(runs: Sequence[Run], key: str = "knn") -> go.Figure | None:
    """Return kNN (or logistic) balanced accuracy of runs, with intervals, and their frozen start.

    None where no labels can tell.
    """
    title = (
        "Is it helping? kNN on the labels" if key == "knn" else "Logistic regression on the labels"
    )
    unit = "balanced accuracy" if len(runs) == 1 else "dotted: frozen start"
    figure = _over_steps(title, runs, unit)
    figure.update_yaxes(ticksuffix="\u00a0%")
    drawn = False
    for run, colour in zip(runs, COLOURS, strict=False):
        checks = [row for row in run.checks() if row.get(key)]
        if not checks:
            continue
        x = [row["step"] for row in checks]
        low, value, high = (
            [100 * row[key][part] for row in checks] for part in ("low", "value", "high")
        )
        name = shortened(run.name, LEGEND) if len(runs) > 1 else "this run"
        add_band(figure, x, low, high, colour)
        figure.add_scatter(
            x=x,
            y=value,
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"size": 5},
            cliponaxis=False,
        )
        if len(runs) > 1:  # each has a start of its own
            figure.add_scatter(
                x=[x[0], x[-1]],
                y=[value[0]] * 2,
                mode="lines",
                line={"color": colour, "width": 1, "dash": "dot"},
                hoverinfo="skip",
                showlegend=False,
            )
        else:
            add_level(figure, value[0], "frozen start", "bottom right")
        drawn = True
    return _compared(figure, runs) if drawn else None


def loss_share(runs: Sequence[Run]) -> go.Figure:
    """Return the losses of runs as parts of ln(prototypes): only so can they be compared."""
    figure = _over_steps("Loss", runs, "of ln(prototypes)")
    for run, colour in zip(runs, COLOURS, strict=False):
        top = math.log(run.recipe.prototypes)
        steps = [row for row in run.metrics() if row.get("loss") is not None]
        rows = [{"step": row["step"], "loss": row["loss"] / top} for row in steps]
        _line(figure, rows, "loss", shortened(run.name, LEGEND), colour)
    add_level(figure, 1.0, "a guess")
    figure.update_yaxes(rangemode="tozero")
    return _compared(figure, runs)


def rank(runs: Sequence[Run]) -> go.Figure:
    """Return the effective rank (RankMe) of a fixed set of images."""
    figure = _over_steps("Effective rank (RankMe)", runs)
    for run, colour in zip(runs, COLOURS, strict=False):
        rows = [row for row in run.metrics() if row.get("kind") in ("step", "check")]
        _line(
            figure, rows, "rank", shortened(run.name, LEGEND) if len(runs) > 1 else "rank", colour
        )
    figure.update_yaxes(rangemode="tozero")
    return _compared(figure, runs)


def curves(run: Run) -> list[go.Figure]:
    """Return a run's curves over its steps: loss, entropies, effective rank, speed."""
    top = math.log(run.recipe.prototypes)
    loss = _of_run(run, "Loss", "nats", loss="loss")
    add_level(loss, top, f"ln(prototypes) = {top:.2f}")
    entropies = _of_run(
        run,
        "What the teacher says",
        "nats",
        mean_entropy="of all images",
        teacher_entropy="of one image",
    )
    speed = _of_run(run, "Images per second", images_per_second="images/s")
    return [loss, entropies, rank([run]), speed]


def _of_run(run: Run, title: str, unit: str = "", **names: str) -> go.Figure:
    figure = _over_steps(title, [run], unit)
    rows = run.metrics()
    colours = COLOURS[:1] if len(names) == 1 else COLOURS[2:0:-1]
    for (key, name), colour in zip(names.items(), colours, strict=True):
        _line(figure, rows, key, name, colour)
    figure.update_layout(showlegend=len(names) > 1)
    figure.update_yaxes(rangemode="tozero")
    return figure


def few_shot(curve: dict[str, Any], names: dict[str, str]) -> go.Figure:
    """Return few-shot curves of several backbones on the same draws.

    Parameters
    ----------
    curve
        As ``Project.nshot`` returns it.
    names
        Of backbones, for the legend.
    """
    figure = _figure("Balanced accuracy on the same labels")
    for (backbone, words), colour in zip(names.items(), (GREY, *COLOURS), strict=False):
        rows = [r for r in curve["results"] if r["backbone"] == backbone]
        rows.sort(key=lambda r: r["shots"])
        value = [r["balanced_accuracy"] for r in rows]
        low, high = zip(*(r["interval"] for r in rows), strict=True) if rows else ((), ())
        figure.add_scatter(
            x=[r["shots"] for r in rows],
            y=value,
            name=words,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            error_y=interval_bars(value, low, high),
        )
    shots = sorted({r["shots"] for r in curve["results"]})
    figure.update_xaxes(
        type="log", tickvals=shots, ticktext=[str(n) for n in shots], title="labels per class"
    )
    figure.update_layout(height=320)
    return figure


def small_map(layout: Any, colour_of: dict[str, tuple[str, str]], title: str) -> go.Figure:
    """Return a map as a still picture.

    Parameters
    ----------
    layout
        A project's map: ``ids`` and ``xy``.
    colour_of
        Image id to class name and colour; others are grey.
    """
    figure = _figure(title)
    named = [colour_of.get(i, ("no label", rgba(GREY, 0.35))) for i in layout.ids]
    figure.add_scattergl(
        x=layout.xy[:, 0],
        y=layout.xy[:, 1],
        mode="markers",
        text=[name for name, _ in named],
        hoverinfo="text",
        marker={"size": 4, "color": [colour for _, colour in named]},
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x")
    figure.update_layout(height=360, margin={"l": 0, "r": 0, "t": 30, "b": 0}, hovermode="closest")
    return figure
