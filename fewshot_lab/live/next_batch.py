"""What to label next: a batch for each annotator, a share of it drawn at random."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live.session_images import Images
from fewshot_lab.project import (
    Assignment,
    AuditSet,
    LabelArrays,
    ProjectCore,
    confounder_values,
    confounders_of,
)
from fewshot_lab.sampling import BATCH, GAPS, Confounder, Suggestion, suggest_between, suggest_by


class Suggester:
    """Suggests images, and draws those of the audit set that are suggested among them."""

    def __init__(self, project: ProjectCore, audit: AuditSet) -> None:
        self._project = project
        self._audit = audit
        self._assignment = Assignment(project)

    def suggest(
        self,
        images: Images,
        labels: LabelArrays,
        *,
        strategy: str,
        share: float,
        probabilities: NDArray[np.float32] | None = None,
        class_ids: tuple[int, ...] = (),
        pair: tuple[int, int] | None = None,
        among: NDArray[np.bool_] | None = None,
    ) -> tuple[Suggestion, ...]:
        """Return what to label next; where the images are split, a batch for each annotator.

        Parameters
        ----------
        images : Images
        labels : LabelArrays
        strategy : str
            Of :data:`fewshot_lab.sampling.STRATEGIES`.
        share : float
            Part of a batch that is drawn at random, for the audit set.
        probabilities : array (N, K) or None
            None without a classifier.
        class_ids : tuple of int
            Its columns.
        pair : tuple of int, optional
            Two of them: images between these come first.
        among : array (N,) of bool, optional
            Images to choose from, where they are enough.
        """
        batch: dict[str, Suggestion] = {}
        confounders = self._confounders(images) if strategy == GAPS else ()
        for mine in self._lots(images):
            audit = self._random_share(images, labels, share, mine)
            free = ~labels.marked & ~labels.held & mine
            eligible = free & ~labels.skipped
            if among is not None:
                eligible &= among
            if eligible.sum() < BATCH - len(audit):
                eligible = free
            place = {class_id: k for k, class_id in enumerate(class_ids)}
            labelled = np.full(len(images.ids), -1, dtype=np.int64)
            for row in np.flatnonzero(labels.trains >= 0):
                labelled[row] = place.get(int(labels.trains[row]), 0)
            names = [labels.names.get(c, str(c)) for c in class_ids]
            wanted = BATCH - len(audit)
            first: list[Suggestion] = []
            if pair is not None and probabilities is not None:
                first = suggest_between(
                    pair,
                    images.pool,
                    images.ids,
                    labelled=labelled,
                    eligible=eligible,
                    probabilities=probabilities,
                    class_ids=class_ids,
                    names=names,
                    groups=images.quota,
                    n=wanted,
                )
                eligible = eligible & ~images.view.mask(each.image_id for each in first)
            rest = suggest_by(
                strategy,
                images.pool,
                images.ids,
                labelled=labelled,
                eligible=eligible,
                probabilities=probabilities,
                class_ids=class_ids,
                names=names,
                groups=images.quota,
                confounders=confounders,
                n=wanted - len(first),
                seed=labels.position,
            )
            for each in _mixed([*first, *rest], audit, labels.position):
                batch.setdefault(each.image_id, each)
        return tuple(batch.values())

    def _confounders(self, images: Images) -> tuple[Confounder, ...]:
        """Return the suspected confounders that can still be read."""
        readable = []
        for column in confounders_of(self._project):
            with suppress(FewshotLabError):  # by now it may have too many values
                values = confounder_values(self._project, column, images.ids)
                readable.append(Confounder(column, *values))
        return tuple(readable)

    def _lots(self, images: Images) -> list[NDArray[np.bool_]]:
        """Return the images of each annotator (N,), where they are split; else all, once."""
        team = self._project.store.team()
        if not team.split:
            return [np.ones(len(images.ids), dtype=bool)]
        return [self._assignment.assigned(team, a, images.ids) for a in team.annotators]

    def draw(self, images: Images, labels: LabelArrays, share: float) -> LabelArrays:
        """Draw audit images for whoever has too few to label; they train no more."""
        wanted = round(share * BATCH)
        # A small project keeps most of its images for training.
        cap = int(share * (~images.view.away).sum())
        for mine in self._lots(images):
            waiting = int((labels.audit & ~labels.marked & ~labels.skipped & mine).sum())
            new = self._audit.top_up(
                images.view, labels.audit, labels.marked, wanted - waiting, cap
            )
            if len(new):
                labels = labels.with_audit(self._project.store.audit_ids())
        return labels

    def _random_share(
        self, images: Images, labels: LabelArrays, share: float, mine: NDArray[np.bool_]
    ) -> list[Suggestion]:
        """Return images drawn at random and not yet labelled, as suggestions."""
        waiting = np.flatnonzero(labels.audit & ~labels.marked & ~labels.skipped & mine)
        # In no order that means anything: if only some are labelled, they are a random part.
        order = np.random.default_rng(0).permutation(len(images.ids))
        waiting = waiting[np.argsort(order[waiting])]
        return [
            Suggestion(images.ids[r], "drawn at random, to measure the accuracy", "audit", True)
            for r in waiting[: round(share * BATCH)]
        ]


def _mixed(
    chosen: Sequence[Suggestion], audit: Sequence[Suggestion], seed: int
) -> Iterator[Suggestion]:
    """Yield audit images anywhere among the others, not in a block that would be skipped."""
    order = np.random.default_rng(seed).permutation(len(chosen) + len(audit))
    spots = set(order[: len(audit)].tolist())
    rest, random = iter(chosen), iter(audit)
    for i in range(len(order)):
        yield next(random) if i in spots else next(rest)
