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
from fewshot_lab.pacs.connection import MISSING, Pacs, PacsError
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
        One for each study, where they were to be kept.
    reports : int
        One for each study.
    images : int
        Images that they speak of.
    without_original : int
        Images whose original could not be found: no report speaks of them.
    sent : int
        Reports that the PACS took.
    """

    files: list[Path]
    reports: int
    images: int
    without_original: int
    sent: int

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        about = f"{plural(self.reports, 'report')} on {plural(self.images, 'image')}"
        parts = [
            *(["written"] if self.files else ()),
            *([f"{self.sent:,} sent"] if self.sent else ()),
        ]
        return f"{about}: {' and '.join(parts)}.{_left_out(self.without_original)}"


@dataclass(frozen=True)
class ReportsPlan:
    """What would be written: nothing is, and nothing is asked of the classifier."""

    reports: int
    images: int
    without_original: int

    @property
    def sentence(self) -> str:
        """What it comes to, in words."""
        if not self.reports:
            return f"There is no image to report on.{_left_out(self.without_original)}"
        about = f"{plural(self.reports, 'report')} on {plural(self.images, 'image')}"
        return f"{about}: one for each study.{_left_out(self.without_original)}"


def _left_out(images: int) -> str:
    if not images:
        return ""
    return (
        f" Left out: {plural(images, 'image')} whose original DICOM file is not where it was "
        "imported from. Of fetched images, name the studies."
    )


def plan_reports(
    project: ProjectCore, originals: Sequence[Original], without_original: int = 0
) -> ReportsPlan:
    """Count the reports that :func:`write_reports` would write of the same originals."""
    studies = _by_study(project, originals)
    return ReportsPlan(len(studies), sum(map(len, studies.values())), without_original)


def _by_study(project: ProjectCore, originals: Sequence[Original]) -> dict[str, list[Original]]:
    embedded = set(project.require_embeddings().ids)
    studies: dict[str, list[Original]] = defaultdict(list)
    for each in originals:
        if each.image_id in embedded:
            studies[str(each.header.StudyInstanceUID)].append(each)
    return studies


def write_reports(
    project: ProjectCore,
    originals: Sequence[Original],
    folder: Path | None,
    *,
    per: str = "image",
    without_original: int = 0,
    send_to: Pacs | None = None,
    progress: Progress = silent,
) -> ReportsWritten:
    """Write one report for each study, or send it, or both.

    The same answers come under the same uids, so that reports whose sending was cut off can be
    sent again without being there twice.

    Parameters
    ----------
    project : ProjectCore
    originals : sequence of Original
    folder : Path, optional
        Where to; outside of the project, as a report names the patient. None keeps no file.
    per : {"image", "series"}
        What one answer is for; that of a series is its images' mean log probability.
    without_original : int
        How many images have no original, to be said.
    send_to : Pacs, optional
    progress : Progress
        Stage "writing", or "sending" where they are sent; what was done until a stop stays.

    Raises
    ------
    FewshotLabError
        Where nothing can be reported, or highdicom is missing.
    PacsError
        Where the PACS does not take a report; what it took until then it has.
    Stopped
    """
    if folder is None and send_to is None:
        raise FewshotLabError("Say where the reports go: a folder, or the PACS.")
    if per not in PER:
        raise FewshotLabError(f"A report speaks of each image or each series, not {per!r}.")
    if folder is not None and folder.resolve().is_relative_to(project.folder.resolve()):
        raise FewshotLabError("Reports name the patient: choose a folder outside the project.")
    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise FewshotLabError(MISSING) from None
    fitted = project.fit()
    studies = _by_study(project, originals)
    if not studies:
        raise FewshotLabError(
            "There is no image to report on: no original DICOM file is where it was imported from."
        )
    code = Codes(project.store).of
    files: list[Path] = []
    sent = 0
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        for number, (uid, images) in enumerate(studies.items(), 1):
            answers = _answers(project, fitted, images, per)
            dataset = structured_report(project, fitted, images, answers)
            if folder is not None:
                file = folder / f"report-{code(STUDY, uid).removeprefix('study-')}.dcm"
                write_atomically(file, _bytes(dataset))
                files.append(file)
            if send_to is not None:
                send_to.send(dataset)
                sent += 1
            progress("sending" if send_to else "writing", number, len(studies))
    except PacsError as error:
        raise PacsError(
            f"{error} It took {sent:,} of {plural(len(studies), 'report')}; sending again "
            "sends none twice.",
            error.status,
        ) from None
    finally:
        project.store.note("export", kind="structured reports", files=len(files), sent=sent)
    images_told = sum(map(len, studies.values()))
    return ReportsWritten(files, len(studies), images_told, without_original, sent)


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
