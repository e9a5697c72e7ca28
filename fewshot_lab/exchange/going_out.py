"""A project's opinions and predictions as a file for another tool."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange import coco, cvat, label_studio
from fewshot_lab.exchange.pictures import Format, Opinion, Picture, Prediction
from fewshot_lab.export import predicted_classes
from fewshot_lab.files import write_atomically
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.project import Project, TrainedClassifier

WRITERS = {"label-studio": label_studio.write, "coco": coco.write, "cvat": cvat.write}


class WrittenOut(NamedTuple):
    """What was written.

    Attributes
    ----------
    images, labels, predictions : int
        Labels are opinions: two annotators of one image are two.
    left_out : int
        Labels that were taken over from the classifier in bulk.
    note : str
        Why there are no predictions; "" where there are, or the format has none.
    """

    images: int
    labels: int
    predictions: int
    left_out: int
    note: str

    @property
    def sentence(self) -> str:
        """What was written and what was not."""
        parts = [plural(self.images, "image"), plural(self.labels, "label")]
        if self.predictions:
            parts.append(plural(self.predictions, "prediction"))
        text = f"{', '.join(parts)}."
        if self.left_out:
            text += (
                f" {plural(self.left_out, 'prediction')} accepted in bulk left out: nobody looked "
                "at the images one by one."
            )
        return f"{text} {self.note}".strip()


def write_out(
    project: Project, file: Path, kind: Format, *, classifier: TrainedClassifier | None = None
) -> WrittenOut:
    """Write every image with each annotator's opinion; for Label Studio, also predictions.

    Copies of a picture go out once. The classifier is fitted where none is given. Predictions of
    audit images stay here: who labels them must not see any.

    Raises
    ------
    FewshotLabError
        Where the project holds no image, or a name that the format cannot hold.
    OSError
        Where the file cannot be written.
    """
    store = project.store
    rows = store.images()
    if not rows:
        raise FewshotLabError(f"There are no images in {project.name!r} yet.")
    opinions: dict[str, list[Opinion]] = {}
    left_out = 0
    for row in store.export_opinions():
        if row["machine"]:
            left_out += 1
            continue
        opinion = Opinion(row["label"], row["annotator"], row["time"])
        opinions.setdefault(row["image"], []).append(opinion)
    predicted, note = _predictions(project, classifier) if kind == "label-studio" else ({}, "")
    pictures = [
        Picture(row.path, row.width, row.height, opinions.get(row.id, []), predicted.get(row.id))
        for row in rows
    ]
    write_atomically(file.absolute(), WRITERS[kind](pictures))
    store.note("export", kind=kind, file=str(file))
    labels = sum(map(len, opinions.values()))
    return WrittenOut(len(pictures), labels, len(predicted), left_out, note)


def _predictions(
    project: Project, classifier: TrainedClassifier | None
) -> tuple[dict[str, Prediction], str]:
    """Return what the classifier says of each image, or why it says nothing."""
    try:
        classifier = classifier or project.fit()
    except FewshotLabError as error:
        return {}, f"No predictions: {error}"
    model = f"{classifier.fitted.name} {project.store.log_head().hash[:16]}"
    audit = project.store.audit_ids()
    return {
        image_id: Prediction(name, probability, model)
        for image_id, (name, probability) in predicted_classes(project, classifier).items()
        if image_id not in audit
    }, ""
