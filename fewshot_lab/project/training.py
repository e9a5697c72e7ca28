"""A project's classifier, and what it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.embedded import EmbeddedProject
from fewshot_lab.project.labels import Labels

if TYPE_CHECKING:
    import numpy as np

    from fewshot_lab.classifiers import Fitted, SoftLabels
    from fewshot_lab.project.similar import SimilarImages
    from fewshot_lab.project.splits import Splits


@dataclass(frozen=True)
class TrainingSet:
    """The labelled images a classifier may learn from.

    Never audit images, unsure or rejected ones, nor predictions that were accepted in bulk.

    Attributes
    ----------
    ids : list of str
    X : array (n, d), float32
    y : array (n,) of class ids
    groups : array (n,) of str or None
        None where no image has a group; an image without one is a group of its own.
    soft : SoftLabels or None
        Further opinions that train, by the rule "soft".
    """

    ids: list[str]
    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None
    soft: SoftLabels | None = None


@dataclass(frozen=True)
class TrainedClassifier:
    """A fitted classifier with the project it belongs to."""

    project: ProjectCore
    fitted: Fitted
    training: TrainingSet = field(repr=False)

    @property
    def sentence(self) -> str:
        """Which classifier was chosen, and by how much."""
        return self.fitted.sentence

    def probabilities(self, ids: Sequence[str] | None = None) -> np.ndarray:
        """Return calibrated probabilities (n, K) of embedded images, classes as ``class_ids``."""
        return self.fitted.probabilities(self.project.require_embeddings().vectors(ids))


class ProjectCore(EmbeddedProject):
    """What every project has: rows, images, embeddings, splits, labels, and a classifier.

    Everything that looks at a project asks for this; ``Project`` holds such looks.
    """

    @cached_property
    def similar(self) -> SimilarImages:
        """Search by similarity in projects too large to compare all images."""
        from fewshot_lab.project.similar import SimilarImages

        return SimilarImages(self)

    def neighbours(
        self, image_id: str, k: int = 30, *, unlabelled_only: bool = False
    ) -> list[tuple[str, float]]:
        """Return the images most like one, with their cosine similarity, the nearest first."""
        if not self.require_embeddings().contains(image_id):
            raise FewshotLabError("This image has no embedding yet.")
        beside = self.store.labels() if unlabelled_only else {}
        return self.similar.neighbours(image_id, k, beside)

    @cached_property
    def splits(self) -> Splits:
        """What stays on one side of a split: groups, near-duplicates, the reference test set."""
        from fewshot_lab.project.splits import Splits

        return Splits(self)

    @cached_property
    def labels(self) -> Labels:
        """Labels of the images."""
        return Labels(self)

    def training_set(self) -> TrainingSet:
        """Return the labelled images that a classifier may learn from."""
        import numpy as np

        from fewshot_lab.classifiers import soft_labels
        from fewshot_lab.project.labels_as_arrays import label_arrays

        labels = label_arrays(self.store, self.splits.pool())
        rows = np.flatnonzero(labels.trains >= 0)
        ids = labels.pool.at(rows)
        y = labels.trains[rows]
        X = self.require_embeddings().matrix(ids).astype(np.float32)
        soft = soft_labels(y, [labels.shares.get(int(k), ()) for k in rows])
        return TrainingSet(ids, X, y, self.splits.groups_of(ids), soft)

    def _beside(self) -> str:
        """Say which labels train nothing now, and why; "" where there are none."""
        from fewshot_lab.project.labels_as_arrays import label_arrays

        labels = label_arrays(self.store, self.splits.pool())
        named = {i: label for i, label in labels.labels.items() if label.kind == "class"}
        teaching = [i for i, label in named.items() if label.teaches]
        pending = sum(i not in labels.pool.row for i in teaching)
        counts = {
            "on images without an embedding": pending,
            "on images that never train": int((labels.held & (labels.named >= 0)).sum()),
            "accepted from predictions in bulk": len(named) - len(teaching),
        }
        reasons = [f"{n:,} {why}" for why, n in counts.items() if n]
        return f", beside {', '.join(reasons)}" if reasons else ""

    def fit(self, name: str | None = None) -> TrainedClassifier:
        """Fit a classifier on the labels.

        Parameters
        ----------
        name : str, optional
            A name of :data:`fewshot_lab.classifiers.TITLES` or "auto"; the project's own choice
            (the setting "classifier", else "auto") by default.

        Raises
        ------
        FewshotLabError
            Fewer than two classes have labels.
        """
        import numpy as np

        from fewshot_lab.classifiers import fit

        training = self.training_set()
        if len(set(training.y.tolist())) < 2:
            raise FewshotLabError(
                "A classifier needs labelled images of at least two classes to learn from; "
                f"{self.name!r} has labels of {len(set(training.y.tolist()))}{self._beside()}."
            )
        pool = self.pool
        embedded = self.require_embeddings().ids
        rows = self.require_embeddings().rows(training.ids)
        test = self.splits.held_out(())
        apart = np.array([image_id in test for image_id in embedded[: len(pool)]], dtype=bool)
        inside = bool(rows.max() < len(pool))
        fitted = fit(
            training.X,
            training.y,
            name=name or str(self.store.get("classifier") or "auto"),
            groups=training.groups,
            near_duplicates=None,
            pool=pool,
            rows=rows if inside else None,
            apart=apart,
            soft=training.soft,
            sites=self.splits.sites.of(training.ids),
        )
        return TrainedClassifier(self, fitted, training)
