"""Labels and predictions of a project as CSV, one row per file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from fewshot_lab.cells import text_row
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore, TrainedClassifier

LOG = "log"
BLOCK = 4096
LABEL_COLUMNS = ("image", "path", "label", "kind", "annotator", "time", "split", "machine")
OPINION_COLUMNS = (
    "image",
    "path",
    "annotator",
    "label",
    "kind",
    "time",
    "machine",
    "decided",
    "trains",
)
PREDICTION_COLUMNS = (
    "image",
    "path",
    "label",
    "annotator",
    "split",
    "predicted",
    "probability",
    "is_training",
)


def labels_csv(project: ProjectCore, *, at: int | datetime | None = None) -> str:
    """Return the labels as CSV.

    Parameters
    ----------
    project : ProjectCore
    at : int or datetime, optional
        A position of the log or a time: the labels as they were then.

    Returns
    -------
    str
        Columns image, path, label, kind ("class", "unsure", "reject"), annotator, time (ISO,
        UTC), split ("train", "audit", "test", "held out": goes with an audit or test image, or
        empty), machine (accepted in bulk from predictions), log (the log's position and hash
        then, the same in each row, by which ``verify`` knows these labels again). Exact duplicates
        have a row each.
    """
    return label_table(label_rows(project, at), str(project.store.log_head(at)))


def label_table(rows: Iterable[dict[str, Any]], log: str) -> str:
    """Return rows of labels as CSV, each with position and hash of the log then."""
    return as_csv((*LABEL_COLUMNS, LOG), (_as_text(row) | {LOG: log} for row in rows))


def label_rows(
    project: ProjectCore, at: int | datetime | None = None, *, include_unlabelled: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield a row per file with its split: see :func:`labels_csv`."""
    test = project.splits.test_ids()
    held = project.splits.held_out(project.store.audit_ids(at))
    for row in project.store.iter_labels(at, include_unlabelled=include_unlabelled):
        if row["image"] in test:
            row["split"] = "test"
        elif row["split"] == "train" and row["image"] in held:
            row["split"] = "held out"
        yield row


def opinions_csv(project: ProjectCore, *, at: int | datetime | None = None) -> str:
    """Return each annotator's own opinion of each image as CSV.

    Parameters
    ----------
    project : ProjectCore
    at : int or datetime, optional

    Returns
    -------
    str
        Columns image, path, annotator, label, kind, time, machine, decided (by a senior), trains
        (the label that follows from all opinions by the rule in force then), log (as in
        :func:`labels_csv`).
    """
    rows, log = project.store.export_opinions(at), str(project.store.log_head(at))
    texts = ({**_as_text(row), "decided": _truth(row["decided"]), LOG: log} for row in rows)
    return as_csv((*OPINION_COLUMNS, LOG), texts)


def labels_used_csv(
    project: ProjectCore, classifier: TrainedClassifier, *, file_names: bool
) -> str:
    """Return the labels that a classifier was trained on, and those of the audit.

    Without ``file_names`` one row per image, without its path.
    """
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    trained = {
        image_id: names[int(class_id)]
        for image_id, class_id in zip(
            classifier.training.ids, classifier.training.y.tolist(), strict=True
        )
    }
    rows = []
    for row in project.store.export_labels():
        if row["image"] in trained:
            rows.append({**row, "label": trained[row["image"]], "split": "train"})
        elif row["split"] == "audit" and row["kind"] == "class" and not row["machine"]:
            rows.append(row)
    if file_names:
        return as_csv(LABEL_COLUMNS, (_as_text(row) for row in rows))
    columns = [name for name in LABEL_COLUMNS if name != "path"]
    return as_csv(columns, (_as_text(row) for row in {row["image"]: row for row in rows}.values()))


def predictions_csv(project: ProjectCore, *, classifier: TrainedClassifier | None = None) -> str:
    """Return labels and predictions of all files as CSV.

    Parameters
    ----------
    project : ProjectCore
    classifier : TrainedClassifier, optional
        Fitted on the labels as they are where it is not given.

    Returns
    -------
    str
        Columns image, path, label, annotator, split, predicted, probability, is_training, log (as
        in :func:`labels_csv`). The prediction is empty for images without an embedding.

    Raises
    ------
    FewshotLabError
        Where no classifier can be fitted.
    """
    if classifier is None:
        classifier = project.fit()
    return as_csv((*PREDICTION_COLUMNS, LOG), _with_predictions(project, classifier))


def _with_predictions(
    project: ProjectCore, classifier: TrainedClassifier
) -> Iterator[dict[str, Any]]:
    """Yield the rows of :func:`predictions_csv`, predicting some thousand at a time."""
    trained, log = set(classifier.training.ids), str(project.store.log_head())
    rows = label_rows(project, include_unlabelled=True)
    embeddings = project.require_embeddings()
    while some := list(islice(rows, BLOCK)):
        ids = [row["image"] for row in some if embeddings.contains(row["image"])]
        predicted = predicted_classes(project, classifier, ids)
        for row in some:
            name, probability = predicted.get(row["image"], ("", None))
            yield {
                **row,
                "predicted": name,
                "probability": "" if probability is None else f"{probability:.6f}",
                "is_training": _truth(row["image"] in trained),
                LOG: log,
            }


def predicted_classes(
    project: ProjectCore, classifier: TrainedClassifier, ids: Sequence[str] | None = None
) -> dict[str, tuple[str, float]]:
    """Return the predicted class of embedded images and its probability; of all by default."""
    from fewshot_lab.evaluation import choose
    from fewshot_lab.project import costs_of

    costs = costs_of(project, classifier.fitted.class_ids)
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    class_names = [names[int(i)] for i in classifier.fitted.class_ids]
    ids = list(project.require_embeddings().ids if ids is None else ids)
    predicted: dict[str, tuple[str, float]] = {}
    for start in range(0, len(ids), BLOCK):
        part = ids[start : start + BLOCK]
        probabilities = classifier.probabilities(part)
        best = choose(probabilities, costs)
        for image_id, row, column in zip(part, probabilities, best.tolist(), strict=True):
            predicted[image_id] = (class_names[column], float(row[column]))
    return predicted


def _as_text(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "machine": _truth(row["machine"])}


def _truth(value: bool) -> str:
    return "true" if value else "false"


def as_csv(columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as CSV with these columns."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(text_row, rows))
    return buffer.getvalue()


def parse_moment(text: str) -> int | datetime:
    """Read a position of the log ("120") or a time ("2026-05-01", "2026-05-01 14:30").

    Raises
    ------
    FewshotLabError
        Where it is neither.
    """
    if text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise FewshotLabError(
            f"{text!r} is neither a position of the log nor a time like 2026-05-01T14:30."
        ) from None
