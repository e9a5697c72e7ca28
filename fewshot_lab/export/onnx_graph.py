"""One ONNX graph: from RGB pictures through the backbone and the classifier to probabilities."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.export.errors import ExportRefused
from fewshot_lab.files import write_atomically

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch
    from sklearn.base import BaseEstimator

OPSET = 18
ML_OPSET = 3
IR_VERSION = 10
REVISION = 1
"""Raised when the way a backbone is turned into ONNX changes: old cached graphs are then unused."""

IMAGES, EMBEDDING, PROBABILITIES = "images", "embedding", "probabilities"


def backbone_graph(
    model: torch.nn.Module | None, size: int, *, cache: Path | None = None
) -> onnx.ModelProto:
    """Return a backbone as a graph from ``images`` to ``embedding``.

    Parameters
    ----------
    model : torch.nn.Module or None
        In eval mode on the CPU; takes uint8 (B, size, size, 3), returns float32 (B, d). Not
        needed where the graph is cached.
    size : int
        Height and width of its input in pixels.
    cache : Path, optional
        Where the graph is kept; taken from there if it exists.

    Raises
    ------
    ExportRefused
        Where neither of torch's exporters gives a graph that computes what the model computes.
    """
    import onnx

    if cache is not None and cache.exists():
        return onnx.load(cache)
    if model is None:
        raise ValueError("a backbone without a cached graph must be given as a module")
    failures = []
    # Tracing takes seconds where torch.export takes most of a minute (XCiT), but it is on its way
    # out of torch and can bake in a size: so it is tried first and its graph is checked.
    for export in (_trace, _capture):
        try:
            graph = _clean(export(model, size))
            difference = _difference(model, graph, size)
        except Exception as error:
            failures.append(_reason(error))
            continue
        if difference <= 1e-4:
            if cache is not None:
                write_atomically(cache, serialise(graph))
            return graph
        failures.append(f"the graph differs from the model by {difference:.1g}")
    raise ExportRefused(f"The backbone cannot be written as ONNX ({'; '.join(failures)}).")


def _trace(model: torch.nn.Module, size: int) -> onnx.ModelProto:
    import onnx
    import torch

    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with (
        tempfile.TemporaryDirectory(prefix="fewshot-onnx-") as folder,
        warnings.catch_warnings(),
        torch.inference_mode(),
    ):
        warnings.simplefilter("ignore")  # deprecation and tracing notes; the graph is checked
        file = Path(folder, "backbone.onnx")
        torch.onnx.export(
            model,
            (example,),
            str(file),
            dynamo=False,
            input_names=[IMAGES],
            output_names=[EMBEDDING],
            dynamic_axes={IMAGES: {0: "n"}, EMBEDDING: {0: "n"}},
            opset_version=OPSET,
        )
        return onnx.load(file)


def _capture(model: torch.nn.Module, size: int) -> onnx.ModelProto:
    import torch

    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model,
            (example,),
            dynamo=True,
            input_names=[IMAGES],
            output_names=[EMBEDDING],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def _difference(model: torch.nn.Module, graph: onnx.ModelProto, size: int) -> float:
    """Return the largest relative difference between model and graph, at batches of 1 and 3."""
    import numpy as np
    import torch

    session = open_session(serialise(graph))
    rng = np.random.default_rng(0)
    worst = 0.0
    for n in (1, 3):
        pictures = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        with torch.inference_mode():
            expected = model(torch.from_numpy(pictures)).float().numpy()
        embedded = run(session, pictures, [EMBEDDING])[0]
        if embedded.shape != expected.shape or not np.isfinite(embedded).all():
            return float("inf")
        worst = max(worst, float(np.abs(embedded - expected).max() / np.abs(expected).max()))
    return worst


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
            f"The classifier cannot be written as ONNX ({_reason(error)})."
        ) from error
    return _with_isotonic(_clean(graph), knots) if knots else _clean(graph)


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


def join(backbone: onnx.ModelProto, classifier: onnx.ModelProto, n_classes: int) -> onnx.ModelProto:
    """Join backbone and classifier into one graph.

    The embedding is rounded to fp16 and back between the two, because the app stores embeddings
    as fp16: only so the bundle's probabilities are the ones the app shows.

    Returns
    -------
    onnx.ModelProto
        ``images`` uint8 (n, size, size, 3) to ``probabilities`` float32 (n, K) and ``embedding``
        float32 (n, d).
    """
    import onnx
    from onnx import TensorProto, compose, helper

    body = compose.add_prefix(backbone, "backbone/", rename_inputs=False)
    head = compose.add_prefix(classifier, "classifier/", rename_inputs=False, rename_outputs=False)
    raw, half = f"backbone/{EMBEDDING}", "rounded"
    graph = onnx.GraphProto(name="fewshot_lab")
    graph.node.extend(body.graph.node)
    graph.node.append(helper.make_node("Cast", [raw], [half], to=TensorProto.FLOAT16))
    graph.node.append(helper.make_node("Cast", [half], [EMBEDDING], to=TensorProto.FLOAT))
    graph.node.extend(head.graph.node)
    graph.initializer.extend(body.graph.initializer)
    graph.initializer.extend(head.graph.initializer)
    graph.input.extend(body.graph.input)
    d = body.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    graph.output.extend(
        [
            helper.make_tensor_value_info(PROBABILITIES, TensorProto.FLOAT, ["n", n_classes]),
            helper.make_tensor_value_info(EMBEDDING, TensorProto.FLOAT, ["n", d or None]),
        ]
    )
    joined = _model(graph)
    onnx.checker.check_model(joined)
    return joined


def _reason(error: Exception) -> str:
    lines = str(error).splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[0]}"


def _clean(model: onnx.ModelProto) -> onnx.ModelProto:
    """Keep what computes: no stack traces with this machine's paths, no tool names, one order."""
    import onnx

    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    graph.doc_string = ""
    graph.ClearField("metadata_props")
    graph.ClearField("value_info")
    for node in graph.node:
        node.doc_string = ""
        node.ClearField("metadata_props")
    for tensor in graph.initializer:
        tensor.doc_string = ""
        tensor.ClearField("metadata_props")
    for value in (*graph.input, *graph.output):
        value.doc_string = ""
        value.ClearField("metadata_props")
    cleaned = _model(graph)
    cleaned.functions.extend(model.functions)
    domains = {entry.domain for entry in cleaned.opset_import}
    cleaned.opset_import.extend(
        entry for entry in model.opset_import if entry.domain not in (*domains, "ai.onnx")
    )
    return cleaned


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    from onnx import helper

    from fewshot_lab.version import __version__

    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid("ai.onnx.ml", ML_OPSET),
        ],
        producer_name="fewshot-lab",
        producer_version=__version__,
    )


def serialise(model: onnx.ModelProto) -> bytes:
    """Return the same bytes for the same graph.

    Raises
    ------
    ExportRefused
        Above the 2 GB that one ONNX file can hold.
    """
    try:
        return bytes(model.SerializeToString(deterministic=True))
    except Exception as error:
        raise ExportRefused(
            "The backbone is larger than the 2 GB that one ONNX file can hold: "
            "embed with a smaller one."
        ) from error


def open_session(model: bytes | Path, *, threads: int = 0) -> Any:
    """Open a graph for inference on the CPU, which every machine has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(session: Any, pictures: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    """Run a graph on uint8 (n, size, size, 3)."""
    return list(session.run(outputs, {IMAGES: pictures}))
