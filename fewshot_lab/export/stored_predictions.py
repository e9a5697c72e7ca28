"""Predictions kept in a folder, so that they outlive the page that asked for them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.cells import csv_bytes
from fewshot_lab.embeddings import build_index
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import Decision, GroupAnswers
from fewshot_lab.export.bundle import Bundle
from fewshot_lab.files import write_atomically
from fewshot_lab.images import Refused, make_thumbnail, read_rgb, scan
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore

SIMILAR = 3
_ANSWERS = "answers.json"
_SOURCES = "sources.json"
_TABLE = "predictions.csv"
_DROPPED = "uploads"


@dataclass(frozen=True)
class SimilarImage:
    """A labelled image that is like a new one."""

    image_id: str
    class_name: str
    similarity: float


@dataclass(frozen=True)
class ImagePrediction:
    """The prediction of one image; ``thumbnail`` is a file of the folder.

    ``decided``, ``classes`` (the prediction set), ``unlike`` and ``similarity`` follow from the
    bundle's rule; None where it has none. ``why`` says why it is referred.
    """

    path: str
    predicted: str
    probabilities: dict[str, float]
    thumbnail: str
    alike: tuple[SimilarImage, ...]
    decided: bool | None = None
    classes: tuple[str, ...] | None = None
    unlike: bool | None = None
    similarity: float | None = None
    why: str = ""


@dataclass(frozen=True)
class StoredPredictions:
    """The predictions of all images of a folder.

    Attributes
    ----------
    bundle : str
        The bundle's name.
    names : list of str
    colours : dict
        Of the classes.
    answers : list of ImagePrediction
    refused : list of (str, str)
        Files that could not be read, with the reason.
    compared : bool
        Whether the labelled images that are alike could be looked for.
    costs, groups
        Of the bundle's rule, as JSON; None in answers of earlier versions.
    """

    bundle: str
    names: list[str]
    colours: dict[str, str]
    answers: list[ImagePrediction]
    refused: list[tuple[str, str]]
    compared: bool
    costs: list[list[float]] | None = None
    groups: dict[str, Any] | None = None

    def decision(self) -> Decision:
        """Return as much of the bundle's rule as an answer for a patient needs."""
        costs = None if self.costs is None else np.array(self.costs)
        groups = GroupAnswers.of(self.groups, len(self.names)) if self.groups else None
        return Decision(None, None, None, None, costs=costs, groups=groups)

    def probabilities(self, answer: ImagePrediction) -> np.ndarray:
        """Return the probabilities of an image (K,), in the order of ``names``."""
        return np.array([answer.probabilities[name] for name in self.names], dtype=np.float32)


def write_sources(folder: Path, sources: Sequence[Path]) -> None:
    """Write down what is to be predicted."""
    text = json.dumps([str(path) for path in sources])
    write_atomically(folder / _SOURCES, text.encode())


