"""One ONNX graph: from RGB pictures through the backbone and the classifier to probabilities."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import torch
from onnx import TensorProto, compose, helper

from fewshot_lab.export.errors import ExportRefused
from fewshot_lab.files import write_atomically

if TYPE_CHECKING:
    import numpy as np

OPSET = 18
ML_OPSET = 3
IR_VERSION = 8
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
    if cache is not None and cache.exists():
        return onnx.load(cache)
    if model is None:
        raise ValueError("a backbone without a cached graph must be given as a module")
    failures = []
    # Tracing takes seconds where torch.export takes most of a minute (XCiT), but it is on its way
    # out of torch and can bake in a size: so it is tried first and its graph is checked.
    for export in (_trace, _capture):
        try:
            graph = cleaned(export(model, size))
            difference = _difference(model, graph, size)
        except Exception as error:
            failures.append(first_line(error))
            continue
        if difference <= 1e-4:
            if cache is not None:
                write_atomically(cache, serialise(graph))
            return graph
        failures.append(f"the graph differs from the model by {difference:.1g}")
    raise ExportRefused(f"The backbone cannot be written as ONNX ({'; '.join(failures)}).")


def _trace(model: torch.nn.Module, size: int) -> onnx.ModelProto:
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


def first_line(error: Exception) -> str:
    """Return an error's kind and the first line of its message."""
    lines = str(error).splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[0]}"


def cleaned(model: onnx.ModelProto) -> onnx.ModelProto:
    """Keep what computes: no stack traces with this machine's paths, no tool names, one order."""
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
    bare = _model(graph)
    bare.functions.extend(model.functions)
    domains = {entry.domain for entry in bare.opset_import}
    bare.opset_import.extend(
        entry for entry in model.opset_import if entry.domain not in (*domains, "ai.onnx")
    )
    return bare


def _model(graph: onnx.GraphProto) -> onnx.ModelProto:
    from fewshot_lab.version import __version__

    return helper.make_model(
        graph,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
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


def open_session(model: bytes | Path) -> Any:
    """Open a graph for inference on the CPU, which every machine has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(session: Any, pictures: np.ndarray, outputs: list[str]) -> list[np.ndarray]:
    """Run a graph on uint8 (n, size, size, 3)."""
    return list(session.run(outputs, {IMAGES: pictures}))
