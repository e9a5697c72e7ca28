"""What a project says of each of its slides: the share of each class, and one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import GroupAnswers, SeenTiles, choose, class_shares
from fewshot_lab.project.costs import costs_of
from fewshot_lab.project.labels_as_arrays import label_arrays
from fewshot_lab.project.patients import patient_figures
from fewshot_lab.project.slides import Slide, SlideTile, slides_of, tiles_of
from fewshot_lab.stats import Interval

if TYPE_CHECKING:
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore, TrainedClassifier


@dataclass(frozen=True)
class PredictedImages:
    """What a classifier says of the embedded images.

    Attributes
    ----------
    ids : sequence (N,) of str
    probabilities : array (N, K)
    fitted : Fitted
    training_ids : sequence of str
        What it was fitted on, in order.
    """

    ids: Sequence[str]
    probabilities: NDArray[np.floating]
    fitted: Fitted = field(repr=False)
    training_ids: Sequence[str] = field(repr=False)

    @classmethod
    def by(cls, classifier: TrainedClassifier) -> PredictedImages:
        """Return what a fitted classifier says of its project's images."""
        ids = list(classifier.project.require_embeddings().ids)
        return cls(ids, classifier.probabilities(ids), classifier.fitted, classifier.training.ids)

    def decided(self, project: ProjectCore) -> NDArray[np.int64]:
        """Return the column decided for each image (N,), by the costs of errors where set."""
        return choose(self.probabilities, costs_of(project, self.fitted.class_ids))


@dataclass(frozen=True)
class SlideSummary:
    """One slide.

    Attributes
    ----------
    slide : Slide
    tiles : int
        Tiles of it in the project; those that a person called unusable are left out of the rest.
    labelled : int
        Tiles to which a person gave a class.
    shares : dict
        From class name to its share of the tiles.
    answer : str
        The class of the slide by the rule of the report; "" where nothing is predicted of it.
    scores : dict
        Of each class, adding up to 1.
    """

    slide: Slide
    tiles: int
    labelled: int
    shares: dict[str, Interval]
    answer: str
    scores: dict[str, float]


@dataclass(frozen=True)
class SlideReport:
    """All slides of a project.

    Attributes
    ----------
    slides : list of SlideSummary
    colours : dict
        Of the classes, by name, in the order of the classifier.
    rule : GroupAnswers
        By which the tiles of a slide become one answer.
    rule_sentence : str
        How good that is, or why nobody knows.
    seen_tiles, seen_slides : int
        Labelled tiles that were left out in turn, and the slides they lie on.
    """

    slides: list[SlideSummary]
    colours: dict[str, str]
    rule: GroupAnswers
    rule_sentence: str
    seen_tiles: int
    seen_slides: int

    @property
    def caution(self) -> str:
        """Say on what the intervals rest."""
        if not self.seen_tiles:
            return (
                "No labelled tile could be left out yet: that takes labels of each class on two "
                "slides. Until then shares are those of the predictions, and their error is "
                "unknown."
            )
        tiles = f"{self.seen_tiles:,} labelled tiles left out in turn"
        if self.seen_slides < 2:
            return (
                f"Predictions are corrected by {tiles}, all of one slide: how much slides differ "
                "is not known, and the intervals do not include it. Label tiles of more slides."
            )
        return (
            f"Predictions are corrected by {tiles}, on {self.seen_slides:,} slides; the intervals "
            "include how well these rates are known and how much slides differ. Tiles labelled "
            "because they are hard make the correction too large."
        )


def slide_report(project: ProjectCore, predicted: PredictedImages) -> SlideReport:
    """Return the shares and the answer of every slide.

    Raises
    ------
    FewshotLabError
        Where the project has no slides.
    """
    slides = slides_of(project)
    if not slides:
        raise FewshotLabError(f"{project.name!r} has no tiles of whole slides.")
    fitted = predicted.fitted
    costs = costs_of(project, fitted.class_ids)
    tiles = [tiles_of(project, slide) for slide in slides]
    seen = _seen_tiles(predicted, tiles, costs)
    rule, sentence = _rule(project, predicted)
    classes = {row.id: row for row in project.store.classes(include_retired=True)}
    rows = [classes[int(i)] for i in fitted.class_ids]
    marks = _marks(project, fitted)
    place = {image_id: k for k, image_id in enumerate(predicted.ids)}

    def summary(slide: Slide, tiles: list[SlideTile]) -> SlideSummary:
        labels = np.array([marks.get(tile.image_id, -1) for tile in tiles], np.int64)
        places = np.array([place.get(tile.image_id, -1) for tile in tiles], np.int64)
        usable = (places >= 0) & (labels != UNUSABLE)
        labelled = int((labels >= 0).sum())
        if not usable.any():
            return SlideSummary(slide, len(tiles), labelled, {}, "", {})
        p = predicted.probabilities[places[usable]]
        shares = class_shares(p, choose(p, costs), labels[usable], seen)
        best, scores = rule.answer(p, costs)
        names = [row.name for row in rows]
        return SlideSummary(
            slide,
            len(tiles),
            labelled,
            dict(zip(names, shares, strict=True)),
            names[best],
            dict(zip(names, map(float, scores), strict=True)),
        )

    return SlideReport(
        [summary(slide, each) for slide, each in zip(slides, tiles, strict=True)],
        {row.name: row.color for row in rows},
        rule,
        sentence,
        len(seen.truth),
        seen.groups,
    )


UNUSABLE = -2


def _marks(project: ProjectCore, fitted: Fitted) -> dict[str, int]:
    """Return the columns of what people said of images; those they called unusable as that."""
    labels = label_arrays(project.store, project.splits.pool())
    column = {int(class_id): k for k, class_id in enumerate(fitted.class_ids)}
    ids = labels.pool.ids
    marks = {
        ids[k]: column[int(labels.named[k])]
        for k in np.flatnonzero(labels.named >= 0).tolist()
        if int(labels.named[k]) in column
    }
    rejected = (i for i, label in labels.labels.items() if label.kind == "reject")
    return marks | dict.fromkeys(rejected, UNUSABLE)


def _seen_tiles(
    predicted: PredictedImages, tiles: Sequence[Sequence[SlideTile]], costs: Any
) -> SeenTiles:
    """Return the labelled tiles as classifiers predict them that had not seen them."""
    slide_of = {tile.image_id: k for k, each in enumerate(tiles) for tile in each}
    left = predicted.fitted.out_of_fold
    rows = [
        k for k in np.flatnonzero(left.scored).tolist() if predicted.training_ids[k] in slide_of
    ]
    slides = np.array([slide_of[predicted.training_ids[k]] for k in rows], np.int64)
    return SeenTiles(choose(left.mean[rows], costs), left.y[rows], slides)


def _rule(project: ProjectCore, predicted: PredictedImages) -> tuple[GroupAnswers, str]:
    """Return the rule that was measured on the project's groups, else the usual one and why."""
    try:
        figures = patient_figures(project, predicted.fitted, predicted.training_ids)
    except FewshotLabError as why:
        usual = GroupAnswers.of(None, len(predicted.fitted.class_ids))
        return usual, f"By the mean of the tiles' log-odds, not measured. {why}"
    return figures.comparison.chosen, figures.sentence
