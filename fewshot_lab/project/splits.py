"""What must not be torn apart: a project's groups, near-duplicates and test set."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    GroupPreview,
    GroupRule,
    LeakCheck,
    TestRule,
    check_sides,
    group_keys,
    noun_of,
    preview_groups,
    test_rows,
)
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.embedded import EmbeddedProject
from fewshot_lab.project.grouping import Grouping, group, ordered
from fewshot_lab.project.held_out import held_out
from fewshot_lab.project.near_duplicates import NearSearch
from fewshot_lab.project.pool_view import PoolView, along
from fewshot_lab.project.remembered import Remembered
from fewshot_lab.project.sites import Sites
from fewshot_lab.project.split_settings import changed, revision, test_rule
from fewshot_lab.store import ImageColumns

LOWEST = 0.8
MANY_LOST = 0.2
"""Share of the labels from which on it is said that other groups would take them from training."""


class Splits:
    """Groups by a rule, joined with near-duplicates by embedding, without released pairs.

    Decisions are stored by image id, so they stay valid with new embeddings. Results are computed
    on request and kept while nothing changes.
    """

    def __init__(self, project: EmbeddedProject) -> None:
        self._project = project
        self._store = project.store
        self._grouping: Remembered[Grouping] = Remembered()
        self._near = NearSearch(project)
        self.sites = Sites(project, self.changed)

    # -- decisions -----------------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """A number that grows with every decision."""
        return revision(self._store)

    def changed(self) -> None:
        """Note that the groups may have changed."""
        changed(self._store)

    def _decide(self, key: str, value: Any) -> None:
        self._store.set(key, value)
        self.changed()

    def imported(self, group: str | None) -> None:
        """Note an import of images, or of groups for known ones, by a column or field if any."""
        if group and self._store.get("groups") is None:
            self._store.set("groups", GroupRule(noun=noun_of(group)).to_dict())
        self.changed()

    @property
    def rule(self) -> GroupRule:
        """Where groups come from."""
        return GroupRule.from_dict(self._store.get("groups"))

    def set_rule(self, rule: GroupRule) -> GroupPreview:
        """Change where groups come from.

        Raises
        ------
        FewshotLabError
            For a rule that finds no group in any image, or that cannot be read.
        """
        preview = self.preview(rule)
        if not preview.groups and rule.kind in ("column", "pattern"):
            raise FewshotLabError(f"{preview.warning} Nothing was changed.")
        self._decide("groups", rule.to_dict())
        return preview

    def preview(self, rule: GroupRule | None = None) -> GroupPreview:
        """Return the groups that a rule (the current one if None) makes of the images."""
        asked = rule or self.rule
        images = self._store.image_columns()
        preview = preview_groups(images, asked)
        if asked == self.rule:
            return preview
        return replace(preview, warning=f"{preview.warning} {self._lost(images, asked)}".strip())

    def _lost(self, images: ImageColumns, rule: GroupRule) -> str:
        """Say if a rule would take many labels from training: those beside an audit image."""
        audit = self._store.audit_ids()
        keys = dict(zip(images.ids, group_keys(images, rule), strict=True))
        beside = {keys[i] for i in audit if i in keys} - {None}
        labels = self._store.labels()
        labelled = [i for i, label in labels.items() if label.teaches and i not in audit]
        lost = sum(keys.get(i) in beside for i in labelled)
        if lost <= MANY_LOST * len(labelled):
            return ""
        return (
            f"{lost:,} of {len(labelled):,} labels would no longer train: they share a "
            f"{rule.noun} with an image of the audit set, which was drawn by other groups."
        )

    @property
    def test_rule(self) -> TestRule:
        """Which images are the reference test set."""
        return test_rule(self._store)

    def set_test_rule(self, rule: TestRule) -> int:
        """Choose the reference test set; returns how many images are in it.

        Raises
        ------
        FewshotLabError
            For a rule that finds no image, or all of them.
        """
        test, _ = test_rows(self._store.image_columns(), rule)
        if rule.kind in ("column", "folder") and not test.any():
            raise FewshotLabError("No image would be in this test set. Nothing was changed.")
        self._decide("test_set", rule.to_dict())
        return int(test.sum())

    @property
    def chosen_threshold(self) -> float | None:
        """The cosine of near-duplicates that a person chose for the backbone in use."""
        by_backbone = self._store.get("near_threshold") or {}
        chosen = by_backbone.get(self._project.backbone.fingerprint)
        return None if chosen is None else float(chosen)

    def set_threshold(self, value: float | None) -> None:
        """Choose the cosine of near-duplicates for the backbone in use; None: set by the pool.

        Raises
        ------
        FewshotLabError
            Outside 0.8 to 1.
        """
        if value is not None and not LOWEST <= value <= 1:
            raise FewshotLabError(f"The threshold is a cosine from {LOWEST} to 1, not {value}.")
        by_backbone = dict(self._store.get("near_threshold") or {})
        fingerprint = self._project.backbone.fingerprint
        by_backbone.pop(fingerprint, None)
        if value is not None:
            by_backbone[fingerprint] = value
        self._decide("near_threshold", by_backbone)

    def release(self, pairs: Iterable[tuple[str, str]]) -> int:
        """Never join these pairs, whatever their cosine; returns the number of released pairs."""
        return self._release(self._released() | {ordered(a, b) for a, b in pairs})

    def take_back(self, pairs: Iterable[tuple[str, str]]) -> int:
        """Join released pairs again; returns the number of pairs still released."""
        return self._release(self._released() - {ordered(a, b) for a, b in pairs})

    def _release(self, pairs: set[tuple[str, str]]) -> int:
        self._decide("released", sorted(pairs))
        return len(pairs)

    def _released(self) -> set[tuple[str, str]]:
        return {(a, b) for a, b in self._store.get("released") or []}

    # -- what follows --------------------------------------------------------------------------

    @property
    def grouping(self) -> Grouping:
        """What stays together now."""
        embeddings = self._project.embeddings
        embedded = (embeddings.fingerprint, len(embeddings.ids)) if embeddings else None
        return self._grouping.get((self.revision, embedded, len(self._store.ids())), self._group)

    def search(self, progress: Progress = silent) -> None:
        """Search for near-duplicates in advance; the result is kept."""
        self._near.by_embedding(self.chosen_threshold, progress)

    def _group(self) -> Grouping:
        from fewshot_lab.images import CLIP_SUFFIX

        images = self._store.image_columns()
        try:
            keys = group_keys(images, self.rule)
        except FewshotLabError:  # a column whose images have gone
            keys = [None] * len(images)
        chosen = self.chosen_threshold
        test = self._project.kept_pool.reference_test(images)
        near = self._near.near(chosen)
        return group(
            images.ids,
            keys,
            near,
            chosen,
            self._released(),
            test,
            self._store.sources_ending(CLIP_SUFFIX),
        )

    def pool(self, ids: Sequence[str] | None = None) -> PoolView:
        """Return embedded images (all by default) with what stays together now."""
        ids = list(self._project.require_embeddings().ids if ids is None else ids)
        grouping = self.grouping
        rows = grouping.rows(ids)
        test = along(grouping.test, rows)
        came = self._store.column("reference") if test.any() else {}
        return PoolView(
            ids,
            grouping.codes(rows),
            grouping.in_named_group(rows),
            rows + 1,
            test,
            along(held_out(grouping, ()), rows),
            {ids[k]: str(came[ids[k]]) for k in np.flatnonzero(test) if ids[k] in came},
            len(grouping.ids),
            grouping.apart_pairs(rows),
            grouping,
        )

    def test_ids(self) -> set[str]:
        """Return the images of the reference test set."""
        grouping = self.grouping
        return {grouping.ids[k] for k in np.flatnonzero(grouping.test)}

    def codes(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return a number for each image, equal for those that stay together (n,)."""
        return self.grouping.codes(self.grouping.rows(ids))

    def in_named_group(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Return which images have a group by the rule, not only near-duplicates (n,)."""
        grouping = self.grouping
        return grouping.in_named_group(grouping.rows(ids))

    def quota_codes(self, ids: Sequence[str]) -> NDArray[np.int64] | None:
        """Return :meth:`codes`, with -1 for an image without a group; None if all have none."""
        codes = self.codes(ids)
        size = np.bincount(codes)
        return None if size.max(initial=0) <= 1 else np.where(size[codes] > 1, codes, -1)

    def groups_of(self, ids: Sequence[str]) -> NDArray[Any] | None:
        """Return the name of what each image must stay together with, in every split.

        Its group by the project's rule, joined with its near-duplicates; None if no image has
        either.
        """
        return self.grouping.groups_of(ids)

    def held_out(self, audit: Iterable[str]) -> set[str]:
        """Return the images that may not train; see :mod:`fewshot_lab.project.held_out`."""
        grouping = self.grouping
        return {grouping.ids[k] for k in np.flatnonzero(held_out(grouping, audit))}

    def check(self, trained: Iterable[str], tested: Iterable[str]) -> tuple[LeakCheck, set[str]]:
        """Check two sides against each other.

        Returns
        -------
        LeakCheck
        set of str
            Tested images that leak and must not be counted.
        """
        one, other = set(trained), set(tested)
        ids = sorted(one | other)
        a = np.array([i in one for i in ids], dtype=bool)
        b = np.array([i in other for i in ids], dtype=bool)
        check, leaking = check_sides(
            self.groups_of(ids), a & ~b, b, ids, noun=self.rule.noun, pairs=self.apart_pairs(ids)
        )
        return check, {ids[k] for k in np.flatnonzero(leaking)}

    def apart_pairs(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the near-duplicates of different groups that are not joined, as positions.

        An image must not be tested by a classifier that learned from its twin.
        """
        grouping = self.grouping
        return grouping.apart_pairs(grouping.rows(ids))

    def to_dict(self) -> dict[str, Any]:
        """Return groups, near-duplicates and test set as JSON can hold it."""
        grouping = self.grouping
        return {
            "groups": self.preview().to_dict(),
            "near_duplicates": grouping.near_duplicates(),
            "site": self.sites.column,
            "test_set": {"rule": self.test_rule.to_dict(), **grouping.test_set()},
        }
