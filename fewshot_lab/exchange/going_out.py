"""A project's opinions, predictions and embeddings as a file for another tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.formats import FORMATS, FormatName
from fewshot_lab.exchange.pictures import Numbers, Opinion, Outgoing, Picture, Prediction
from fewshot_lab.export import label_rows, predicted_classes
from fewshot_lab.progress import Progress, silent
from fewshot_lab.words import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fewshot_lab.project import Project, TrainedClassifier


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
    project: Project,
    file: Path,
    kind: FormatName,
    *,
    classifier: TrainedClassifier | None = None,
    progress: Progress = silent,
) -> WrittenOut:
    """Write every image with each annotator's opinion, and what else the format carries.

    Copies of a picture go out once. The classifier is fitted where none is given. Where people
    label, predictions of audit images stay here: who labels those must not see any.

    Raises
    ------
    FewshotLabError
        Where the project holds no image, a name that the format cannot hold, or the format's
        package is missing.
    OSError
        Where the file cannot be written.
    """
    form, store = FORMATS[kind], project.store
    if not (rows := store.images()):
        raise FewshotLabError(f"There are no images in {project.name!r} yet.")
    opinions: dict[str, list[Opinion]] = {}
    left_out = 0
    for row in store.export_opinions():
        if row["machine"]:
            left_out += 1
            continue
        opinion = Opinion(row["label"], row["annotator"], row["time"])
        opinions.setdefault(row["image"], []).append(opinion)
    note = ""
    progress("fitting", 0, None)
    if form.predictions != "none":
        classifier, note = _fitted(project, classifier)
    about = _about(project, classifier if form.predictions != "none" else None)
    predicted = {}
    if classifier is not None and form.predictions != "none":
        hidden = store.audit_ids() if form.predictions == "for annotators" else set()
        predicted = {
            image_id: Prediction(name, probability, f"{about['classifier']} {about['log'][:20]}")
            for image_id, (name, probability) in predicted_classes(project, classifier).items()
            if image_id not in hidden
        }
    labels = {row["image"]: row for row in label_rows(project, include_unlabelled=True)}
    files = {item.id: str(item.file) for item in project.items()}
    pictures = [
        Picture(
            row.id,
            row.path,
            files[row.id],
            row.width,
            row.height,
            row.group or "",
            labels[row.id]["label"],
            labels[row.id]["split"],
            opinions.get(row.id, []),
            predicted.get(row.id),
        )
        for row in rows
    ]
    progress("writing", 0, len(pictures))
    numbers = _numbers(project, classifier, progress) if form.numbers else None
    form.write(file.absolute(), Outgoing(about, pictures, numbers))
    store.note("export", kind=kind, file=str(file))
    return WrittenOut(
        len(pictures), sum(map(len, opinions.values())), len(predicted), left_out, note
    )


def _fitted(
    project: Project, classifier: TrainedClassifier | None
) -> tuple[TrainedClassifier | None, str]:
    """Return the classifier, or why there is none."""
    try:
        return classifier or project.fit(), ""
    except FewshotLabError as error:
        return None, f"No predictions: {error}"


def _about(project: Project, classifier: TrainedClassifier | None) -> dict[str, str]:
    about = {"project": project.title, "log": str(project.store.log_head())}
    if project.embeddings is not None:
        about["backbone"] = project.backbone.card.name
    if classifier is not None:
        about["classifier"] = classifier.fitted.name
    return about


def _numbers(
    project: Project, classifier: TrainedClassifier | None, progress: Progress
) -> Numbers | None:
    """Return what is computed of pictures while they are written, part by part."""
    if (embeddings := project.embeddings) is None:
        return None
    written = 0
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    class_ids = [] if classifier is None else classifier.fitted.class_ids.tolist()

    def matrix(ids: Sequence[str]) -> NDArray[np.float16]:
        nonlocal written
        progress("writing", written, len(embeddings))
        written += len(ids)
        return embeddings.matrix(ids)

    def probabilities(ids: Sequence[str]) -> NDArray[np.float64]:
        assert classifier is not None
        return classifier.probabilities(ids)

    return Numbers(
        embedded=set(embeddings.ids),
        embeddings=matrix,
        columns=[f"{name} {n}" for name, length in embeddings.parts.lengths for n in range(length)],
        class_names=[names[number] for number in class_ids],
        probabilities=probabilities,
    )
