"""A scikit-learn classifier as ONNX, isotonic calibration included."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from fewshot_lab.export.errors import ExportRefused
from fewshot_lab.export.onnx_graph import (
    EMBEDDING,
    ML_OPSET,
    OPSET,
    PROBABILITIES,
    cleaned,
    first_line,
)

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from sklearn.base import BaseEstimator


def classifier_graph(estimator: BaseEstimator, dimensions: int) -> onnx.ModelProto:
    """Return a fitted scikit-learn classifier as a graph from ``embedding`` to ``probabilities``.

    Raises
    ------
    ExportRefused
        Where skl2onnx has no conversion for a part of it.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    estimator, knots = _without_isotonic(estimator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # skl2onnx reads attributes that sklearn deprecates
            graph = convert_sklearn(
                estimator,
                name="classifier",
                initial_types=[(EMBEDDING, FloatTensorType([None, dimensions]))],
                options={"zipmap": False},
                target_opset={"": OPSET, "ai.onnx.ml": ML_OPSET},
            )
    except Exception as error:
        raise ExportRefused(
            f"The classifier cannot be written as ONNX ({first_line(error)})."
        ) from error
    return _with_isotonic(cleaned(graph), knots) if knots else cleaned(graph)


def _without_isotonic(estimator: Any) -> tuple[Any, list[tuple[np.ndarray, np.ndarray]]]:
    """Return a pipeline without its isotonic maps, and their knots.

    skl2onnx turns an isotonic map, a broken line, into steps.
    """
    from sklearn.pipeline import Pipeline

    *steps, (name, head) = estimator.steps
    if getattr(head, "method", None) != "isotonic":
        return estimator, []
    (part,) = head.calibrated_classifiers_
    bare = part.estimator.estimators_[0]
    knots = [(each.X_thresholds_, each.y_thresholds_) for each in part.calibrators]
    return Pipeline([*steps, (name, bare)]), knots


def _with_isotonic(
    model: onnx.ModelProto, knots: list[tuple[np.ndarray, np.ndarray]]
) -> onnx.ModelProto:
    """Map ``probabilities`` by a broken line per class, and normalise.

    A broken line is a sum of ramps: ``y0 + sum(rise * clip((p - x) / width, 0, 1))``.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    graph = model.graph
    for node in graph.node:
        for i, name in enumerate(node.output):
            if name == PROBABILITIES:
                node.output[i] = "uncalibrated"
    binary = len(knots) == 1
    ramps = max(2, *(len(x) for x, _ in knots)) - 1
    # Where a class has fewer knots, ramps that rise by nothing.
    start, width = np.zeros((len(knots), ramps)), np.ones((len(knots), ramps))
    rise, base = np.zeros((len(knots), ramps)), np.zeros(len(knots))
    for k, (x, y) in enumerate(knots):
        x, y, base[k] = np.asarray(x, float), np.asarray(y, float), y[0]
        start[k, : len(x) - 1], width[k, : len(x) - 1] = x[:-1], np.diff(x)
        rise[k, : len(x) - 1] = np.diff(y)
    constants = {
        "ramp_start": start, "ramp_width": width, "ramp_rise": rise, "ramp_base": base,
        "ramp_low": np.array(0.0), "ramp_high": np.array(1.0),
    }  # fmt: skip
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
    for name, whole in (("last_axis", 2), ("second" if binary else "classes", 1)):
        graph.initializer.append(numpy_helper.from_array(np.array([whole]), name))
    make = helper.make_node
    first = [make("Gather", ["uncalibrated", "second"], ["own"], axis=1)] if binary else []
    last = (
        [
            make("Sub", ["ramp_high", "mapped"], ["other"]),
            make("Concat", ["other", "mapped"], [PROBABILITIES], axis=1),
        ]
        if binary
        else [
            make("ReduceSum", ["mapped", "classes"], ["total"], keepdims=1),
            make("Div", ["mapped", "total"], [PROBABILITIES]),
        ]
    )
    graph.node.extend(
        [
            *first,
            make("Unsqueeze", ["own" if binary else "uncalibrated", "last_axis"], ["deep"]),
            make("Sub", ["deep", "ramp_start"], ["from_start"]),
            make("Div", ["from_start", "ramp_width"], ["along"]),
            make("Clip", ["along", "ramp_low", "ramp_high"], ["ramp"]),
            make("Mul", ["ramp", "ramp_rise"], ["risen"]),
            make("ReduceSum", ["risen", "last_axis"], ["above"], keepdims=0),
            make("Add", ["above", "ramp_base"], ["mapped"]),
            *last,
        ]
    )
    return model
