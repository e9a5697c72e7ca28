"""Answers of the classifier as DICOM structured reports (TID 1500), written by highdicom.

A report holds for each image, or each series, the class (as "Finding"), its probability, and which
software and model said so; and it names the image that it speaks of. It is neither final nor
verified. One report for each study, as a report belongs to one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.images import STUDY
from fewshot_lab.pacs.connection import MISSING, Pacs
from fewshot_lab.pacs.originals import Original
from fewshot_lab.pacs.structured_report import Answer, structured_report
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import Codes, costs_of
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from fewshot_lab.project import ProjectCore, TrainedClassifier

PER = ("image", "series")


@dataclass(frozen=True)
class ReportsWritten:
    """What was written.

    Attributes
    ----------
    files : list of Path
        One for each study.
    images : int
        Images that they speak of.
    without_original : int
        Images whose original could not be found: no report speaks of them.
    sent : int
        Reports that the PACS took.
    """

    files: list[Path]
    images: int
    without_original: int
    sent: int

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        parts = [f"{plural(len(self.files), 'report')} on {plural(self.images, 'image')} written"]
        if self.sent:
            parts.append(f"{self.sent:,} sent")
        text = ", ".join(parts) + "."
        if self.without_original:
            text += (
                f" Left out: {plural(self.without_original, 'image')} whose original DICOM file is "
                "not where it was imported from. Of fetched images, name the studies."
            )
        return text


def write_reports(
    project: ProjectCore,
    originals: Sequence[Original],
    folder: Path,
    *,
    per: str = "image",
    classifier: TrainedClassifier | None = None,
    without_original: int = 0,
    send_to: Pacs | None = None,
    progress: Progress = silent,
) -> ReportsWritten:
    """Write one report for each study, and send them where that is asked for.

    Parameters
    ----------
    project : ProjectCore
    originals : sequence of Original
    folder : Path
        Where to; outside of the project, as a report names the patient.
    per : {"image", "series"}
        What one answer is for; that of a series is its images' mean log probability.
    classifier : TrainedClassifier, optional
        Fitted on the labels as they are where it is not given.
    without_original : int
        How many images have no original, to be said.
    send_to : Pacs, optional
    progress : Progress
        Stage "writing".

    Raises
    ------
    FewshotLabError
        Where nothing can be reported, or highdicom is missing.
    PacsError
        Where the PACS does not take a report; the files are written.
    """
    if per not in PER:
        raise FewshotLabError(f"A report speaks of each image or each series, not {per!r}.")
    if folder.resolve().is_relative_to(project.folder.resolve()):
        raise FewshotLabError("Reports name the patient: choose a folder outside the project.")
    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise FewshotLabError(MISSING) from None
    fitted = classifier or project.fit()
    embedded = set(project.require_embeddings().ids)
    usable = [each for each in originals if each.image_id in embedded]
    if not usable:
        raise FewshotLabError(
            "There is no image to report on: no original DICOM file is where it was imported from."
        )
    studies: dict[str, list[Original]] = defaultdict(list)
    for each in usable:
        studies[str(each.header.StudyInstanceUID)].append(each)
    code = Codes(project.store).of
    files: list[Path] = []
    datasets: list[Dataset] = []
    folder.mkdir(parents=True, exist_ok=True)
    for number, (uid, images) in enumerate(studies.items(), 1):
        answers = _answers(project, fitted, images, per)
        dataset = structured_report(project, fitted, images, answers)
        file = folder / f"report-{code(STUDY, uid).removeprefix('study-')}.dcm"
        write_atomically(file, _bytes(dataset))
        files.append(file)
        datasets.append(dataset)
        progress("writing", number, len(studies))
    for dataset in datasets if send_to is not None else ():
        assert send_to is not None
        send_to.send(dataset)
    project.store.note("export", kind="structured reports", reports=len(files), sent=bool(send_to))
    sent = len(datasets) if send_to is not None else 0
    return ReportsWritten(files, len(usable), without_original, sent)


def _answers(
    project: ProjectCore, classifier: TrainedClassifier, images: Sequence[Original], per: str
) -> list[Answer]:
    from fewshot_lab.evaluation import GroupAnswers, choose

    costs = costs_of(project, classifier.fitted.class_ids)
    p = classifier.probabilities([each.image_id for each in images])
    trained = set(classifier.training.ids)
    if per == "image":
        best = choose(p, costs).tolist()
        return [
            Answer(each.image_id, [each], k, float(row[k]), each.image_id in trained)
            for each, k, row in zip(images, best, p, strict=True)
        ]
    rule = GroupAnswers.of(None, len(classifier.fitted.class_ids))
    series: dict[str, list[int]] = defaultdict(list)
    for row, each in enumerate(images):
        series[str(each.header.SeriesInstanceUID)].append(row)
    answers = []
    for number, rows in enumerate(series.values(), 1):
        column, scores = rule.answer(p[rows], costs)
        members = [images[row] for row in rows]
        among = any(each.image_id in trained for each in members)
        name = f"series {number}"
        answers.append(Answer(name, members, column, float(scores[column]), among))
    return answers


def _bytes(dataset: Dataset) -> bytes:
    import io

    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
