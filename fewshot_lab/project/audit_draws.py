"""Drawing images at random for the audit set, and what was drawn."""

from __future__ import annotations

import math
import zlib
from bisect import bisect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import images_until_finished
from fewshot_lab.project.pool_view import PoolView
from fewshot_lab.project.remembered import Remembered
from fewshot_lab.sampling import (
    draw_further,
    draw_units,
    images_per_group,
    read_design,
    write_more,
    write_strata,
)
from fewshot_lab.stats import Stratum, Unit

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore

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


class AuditDraws:
    """What was drawn so far, and drawing more."""

    def __init__(self, project: ProjectCore) -> None:
        self._project = project
        self._design: Remembered[list[list[Stratum]]] = Remembered()

    def design(self, total: int, drawn: int) -> list[list[Stratum]]:
        """Return what was drawn, draw by draw; ``drawn`` images in all."""
        store = self._project.store
        design = self._design.get(drawn, lambda: read_design(store.audit_draws()))
        bounds = {s.until for draw in design for s in draw}
        if 0 not in bounds:
            return design
        # An older record does not say how many images there were: no fewer than now, or later.
        first = min(bounds - {0}, default=total)
        return [[Stratum(s.name, s.until or first, s.units) for s in draw] for draw in design]

    def top_up(
        self, pool: PoolView, drawn: NDArray[np.bool_], marked: NDArray[np.bool_], n: int, cap: int
    ) -> NDArray[np.int64]:
        """Draw some more images for the suggestions; returns their rows.

        Once ``cap`` images are held out no further groups are drawn, but further images of the
        drawn groups are asked about. Once there are enough images for a meaningful accuracy, none
        is drawn unless a person asks.

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
        # Each import has its share of what finishes the audit; further ones are drawn when asked.
        enough = math.ceil(images_until_finished() * part.sum() / N)
        lacking = max(0, enough - len(np.unique(pool.code[drawn & part])))
        units_by_stratum = draw_units(pool.code, fresh, min(n, room, lacking), rng)
        kept: list[Any] = []
        for _, units in units_by_stratum:
            for unit in units:  # the one that goes beyond the cap is taken: to refuse would bias
                if room > 0:
                    kept.append(unit)
                    room -= int((pool.code == pool.code[unit[0][0]]).sum())
        return self._record(pool, int(fresh.sum()), [("", until, kept)] if kept else [])

    def draw(self, n: int, *, stratify: str | None = None, per_group: int | None = None) -> int:
        """Draw more images, half evenly over the strata and half by size; returns how many.

        Parameters
        ----------
        n : int
            Images to be labelled, approximately (each stratum gets at least two).
        stratify : str, optional
            "predicted", for the class that the classifier predicts, or a metadata column.
        per_group : int, optional
            Images of each group to ask about: by default as few as possible while at most a fifth
            of all images is held out, five at most.

        Raises
        ------
        FewshotLabError
            There are too few images or groups, too little of the pool would be left to train, the
            column is unknown, or there is no classifier yet.
        """
        if per_group is not None and per_group < 1:
            raise FewshotLabError("Ask for one image of each group at least.")
        project = self._project
        pool = project.splits.pool()
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
        room = HELD * inside.sum() - np.isin(pool.code[inside], pool.code[drawn & inside]).sum()

        def units_of(n: int) -> tuple[list[tuple[int, list[Any]]], int]:
            """Return what n would draw, and how many images would no longer train."""
            most = per_group or images_per_group(pool.code, fresh, n, float(room))
            take = np.where(pool.named, most, 1)
            rng = self._random(int(drawn.sum()))
            units_by_stratum = draw_units(pool.code, fresh, n, rng, take=take, strata=strata)
            after = drawn.copy()
            rows = [row for _, units in units_by_stratum for unit in units for row in unit[0]]
            after[rows] = True
            return units_by_stratum, int((np.isin(pool.code, pool.code[after]) & inside).sum())

        units_by_stratum, held = units_of(n)
        limit = MOST * inside.sum()
        if held > limit:
            fits = bisect(range(1, n), limit, key=lambda fewer: units_of(fewer)[1])
            raise FewshotLabError(
                f"{n:,} more would keep {held:,} of the {int(inside.sum()):,} images from "
                "training, for good, and that is more than three quarters: "
                + (f"ask for {fits:,} at most." if fits else "no more can be drawn.")
            )
        drawn_by_stratum = [(names[k], until, units) for k, units in units_by_stratum]
        rows = self._record(pool, int(fresh.sum()), drawn_by_stratum)
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
        self, pool: PoolView, of: int, drawn: Sequence[tuple[str, int, list[Any]]]
    ) -> NDArray[np.int64]:
        """Put a draw on record before anybody sees it: a drawn image can never train any more."""
        rows = [int(row) for _, _, units in drawn for unit in units for row in unit[0]]
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
            for name, until, units in drawn
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
            columns = classifier.probabilities(pool.ids).argmax(axis=1)
            predicted = classifier.fitted.class_ids[columns]
            class_name = {row.id: row.name for row in project.store.classes()}
            values = [f"predicted {class_name.get(int(c), c)}" for c in predicted]
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
