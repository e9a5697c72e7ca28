"""Does the bundle say what the app says? Read back from disk and tried before it is offered."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from fewshot_lab.export.errors import ExportRefused
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.evaluation import Decision
    from fewshot_lab.project import ProjectCore

LIMIT = 1e-4
SIMILARITY_LIMIT = 1e-3
KIND_LIMIT = 0.02
"""In spreads of the distance over the pool: what rounding to fp16 may do to it."""
AT_LEAST = 20
SAMPLE = 32


@dataclass(frozen=True)
class Parity:
    """How far the bundle's probabilities are from the app's.

    Attributes
    ----------
    max_difference : float
        Largest absolute difference of a probability.
    n_images : int
    recomputed : bool
        The stored embeddings are of lower precision (bf16, from a GPU): the app's side was
        embedded again in fp32.
    stored_difference : float
        The same as ``max_difference``, against the stored embeddings.
    """

    max_difference: float
    n_images: int
    recomputed: bool
    stored_difference: float


def check_parity(
    project: ProjectCore,
    fitted: Fitted,
    training_ids: Sequence[str],
    folder: Path,
    decision: Decision | None = None,
    *,
    progress: Progress = silent,
) -> Parity:
    """Run the bundle's own predict.py on stored images and compare.

    Half of the images are ones that the classifier was trained on: a classifier that answers
    from memory (nearest neighbours) is only found out there.

    Raises
    ------
    ExportRefused
        Where a probability differs by more than 1e-4, naming the image; where the similarity to
        the labelled images differs by more than 1e-3, or the distance from their kind of picture
        by more than 0.02 of its spread over the pool; where the rule read back decides otherwise
        on the same probabilities; or where too few images can still be read.
    """
    embeddings = project.require_embeddings()
    order = _sample_order(embeddings.ids, training_ids)
    with loaded_script(folder) as module:
        classifier = module.Classifier(folder)
        ids, inputs = _readable_inputs(project, classifier, order, progress)
        needed = min(AT_LEAST, len(order))
        if len(ids) < needed:
            raise ExportRefused(
                f"The bundle cannot be checked: only {len(ids)} of the {needed} images that the "
                "check needs can still be read; put the image files back where they were."
            )
        batches = [inputs[i : i + 8] for i in range(0, len(inputs), 8)]
        outputs = [classifier.run(batch) for batch in batches]
        probabilities = np.concatenate([batch for batch, _ in outputs])
        embedded = np.concatenate([batch for _, batch in outputs])
        read_back = classifier.decision
        statistics = classifier.statistics(inputs)
        columns = [int(row["id"]) for row in classifier.classes]
    stored = embeddings.matrix(ids).astype(np.float32)
    position = {class_id: i for i, class_id in enumerate(fitted.class_ids)}
    take = [position[class_id] for class_id in columns]
    from_stored = np.abs(probabilities - fitted.probabilities(stored)[:, take])
    recomputed = str(embeddings.dtype_computed) not in ("float32", "fp32")
    difference = from_stored
    if recomputed:
        again = _embed(project, inputs)
        difference = np.abs(probabilities - fitted.probabilities(again)[:, take])
    worst = _worst(difference)
    if not difference[worst] <= LIMIT:  # NaN is refused, too
        row = project.store.image(ids[worst[0]])
        class_name = next(c.name for c in project.store.classes(True) if c.id == columns[worst[1]])
        raise ExportRefused(
            f"The bundle is not offered: for {row.path} its probability of {class_name} differs "
            f"from the app's by {difference[worst]:.2g}, and {LIMIT:g} is the limit; "
            f"fit another classifier than {fitted.title}."
        )
    expected = again if recomputed else stored
    theirs = (read_back, (probabilities, embedded, statistics))
    _check_rule(decision, *theirs, (expected, embeddings.statistics(ids)))
    return Parity(
        float(difference[worst]), len(ids), recomputed, float(from_stored[_worst(from_stored)])
    )


def _check_rule(
    decision: Decision | None, read_back: Any, seen: tuple[Any, Any, Any], stored: tuple[Any, Any]
) -> None:
    """Refuse a bundle whose rule does not say what the app's says of the same images.

    Seen are probabilities, embeddings and statistics by the bundle; stored, the latter two by the
    app.
    """
    if (decision is None) != (read_back is None):
        raise ExportRefused("The bundle is not offered: its decision rule cannot be read back.")
    if decision is None:
        return
    a, b = decision.apply(*seen), read_back.apply(*seen)
    same = (
        a.reasons == b.reasons
        and np.array_equal(a.unlike, b.unlike)
        and (a.sets is None) == (b.sets is None)
        and (a.sets is None or np.array_equal(a.sets, b.sets))
    )
    if not same:
        raise ExportRefused("The bundle is not offered: its decision rule decides otherwise.")
    if decision.reference is not None:
        far = float(np.abs(b.similarity - decision.reference.similarity(stored[0])).max())
        # An embedding is rounded to fp16: a similarity moves by as much.
        if not far <= SIMILARITY_LIMIT:
            raise ExportRefused(
                "The bundle is not offered: its similarity to the labelled images differs from "
                f"the app's by {far:.2g}, and {SIMILARITY_LIMIT:g} is the limit."
            )
    if decision.kind is not None:
        far = float(np.abs(read_back.kind.score(*seen[1:]) - decision.kind.score(*stored)).max())
        if not far <= KIND_LIMIT:
            raise ExportRefused(
                "The bundle is not offered: its distance from the labelled kind of picture differs "
                f"from the app's by {far:.2g}, and {KIND_LIMIT:g} is the limit."
            )


def _worst(difference: np.ndarray) -> tuple[int, int]:
    flat = np.where(np.isnan(difference), np.inf, difference).argmax()
    row, column = np.unravel_index(flat, difference.shape)
    return int(row), int(column)


def _sample_order(ids: Sequence[str], training_ids: Sequence[str]) -> list[str]:
    """Alternate trained and other images; ids are hashes, so their order is a random one."""
    trained = sorted(set(training_ids))
    others = sorted(set(ids) - set(trained))
    both = [pair for pairs in zip(trained, others, strict=False) for pair in pairs]
    short = min(len(trained), len(others))
    return both + trained[short:] + others[short:]


def _readable_inputs(
    project: ProjectCore, classifier: Any, order: Sequence[str], progress: Progress
) -> tuple[list[str], np.ndarray]:
    """Return the first images that can be read, as the bundle's predict.py prepares them."""
    from fewshot_lab.images import read_rgb

    ids: list[str] = []
    inputs: list[np.ndarray] = []
    wanted = min(SAMPLE, len(order))
    for image_id in order:
        file, frame = project.file_of(image_id)
        try:
            inputs.append(classifier.prepare(file, frame))
        except Exception:  # DICOM and rare TIFFs, which predict.py leaves to the app; or gone
            try:
                at_least = classifier.preprocessing.at_least
                inputs.append(classifier.prepare(read_rgb(file, frame, at_least=at_least)))
            except Exception:
                continue
        ids.append(image_id)
        progress("checking", len(ids), wanted)
        if len(ids) == wanted:
            break
    return ids, np.stack(inputs) if inputs else np.empty((0,))


def _embed(project: ProjectCore, inputs: np.ndarray) -> np.ndarray:
    """Embed in fp32 on the CPU, rounded to fp16 as the app stores it."""
    import torch

    model = project.backbone.load("cpu")
    with torch.inference_mode():
        parts = [model(torch.from_numpy(inputs[i : i + 8])) for i in range(0, len(inputs), 8)]
    return torch.cat(parts).numpy().astype(np.float16).astype(np.float32)


@contextmanager
def loaded_script(folder: Path) -> Iterator[Any]:
    """Load the predict.py of a bundle that this process has just written."""
    path = folder / "predict.py"
    module = types.ModuleType(f"fewshot_lab_bundle_{uuid4().hex}")
    module.__file__ = str(path)
    code = compile(path.read_text("utf-8"), str(path), "exec")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(code, module.__dict__)
        yield module
    finally:
        del sys.modules[module.__name__]
