"""One structured report (TID 1500) as a DICOM data set: what was answered, by whom, of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.pacs.originals import OF_THE_STUDY, Original
from fewshot_lab.version import __version__
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from fewshot_lab.project import ProjectCore, TrainedClassifier

SCHEME = "99FEWSHOTLAB"
"""Designator of the project's own codes; those that begin with 99 are private (PS3.16, 8.2)."""
LONGEST_MEANING = 64


@dataclass(frozen=True)
class Answer:
    """What is said of one image or series, and of which originals."""

    name: str
    originals: Sequence[Original]
    column: int
    probability: float
    trained: bool


def structured_report(
    project: ProjectCore,
    classifier: TrainedClassifier,
    images: Sequence[Original],
    answers: Sequence[Answer],
) -> Dataset:
    """Return the structured report of one study: the answers, and the images as its evidence."""
    from highdicom import UID
    from highdicom.sr import (
        AlgorithmIdentification,
        ComprehensiveSR,
        DeviceObserverIdentifyingAttributes,
        MeasurementReport,
        ObservationContext,
        ObserverContext,
    )
    from highdicom.sr.coding import CodedConcept
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    fingerprint = project.backbone.fingerprint
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    # The same answers have the same uids, whenever they are sent.
    about = [str(images[0].header.StudyInstanceUID), fingerprint, classifier.sentence, __version__]
    for each in answers:
        word = names[int(classifier.fitted.class_ids[each.column])]
        about.append(f"{each.name} {word} {each.probability:.4f} {each.trained}")

    def uid(of: str) -> Any:
        return UID(generate_uid(entropy_srcs=[*about, of]))

    algorithm = AlgorithmIdentification(
        name="Fewshot Lab",
        version=__version__,
        parameters=[
            f"backbone {fingerprint}",
            f"classifier: {classifier.sentence}",
            f"trained on {plural(len(classifier.training.ids), 'labelled image')}",
            f"log of labels {project.store.log_head()}",
        ],
    )
    device = DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=["Fewshot Lab", fingerprint]),
        name="Fewshot Lab",
        manufacturer_name="Fewshot Lab",
        model_name=f"{project.backbone.card.title}"[:64],
        serial_number=__version__,
    )
    context = ObservationContext(ObserverContext(codes.DCM.Device, device))
    groups = [
        _measurements(answer, algorithm, classifier, names, uid(f"answer {number}"))
        for number, answer in enumerate(answers)
    ]
    evidence = [_evidence(each.header) for each in images]
    content = MeasurementReport(
        observation_context=context,
        procedure_reported=CodedConcept("363679005", "SCT", "Imaging procedure"),
        imaging_measurements=groups,
    )
    return ComprehensiveSR(
        evidence=list({str(e.SOPInstanceUID): e for e in evidence}.values()),
        content=content[0],
        series_instance_uid=uid("series"),
        series_number=9900,
        sop_instance_uid=uid("report"),
        instance_number=1,
        manufacturer="Fewshot Lab",
        series_description="Fewshot Lab, not verified",
    )


def _measurements(
    answer: Answer,
    algorithm: Any,
    classifier: TrainedClassifier,
    names: dict[int, str],
    uid: Any,
) -> Any:
    from highdicom.sr import (
        Measurement,
        MeasurementsAndQualitativeEvaluations,
        QualitativeEvaluation,
        SourceImageForMeasurementGroup,
        TrackingIdentifier,
    )
    from highdicom.sr.coding import CodedConcept
    from pydicom.sr.codedict import codes

    class_id = int(classifier.fitted.class_ids[answer.column])
    meaning = names[class_id][:LONGEST_MEANING]
    among = "Among the training images" if answer.trained else "Not among the training images"
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=uid, identifier=answer.name),
        algorithm_id=algorithm,
        measurements=[
            Measurement(
                name=codes.DCM.Probability,
                value=float(np.round(answer.probability, 4)),
                unit=codes.UCUM.NoUnits,
            )
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(
                codes.DCM.Finding, CodedConcept(f"class{class_id}", SCHEME, meaning)
            ),
            QualitativeEvaluation(
                CodedConcept("training", SCHEME, "Independence of the training"),
                CodedConcept(f"trained{int(answer.trained)}", SCHEME, among),
            ),
        ],
        source_images=[
            SourceImageForMeasurementGroup(
                str(each.header.SOPClassUID),
                str(each.header.SOPInstanceUID),
                [each.frame + 1] if int(each.header.get("NumberOfFrames") or 1) > 1 else None,
            )
            for each in answer.originals
        ],
    )


def _evidence(header: Dataset) -> Dataset:
    """Return what a report takes over from an original: whose it is, and its uids."""
    from pydicom.dataset import Dataset

    evidence = Dataset()
    uids = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    for name in (*OF_THE_STUDY, *uids):
        setattr(evidence, name, header.get(name))
    return evidence
