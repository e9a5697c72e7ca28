"""The audit set of a project: drawn at random, labelled like the others, never trained on."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.active import (
    Stratum,
    Unit,
    draw_further,
    draw_units,
    images_per_group,
    read_design,
    write_more,
    write_strata,
)
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    AuditCounts,
    AuditReport,
    LeakCheck,
    ReferenceTest,
    audit_weights,
    check_sides,
    groups_lacking,
    test_figures,
)

if TYPE_CHECKING:
    from fewshot_lab.core import ProjectCore, TrainedClassifier
    from fewshot_lab.store import Label

FEWEST = 5
"""Groups, or single images, that a pool must have for any to be drawn."""
LABELLED_SHARE = 0.5
"""Where more of the pool is labelled, images are drawn only when asked: labels would be lost."""
EMBEDDED_SHARE = 0.98
"""Share of all images that must be embedded before the first are drawn."""
HALF = 0.5
MOST = 0.75
"""Share of the images that may be held out when asked: what is drawn can never train again."""
HELD = 0.2
"""Share of the images that drawn groups should hold out at most: then more of each are asked."""


@dataclass(frozen=True)
class PoolView:
    """The images that can be drawn from, row by row.

    Attributes
    ----------
    ids : sequence (N,) of str
        The embedded images.
    code : array (N,) of int
        Equal for images that stay together.
    named : array (N,) of bool
        Images of a group (a patient), not only near-duplicates of another.
    place : array (N,) of int
        Place in the order of their import, from 1.
    test, away : array (N,) of bool
        The reference test set, and the same with what stays together with it: never drawn.
    reference : dict
        Of the test set, the class that came with an image, by id.
    total : int
        Images of the project, embedded or not.
    apart : array (p, 2) of int
        Near-duplicates of different groups that are not joined.
    """

    ids: Sequence[str]
    code: NDArray[np.int64]
    named: NDArray[np.bool_]
    place: NDArray[np.int64]
    test: NDArray[np.bool_]
    away: NDArray[np.bool_]
    reference: Mapping[str, str]
    total: int
    apart: NDArray[np.int64]

    @classmethod
    def of(cls, project: ProjectCore, ids: Sequence[str] | None = None) -> PoolView:
        """Look at the embedded images of a project."""
        if ids is None:
            ids = list(project.require_embeddings().ids)
        splits = project.splits
        test, away = splits.test_ids(), splits.held_out(())
        came = project.store.column("reference") if test else {}
        return cls(
            ids,
            splits.codes(ids),
            splits.in_named_group(ids),
            splits.places(ids),
            np.array([i in test for i in ids], dtype=bool),
            np.array([i in away for i in ids], dtype=bool),
            {i: str(name) for i, name in came.items() if i in test},
            len(project.store.ids()),
            splits.apart_pairs(ids),
        )

    def held_out(self, audit: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what must not train (N,): audit and test images and what goes with them."""
        held = self.away | np.isin(self.code, self.code[audit])
        tested = audit | self.test
        a, b = self.apart.T
        held[a[tested[b]]] = True
        held[b[tested[a]]] = True
        return np.asarray(held)