def predict_dropped(
    bundle: Path, folder: Path, project: ProjectCore | None = None, *, progress: Progress = silent
) -> StoredPredictions:
    """Predict what :func:`write_sources` wrote down; the answers stay in the folder.

    The dropped images themselves are deleted when the answers are written: thumbnails remain.

    Raises
    ------
    FewshotLabError
        If the bundle cannot be opened, or there is nothing to predict.
    Stopped
    """
    try:
        sources = [Path(p) for p in json.loads((folder / _SOURCES).read_text(encoding="utf-8"))]
    except (OSError, ValueError):
        raise FewshotLabError("There are no images to predict: drop them again.") from None
    progress("listing", 0, None)
    pictures = list(scan(sources, extract_to=folder / "unpacked"))
    by_path = {item.path: item for item in pictures if not isinstance(item, Refused)}
    (folder / "thumbs").mkdir(exist_ok=True)
    answers: list[ImagePrediction] = []
    embeddings: list[np.ndarray] = []
    refused: list[tuple[str, str]] = []
    with Bundle.open(bundle) as opened:
        for number, row in enumerate(opened.predict(pictures), 1):
            if row.probabilities is None or row.embedding is None:
                refused.append((row.path, row.reason))
            else:
                candidate = by_path[row.path]
                thumbnail = f"thumbs/{len(answers):06d}.webp"
                picture = read_rgb(candidate.file, candidate.frame, at_least=256)
                (folder / thumbnail).write_bytes(make_thumbnail(picture))
                odds = dict(zip(opened.names, map(float, row.probabilities), strict=True))
                verdict = (row.decided, row.classes, row.unlike, row.similarity, row.why)
                answers.append(
                    ImagePrediction(row.path, row.predicted, odds, thumbnail, (), *verdict)
                )
                embeddings.append(row.embedding)
            progress("predicting", number, len(pictures))
        similar = similar_images(project, opened.fingerprint, embeddings)
        if similar is not None:
            answers = [replace(a, alike=near) for a, near in zip(answers, similar, strict=True)]
        colours = {str(row["name"]): str(row["color"]) for row in opened.classes}
        rule = opened.decision
        costs = None if rule is None or rule.costs is None else rule.costs.tolist()
        groups = None if rule is None or rule.groups is None else rule.groups.to_dict()
        compared = similar is not None
        names = list(opened.names)
        result = StoredPredictions(
            opened.name, names, colours, answers, refused, compared, costs, groups
        )
    write_atomically(folder / _TABLE, predictions_table(result))
    write_atomically(folder / _ANSWERS, json.dumps(asdict(result)).encode())
    for left in (folder / _DROPPED, folder / "unpacked"):
        shutil.rmtree(left, ignore_errors=True)
    return result


def read_predictions(folder: Path) -> StoredPredictions | None:
    """Return what was predicted; None where it is not finished."""
    try:
        stored: dict[str, Any] = json.loads((folder / _ANSWERS).read_text(encoding="utf-8"))
        stored["answers"] = [
            ImagePrediction(
                **{
                    **row,
                    "alike": tuple(SimilarImage(**one) for one in row["alike"]),
                    "classes": None if row.get("classes") is None else tuple(row["classes"]),
                }
            )
            for row in stored["answers"]
        ]
        stored["refused"] = [(str(path), str(reason)) for path, reason in stored["refused"]]
        return StoredPredictions(**stored)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def similar_images(
    project: ProjectCore | None, fingerprint: str, embeddings: Sequence[np.ndarray]
) -> list[tuple[SimilarImage, ...]] | None:
    """Return the labelled images most like each new one; None where they are not at hand."""
    if project is None or not embeddings:
        return None
    stored = project.embeddings
    if stored is None or stored.fingerprint != fingerprint:
        return None
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    labels = project.store.labels()
    ids = [
        image_id
        for image_id in stored.ids
        if (label := labels.get(image_id)) is not None and label.kind == "class"
    ]
    if not ids:
        return None
    index = build_index(project.vectors(ids))
    queries = project.pool.rotate(np.stack(embeddings))
    similarity, rows = index.search(queries, min(SIMILAR, len(ids)))
    return [
        tuple(
            SimilarImage(ids[j], names.get(labels[ids[j]].class_id or -1, ""), float(s))
            for s, j in zip(near, which, strict=True)
            if j >= 0
        )
        for near, which in zip(similarity, rows, strict=True)
    ]


def predictions_table(predictions: StoredPredictions) -> bytes:
    """Return the answers as CSV with one probability per class, and what follows from them."""
    from fewshot_lab.export.predict_table import header, rule_cells

    rows = []
    for one in predictions.answers:
        values = [f"{one.probabilities[name]:.6f}" for name in predictions.names]
        head = [one.path, one.predicted, f"{one.probabilities[one.predicted]:.6f}"]
        rule = rule_cells(one.decided, one.classes, one.unlike, one.similarity, one.why)
        rows.append([*head, *values, *rule])
    return csv_bytes(header(predictions.names), rows)
