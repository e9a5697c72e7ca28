"""A few-shot curve: its figures with intervals, from what the classifiers answered."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import PAPER
from fewshot_lab.evaluation.few_shot_protocol import DEFAULT, Answer, Protocol, Split
from fewshot_lab.stats import (
    BINS,
    Resamples,
    auroc,
    balanced_accuracy,
    calibration_error,
    macro_f1,
    percentile,
)


@dataclass
class Curve:
    """What :func:`nshot` found; see :meth:`to_dict`."""

    classes: list[str]
    split: Split
    results: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    short: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "classes": self.classes,
            "leak_check": self.split.sentence,
            "test_images": len(self.split.test),
            "results": self.results,
            "differences": self.differences,
            "short": self.short,
        }


def summarise(
    curve: Curve,
    answers_by_pair: dict[tuple[str, str], list[Answer]],
    code: NDArray[np.int64],
    groups: NDArray[Any] | None,
    shots: int,
    draws: int,
    protocol: Protocol,
) -> None:
    """Add the figures of one number of shots to a curve, and the differences that are of interest.

    Parameters
    ----------
    curve : Curve
    answers_by_pair : dict
        From backbone and classifier to its answers, one of each draw.
    code : array (n,) of int
        Class of each image.
    groups : array (m,), optional
        Of the test images.
    shots, draws : int
    protocol : Protocol
    """
    y = code[curve.split.test]
    resamples = Resamples(y, groups, draws, seed=protocol.seed)
    replicates, means = {}, {}
    for (backbone, name), answers in answers_by_pair.items():
        predicted = np.stack([p for p, _ in answers])
        probabilities = [p for _, p in answers]
        values = np.array([balanced_accuracy(y, p) for p in predicted])
        replicates[backbone, name] = resamples.balanced_accuracy(predicted == y)
        means[backbone, name] = float(values.mean())
        stacked = np.stack(probabilities)
        error = float(np.mean([calibration_error(y, p) for p in probabilities]))
        others = {
            "macro_f1": percentile(
                float(np.mean([macro_f1(y, p) for p in predicted])), resamples.macro_f1(predicted)
            ),
            "auroc": percentile(
                float(np.mean([auroc(y, p) for p in probabilities])), resamples.auroc(stacked)
            ),
            "ece": percentile(error, resamples.calibration_error(stacked, BINS, error)),
        }
        interval = percentile(means[backbone, name], replicates[backbone, name])
        curve.results.append(
            {
                "backbone": backbone,
                "classifier": name,
                "shots": shots,
                "draws": draws,
                "labels": shots * len(curve.classes),
                "balanced_accuracy": interval["value"],
                "interval": [interval["low"], interval["high"]],
                "by_draw": [float(v) for v in values],
                **others,
            }
        )
    first = next(iter(answers_by_pair))[0]
    for backbone, name in answers_by_pair:
        against = []
        if name == DEFAULT:
            against += [
                (backbone, other) for other in PAPER if (backbone, other) in answers_by_pair
            ]
        if backbone != first:
            against.append((first, name))
        for other in against:
            difference = percentile(
                means[backbone, name] - means[other], replicates[backbone, name] - replicates[other]
            )
            curve.differences.append(
                {
                    "shots": shots,
                    "backbone": backbone,
                    "classifier": name,
                    "than_backbone": other[0],
                    "than_classifier": other[1],
                    "difference": difference["value"],
                    "interval": [difference["low"], difference["high"]],
                }
            )