class AuditSet:
    """What was drawn so far, and how to draw more.

    Every image of the pool has the same chance, labelled or not, so that the labelled audit
    images stand for the whole pool whatever decided which others were labelled. One that is drawn
    after it was labelled keeps its label, and no longer trains. Where images have groups, groups
    are drawn and stay out of training as a whole.
    """

    def __init__(self, project: ProjectCore) -> None:
        self._project = project
        self._design: tuple[int, list[list[Stratum]]] | None = None

    def design(self, total: int, drawn: int) -> list[list[Stratum]]:
        """Return what was drawn, draw by draw; ``drawn`` images in all."""
        if self._design is None or self._design[0] != drawn:
            self._design = (drawn, read_design(self._project.store.audit_draws()))
        design = self._design[1]
        bounds = {s.until for draw in design for s in draw}
        if 0 not in bounds:
            return design
        # An older record does not say how many images there were: no fewer than now, or later.
        first = min(bounds - {0}, default=total)
        return [[Stratum(s.name, s.until or first, s.units) for s in draw] for draw in design]

    # -- drawing -------------------------------------------------------------------------------

    def top_up(
        self, pool: PoolView, drawn: NDArray[np.bool_], marked: NDArray[np.bool_], n: int, cap: int
    ) -> NDArray[np.int64]:
        """Draw some images more, for the suggestions; returns their rows.

        No more groups are drawn once as many images as ``cap`` are held out: then further
        images of the drawn ones are asked about, if there are.

        Parameters
        ----------
        drawn, marked : array (N,) of bool
            Images drawn before, and images with any label.
        n : int
            How many to ask about.
        """
        inside = ~pool.away
        N = int(inside.sum())
        if n <= 0 or cap <= 0 or len(pool.ids) < EMBEDDED_SHARE * pool.total:
            return np.empty(0, np.int64)
        if marked[inside].sum() > LABELLED_SHARE * N or not self._enough(pool, inside):
            return np.empty(0, np.int64)
        held = np.isin(pool.code, pool.code[drawn]) & inside
        room = cap - int(held.sum())
        rng = self._random(int(drawn.sum()))
        if room <= 0:
            return self._more(pool, drawn & inside, held, n, rng)
        part, until = self._part(pool, drawn, inside)
        fresh = part & ~np.isin(pool.code, pool.code[drawn & part])
        found = draw_units(pool.code, fresh, min(n, room), rng)
        kept: list[Any] = []
        for _, units in found:
            for unit in units:  # the one that goes beyond the cap is taken: to refuse would bias
                if room > 0:
                    kept.append(unit)
                    room -= int((pool.code == pool.code[unit[0][0]]).sum())
        return self._record(pool, int(fresh.sum()), [("", until, kept)] if kept else [])

    def draw(self, n: int, *, stratify: str | None = None, per_group: int | None = None) -> int:
        """Draw images more, of each part of the pool half evenly and half by size; how many.

        Parameters
        ----------
        n : int
            Images to be labelled; about as many (each stratum gets two at least).
        stratify : str, optional
            "predicted", for the class that the classifier predicts, or a metadata column.
        per_group : int, optional
            Images of each group to ask about: by default as few as hold no more than a fifth of
            all images out, five at most.

        Raises
        ------
        FewshotLabError
            For too few images or groups, for so many that too little of the pool could train,
            for an unknown column, or where there is no classifier yet.
        """
        if per_group is not None and per_group < 1:
            raise FewshotLabError("Ask for one image of each group at least.")
        project = self._project
        pool = PoolView.of(project)
        inside = ~pool.away
        audit = project.store.audit_ids()
        drawn = np.array([i in audit for i in pool.ids], dtype=bool)
        if n < 1:
            raise FewshotLabError("Ask for one image at least.")
        if not self._enough(pool, inside):
            raise FewshotLabError(
                f"There are fewer than {FEWEST} {project.splits.rule.noun}s, or one holds more "
                "than half of the images: an audit set would say nothing. Give finer groups."
            )
        names, strata = self._strata(pool, stratify)
        part, until = self._part(pool, drawn, inside)
        fresh = part & ~np.isin(pool.code, pool.code[drawn & part])
        if not fresh.any():
            raise FewshotLabError("Every image or group of the pool has been drawn already.")
        rng = self._random(int(drawn.sum()))
        room = HELD * inside.sum() - np.isin(pool.code[inside], pool.code[drawn & inside]).sum()
        most = per_group or images_per_group(pool.code, fresh, n, float(room))
        take = np.where(pool.named, most, 1)
        found = draw_units(pool.code, fresh, n, rng, take=take, strata=strata)
        told = [(names[k], until, units) for k, units in found]
        after = drawn.copy()
        after[[row for _, units in found for unit in units for row in unit[0]]] = True
        held = int((np.isin(pool.code, pool.code[after]) & inside).sum())
        if held > MOST * inside.sum():
            raise FewshotLabError(
                f"{n:,} more would keep {held:,} of the {int(inside.sum()):,} images from "
                "training, for good, and that is more than three quarters: ask for fewer."
            )
        rows = self._record(pool, int(fresh.sum()), told)
        project.splits.changed()
        return len(rows)

    def _enough(self, pool: PoolView, inside: NDArray[np.bool_]) -> bool:
        _, size = np.unique(pool.code[inside], return_counts=True)
        return len(size) >= FEWEST and int(size.max()) <= HALF * inside.sum()

    def _random(self, drawn: int) -> np.random.Generator:
        created = zlib.crc32(str(self._project.store.get("created")).encode())
        return np.random.default_rng([created, drawn])

    def _part(
        self, pool: PoolView, drawn: NDArray[np.bool_], inside: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], int]:
        """Return the part of the pool of which the smallest share was drawn, by import."""
        design = self.design(pool.total, int(drawn.sum()))
        bounds = sorted({s.until for draw in design for s in draw})
        if not bounds or bounds[-1] < pool.total:
            bounds.append(pool.total)
        best = (np.inf, inside, bounds[-1])
        low = 0
        for until in bounds:
            part = inside & (pool.place > low) & (pool.place <= until)
            low = until
            if part.any() and (part & ~np.isin(pool.code, pool.code[drawn & part])).any():
                best = min(best, (float(drawn[part].mean()), part, until), key=lambda b: b[0])
        return best[1], best[2]

    def _more(
        self,
        pool: PoolView,
        drawn: NDArray[np.bool_],
        held: NDArray[np.bool_],
        n: int,
        rng: np.random.Generator,
    ) -> NDArray[np.int64]:
        """Ask about further images of the groups drawn, those with the fewest first."""
        row = {image_id: k for k, image_id in enumerate(pool.ids)}
        head: dict[int, str] = {}
        for draw in self.design(pool.total, int(drawn.sum())):
            for unit in (u for s in draw for u in s.units):
                at = next((row[i] for i in unit.images if i in row), None)
                if at is not None and pool.named[at]:
                    head[int(pool.code[at])] = unit.images[0]
        known = np.isin(pool.code, list(head))
        out = draw_further(pool.code, drawn & known, held & known, n, rng)
        if len(out):
            chosen = [(head[int(pool.code[k])], [pool.ids[k]]) for k in out.tolist()]
            self._project.store.draw_audit(
                [pool.ids[k] for k in out], int((held & ~drawn).sum()), write_more(chosen)
            )
        return out

    def _record(
        self, pool: PoolView, of: int, told: Sequence[tuple[str, int, list[Any]]]
    ) -> NDArray[np.int64]:
        """Put a draw on record before anybody sees it: a drawn image can never train any more."""
        rows = [int(row) for _, _, units in told for unit in units for row in unit[0]]
        if not rows:
            return np.empty(0, np.int64)
        strata = [
            Stratum(
                name,
                until,
                tuple(
                    Unit(tuple(pool.ids[r] for r in rows_), size, left, usual)
                    for rows_, size, left, usual in units
                ),
            )
            for name, until, units in told
        ]
        self._project.store.draw_audit([pool.ids[r] for r in rows], of, write_strata(strata))
        return np.array(rows, np.int64)

    def _strata(
        self, pool: PoolView, stratify: str | None
    ) -> tuple[dict[int, str], NDArray[np.int64] | None]:
        project = self._project
        if stratify is None:
            return {0: ""}, None
        if stratify == "predicted":
            classifier = project.fit()
            found = classifier.fitted.class_ids[classifier.probabilities(pool.ids).argmax(axis=1)]
            told = {row.id: row.name for row in project.classes()}
            values = [f"predicted {told.get(int(c), c)}" for c in found]
        else:
            column = project.store.column(stratify)
            if not column:
                known = ", ".join(project.store.columns()) or "none"
                raise FewshotLabError(f"No image has a column {stratify!r}; there are: {known}.")
            values = [f"{stratify} = {column.get(i, '')}" for i in pool.ids]
        names, strata = np.unique(values, return_inverse=True)
        if len(names) > 50:
            raise FewshotLabError(
                f"{stratify} has {len(names)} values: too many parts to draw from each."
            )
        return {k: str(name) for k, name in enumerate(names)}, strata.astype(np.int64)

    # -- what it says --------------------------------------------------------------------------

    def report(
        self,
        pool: PoolView,
        labels: Mapping[str, Label],
        predicted: NDArray[np.int64] | None,
        class_ids: Sequence[int],
        trained: NDArray[np.bool_],
        groups: NDArray[Any] | None,
    ) -> AuditReport:
        """Return what the audit images say of predictions.

        Parameters
        ----------
        predicted : array (N,) or None
            Class ids, by row of the pool.
        class_ids : sequence of int
        trained : array (N,) of bool
            Images that the classifier learned from.
        groups : array (N,) of str, or None
            As ``Project.groups_of`` returns it.
        """
        everything = self._project.store.audit_ids()
        row = {image_id: k for k, image_id in enumerate(pool.ids) if image_id in everything}
        drawn = np.zeros(len(pool.ids), dtype=bool)
        drawn[list(row.values())] = True
        drawn &= ~pool.away
        said = {i: labels.get(i) for i, k in row.items() if drawn[k]}
        kinds = [label.kind if label is not None else "" for label in said.values()]
        answered = {
            i: int(label.class_id)
            for i, label in said.items()
            if label is not None and label.teaches and label.class_id is not None
        }
        counts = AuditCounts(
            pool=int((~pool.away).sum()),
            drawn=len(said),
            labelled=len(answered),
            unsure=kinds.count("unsure"),
            rejected=kinds.count("reject"),
            waiting=kinds.count(""),
            held_out=int((pool.held_out(drawn) & ~drawn & ~pool.away).sum()),
        )
        leaks, leaking = self._check(pool, trained, drawn, groups)
        ids = [i for i in answered if not leaking[row[i]]]
        if predicted is None or not ids:
            return AuditReport(counts, None, leaks)
        design = self.design(pool.total, len(everything))
        weights = audit_weights(design, set(ids), self._sizes(pool, design))
        ids = [i for i in ids if i in weights]
        if not ids:
            return AuditReport(counts, None, leaks)
        at = np.array([row[i] for i in ids], np.int64)
        figures = test_figures(
            np.array([answered[i] for i in ids], np.int64),
            predicted[at],
            class_ids,
            weights=np.array([weights[i].weight for i in ids]),
            groups=pool.code[at],
            strata=np.unique([weights[i].stratum for i in ids], return_inverse=True)[1],
            pool=counts.pool,
            lacking=_lacking(pool, labels, predicted, class_ids, at),
        )
        return AuditReport(counts, figures, leaks)

    def reference(
        self,
        pool: PoolView,
        labels: Mapping[str, Label],
        predicted: NDArray[np.int64],
        class_ids: Sequence[int],
        trained: NDArray[np.bool_],
        groups: NDArray[Any] | None,
    ) -> ReferenceTest | None:
        """Return what the reference test set says of predictions; None where there is none.

        What people said of an image counts, else the class that came with it.
        """
        rows = np.flatnonzero(pool.test)
        if not len(rows):
            return None
        by_name = {row.name.casefold(): row.id for row in self._project.classes()}
        said = [labels.get(pool.ids[r]) for r in rows.tolist()]
        y = np.array(
            [
                label.class_id
                if label is not None and label.teaches and label.class_id is not None
                else -1
                for label in said
            ],
            np.int64,
        )
        labelled = y >= 0
        came = [
            by_name.get(pool.reference.get(pool.ids[r], "").casefold(), -1) for r in rows.tolist()
        ]
        y = np.where(labelled, y, np.array(came, np.int64))
        leaks, leaking = self._check(pool, trained, pool.test, groups)
        known = (y >= 0) & ~leaking[rows]
        figures = None
        if known.any():
            at = rows[known]
            figures = test_figures(y[known], predicted[at], class_ids, groups=pool.code[at])
        return ReferenceTest(
            self._project.splits.test_by,
            len(rows),
            int(labelled.sum()),
            int((~labelled & (y >= 0)).sum()),
            figures,
            leaks,
        )

    def measure(self, classifier: TrainedClassifier) -> tuple[AuditReport, ReferenceTest | None]:
        """Return what the audit set and the reference test set say of a fitted classifier."""
        project = self._project
        pool = PoolView.of(project)
        labels = project.store.labels()
        fitted = classifier.fitted
        predicted = fitted.class_ids[classifier.probabilities(pool.ids).argmax(axis=1)]
        learned = set(classifier.training.ids)
        trained = np.array([i in learned for i in pool.ids], dtype=bool)
        told = pool, labels, predicted, fitted.class_ids.tolist(), trained
        groups = project.groups_of(pool.ids)
        return self.report(*told, groups), self.reference(*told, groups)

    def _check(
        self,
        pool: PoolView,
        trained: NDArray[np.bool_],
        tested: NDArray[np.bool_],
        groups: NDArray[Any] | None,
    ) -> tuple[LeakCheck, NDArray[np.bool_]]:
        """Hold both sides against the groups; which tested rows leak (N,)."""
        splits = self._project.splits
        some = np.flatnonzero(trained | tested)
        leaks, torn = check_sides(
            None if groups is None else groups[some],
            trained[some],
            tested[some],
            [pool.ids[k] for k in some.tolist()],
            noun=splits.rule.noun,
            pairs=_within(pool.apart, some, len(pool.ids)),
        )
        leaking = np.zeros(len(pool.ids), dtype=bool)
        leaking[some[torn]] = True
        return leaks, leaking

    def _sizes(self, pool: PoolView, design: Sequence[Sequence[Stratum]]) -> dict[int, int]:
        low, sizes = 0, {}
        for until in sorted({s.until for draw in design for s in draw}):
            inside = ~pool.away & (pool.place > low) & (pool.place <= until)
            sizes[until], low = max(int(inside.sum()), 1), until
        return sizes


def _lacking(
    pool: PoolView,
    labels: Mapping[str, Label],
    predicted: NDArray[np.int64],
    class_ids: Sequence[int],
    at: NDArray[np.int64],
) -> dict[int, int]:
    """Return the classes that rest on too few groups, given the labelled audit images."""
    groups = len(np.unique(pool.code[at]))
    if groups == len(at):
        return {}
    kind = predicted.astype(np.int64)
    for k, image_id in enumerate(pool.ids):
        label = labels.get(image_id)
        if label is not None and label.teaches and label.class_id is not None:
            kind[k] = label.class_id
    inside = ~pool.away
    return groups_lacking(kind[inside], pool.code[inside], class_ids, groups=groups, images=len(at))


def _within(pairs: NDArray[np.int64], rows: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return those pairs whose both rows are among some, as positions in these."""
    place = np.full(n, -1, np.int64)
    place[rows] = np.arange(len(rows))
    found = place[pairs]
    return np.asarray(found[(found >= 0).all(axis=1)])
