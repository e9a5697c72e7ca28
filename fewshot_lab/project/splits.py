"""What must not be torn apart: a project's groups, near-duplicates and test set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    GroupPreview,
    GroupRule,
    LeakCheck,
    TestRule,
    Threshold,
    Together,
    check_sides,
    group_keys,
    near_threshold,
    noun_of,
    preview_groups,
    test_rows,
    together,
)
from fewshot_lab.project.embedded import WithEmbeddings
from fewshot_lab.project.near_duplicates import FLOOR, NearSearch
from fewshot_lab.project.sites import Sites

LOWEST = 0.8
MANY_LOST = 0.2
"""Share of the labels from which on it is said that other groups would take them from training."""


@dataclass(frozen=True)
class NearPair:
    """Two images that are nearly the same.

    Attributes
    ----------
    a, b : str
        Image ids.
    cosine : float
    state : {"joined", "released", "apart"}
        "apart": of different groups, and joining all such would put too much in one.
    """

    a: str
    b: str
    cosine: float
    state: str


@dataclass(frozen=True)
class _Known:
    """Everything derived, at one moment."""

    ids: list[str]
    row: dict[str, int]
    keys: list[str | None]
    joined: Together
    pairs: list[NearPair]
    threshold: Threshold
    chosen: bool
    test: NDArray[np.bool_]
    test_by: str
    test_mates: NDArray[np.bool_]


class Splits:
    """Groups by a rule joined with near-duplicates by embedding, less what was released.

    All decisions are stored by image id, so that they outlive new embeddings. What follows from
    them is computed when it is asked for, and kept while nothing changes.
    """

    def __init__(self, project: WithEmbeddings) -> None:
        self._project = project
        self._lock = RLock()
        self._known: tuple[Any, _Known] | None = None
        self._near = NearSearch(project)
        self.sites = Sites(project, self.changed)

    # -- decisions -----------------------------------------------------------------------------

    def stamp(self) -> int:
        """Return a number that grows with every decision."""
        return int(self._project.store.get("splits_rev") or 0)

    def _decide(self, key: str, value: Any) -> None:
        store = self._project.store
        store.set(key, value)
        self.changed()

    def changed(self) -> None:
        """Note that groups may be others now."""
        self._project.store.set("splits_rev", self.stamp() + 1)

    def imported(self, group: str | None) -> None:
        """Note that images have come, or groups of known ones, by a column or field if any."""
        if group and self._project.store.get("groups") is None:
            self._project.store.set("groups", GroupRule(noun=noun_of(group)).to_dict())
        self.changed()

    @property
    def rule(self) -> GroupRule:
        """Where groups come from."""
        return GroupRule.from_dict(self._project.store.get("groups"))

    def set_rule(self, rule: GroupRule) -> GroupPreview:
        """Take groups from elsewhere from now on.

        Raises
        ------
        FewshotLabError
            For a rule that finds no group in any image, or that cannot be read.
        """
        found = self.preview(rule)
        if not found.groups and rule.kind in ("column", "pattern"):
            raise FewshotLabError(f"{found.warning} Nothing was changed.")
        self._decide("groups", rule.to_dict())
        return found

    def preview(self, rule: GroupRule | None = None) -> GroupPreview:
        """Return what a rule (the one in use, if None) makes of the images."""
        asked = rule or self.rule
        rows = self._project.store.images()
        found = preview_groups(rows, asked)
        if asked == self.rule:
            return found
        return replace(found, warning=f"{found.warning} {self._lost(rows, asked)}".strip())

    def _lost(self, rows: Sequence[Any], rule: GroupRule) -> str:
        """Say if a rule would take many labels from training: those beside an audit image."""
        store = self._project.store
        audit = store.audit_ids()
        keys = {row.id: key for row, key in zip(rows, group_keys(rows, rule), strict=True)}
        beside = {keys[i] for i in audit if i in keys} - {None}
        labelled = [i for i, label in store.labels().items() if label.teaches and i not in audit]
        lost = sum(keys.get(i) in beside for i in labelled)
        if lost <= MANY_LOST * len(labelled):
            return ""
        return (
            f"{lost:,} of {len(labelled):,} labels would train no longer: they share a {rule.noun} "
            "with an image of the audit set, which was drawn by other groups."
        )

    @property
    def test_rule(self) -> TestRule:
        """Which images are the reference test set."""
        return TestRule.from_dict(self._project.store.get("test_set"))

    def set_test_rule(self, rule: TestRule) -> int:
        """Choose the reference test set; returns how many images are in it.

        Raises
        ------
        FewshotLabError
            For a rule that finds no image, or all of them.
        """
        found, _ = test_rows(self._project.store.images(), rule)
        if rule.kind in ("column", "folder") and not found.any():
            raise FewshotLabError("No image would be in this test set. Nothing was changed.")
        self._decide("test_set", rule.to_dict())
        return int(found.sum())

    def set_threshold(self, value: float | None) -> None:
        """Choose the cosine of near-duplicates for the backbone in use; None: as the pool says.

        Raises
        ------
        FewshotLabError
            Outside 0.8 to 1.
        """
        if value is not None and not LOWEST <= value <= 1:
            raise FewshotLabError(f"The threshold is a cosine from {LOWEST} to 1, not {value}.")
        kept = dict(self._project.store.get("near_threshold") or {})
        fingerprint = self._project.backbone.fingerprint
        kept.pop(fingerprint, None)
        if value is not None:
            kept[fingerprint] = value
        self._decide("near_threshold", kept)

    def release(self, pairs: Iterable[tuple[str, str]]) -> int:
        """Keep pairs from being joined, whatever their cosine; returns how many are released."""
        kept = self._released() | {_pair(a, b) for a, b in pairs}
        self._decide("released", sorted(kept))
        return len(kept)

    def take_back(self, pairs: Iterable[tuple[str, str]]) -> int:
        """Join released pairs again; returns how many are still released."""
        kept = self._released() - {_pair(a, b) for a, b in pairs}
        self._decide("released", sorted(kept))
        return len(kept)

    def _released(self) -> set[tuple[str, str]]:
        return {(a, b) for a, b in self._project.store.get("released") or []}

    # -- what follows --------------------------------------------------------------------------

    def _look(self) -> _Known:
        project = self._project
        with self._lock:
            embeddings = project.embeddings
            embedded = (embeddings.fingerprint, len(embeddings.ids)) if embeddings else None
            key = (self.stamp(), embedded, len(project.store.ids()))
            if self._known is None or self._known[0] != key:
                self._known = (key, self._derive())
            return self._known[1]

    def _derive(self) -> _Known:
        project = self._project
        rows = project.store.images()
        ids = [row.id for row in rows]
        place = {image_id: k for k, image_id in enumerate(ids)}
        try:
            keys = group_keys(rows, self.rule)
        except FewshotLabError:  # a column whose images have gone
            keys = [None] * len(rows)
        chosen = (project.store.get("near_threshold") or {}).get(project.backbone.fingerprint)
        near = self._near.found(FLOOR if chosen is None else min(FLOOR, float(chosen)))
        threshold = (
            Threshold(float(chosen), f"{float(chosen):.3f}: chosen by hand.")
            if chosen is not None
            else near_threshold(near.nearest)
        )
        close = near.cosines >= threshold.value
        if chosen is None:
            close |= near.stands_out
        found = [
            (near.ids[a], near.ids[b], float(c))
            for (a, b), c in zip(near.pairs[close], near.cosines[close], strict=True)
            if near.ids[a] in place and near.ids[b] in place
        ]
        released = self._released()
        joined_pairs = [(a, b) for a, b, _ in found if _pair(a, b) not in released]
        links = np.array([(place[a], place[b]) for a, b in joined_pairs], np.int64).reshape(-1, 2)
        joined = together(ids, keys, links)
        apart = {_pair(*joined_pairs[k]) for k in joined.apart}
        pairs = [
            NearPair(
                a,
                b,
                cosine,
                "released"
                if _pair(a, b) in released
                else "apart"
                if _pair(a, b) in apart
                else "joined",
            )
            for a, b, cosine in sorted(found, key=lambda pair: -pair[2])
        ]
        try:
            test, by = test_rows(rows, self.test_rule)
        except FewshotLabError:
            test, by = np.zeros(len(rows), dtype=bool), ""
        mates = np.isin(joined.code, joined.code[test]) & ~test
        return _Known(
            ids, place, keys, joined, pairs, threshold, chosen is not None, test, by, mates
        )

    @property
    def threshold(self) -> Threshold:
        """The cosine from which on two images are near-duplicates, and why."""
        return self._look().threshold

    @property
    def threshold_chosen(self) -> bool:
        """Whether a person has chosen it."""
        return self._look().chosen

    @property
    def pairs(self) -> list[NearPair]:
        """The near-duplicate pairs, the closest first."""
        return self._look().pairs

    @property
    def test_by(self) -> str:
        """What makes the test set; "" where there is none."""
        return self._look().test_by

    def test_ids(self) -> set[str]:
        """Return the images of the reference test set."""
        known = self._look()
        return {known.ids[k] for k in np.flatnonzero(known.test)}

    def codes(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return a number for each image, equal for those that stay together (n,)."""
        known = self._look()
        rows = np.array([known.row.get(i, -1) for i in ids], dtype=np.int64)
        own = len(known.ids) + np.arange(len(ids))
        return np.where(rows < 0, own, known.joined.code[rows] if len(known.ids) else own)

    def places(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return each image's place in the order of import, from 1 (n,)."""
        known = self._look()
        return np.array([known.row.get(i, -1) + 1 for i in ids], dtype=np.int64)

    def in_named_group(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Return which images have a group by the rule, not only near-duplicates (n,)."""
        known = self._look()
        rows = np.array([known.row.get(i, -1) for i in ids], dtype=np.int64)
        if not len(known.ids):
            return np.zeros(len(ids), dtype=bool)
        return np.where(rows < 0, False, known.joined.named[known.joined.code[rows]])

    def quota_codes(self, ids: Sequence[str]) -> NDArray[np.int64] | None:
        """Return the same, -1 where an image stands alone; None where all do."""
        codes = self.codes(ids)
        _, back, size = np.unique(codes, return_inverse=True, return_counts=True)
        if (size <= 1).all():
            return None
        return np.where(size[back] > 1, codes, -1)

    def groups_of(self, ids: Sequence[str]) -> NDArray[Any] | None:
        """Return the name of what each image stays together with; None where all stand alone."""
        known = self._look()
        rows = [known.row[i] for i in ids]
        code = known.joined.code[rows]
        size = np.bincount(known.joined.code, minlength=len(known.joined.names))
        if not (known.joined.named[code] | (size[code] > 1)).any():
            return None
        return np.array([known.joined.names[c] for c in code], dtype=object)

    def mates(self, ids: Iterable[str]) -> set[str]:
        """Return the images that stay together with any of some, and these."""
        known = self._look()
        rows = [known.row[i] for i in ids if i in known.row]
        held = np.isin(known.joined.code, known.joined.code[rows])
        return {known.ids[k] for k in np.flatnonzero(held)}

    def held_out(self, audit: Iterable[str]) -> set[str]:
        """Return the images that may not train: test and audit images and what goes with them."""
        known = self._look()
        audit = set(audit)
        held = self.mates(audit)
        away = known.test | known.test_mates
        tested = audit | {known.ids[k] for k in np.flatnonzero(known.test)}
        twins = {
            image
            for pair in known.pairs
            if pair.state == "apart" and (pair.a in tested or pair.b in tested)
            for image in (pair.a, pair.b)
        }
        return held | twins | {known.ids[k] for k in np.flatnonzero(away)}

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
        groups = self.groups_of(ids)
        check, leaking = check_sides(
            groups, a & ~b, b, ids, noun=self.rule.noun, pairs=self.apart_pairs(ids)
        )
        return check, {ids[k] for k in np.flatnonzero(leaking)}

    def apart_pairs(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Return the near-duplicates of different groups that are not joined, as positions.

        An image must not be tested by a classifier that learned from its twin.
        """
        pairs = [pair for pair in self._look().pairs if pair.state == "apart"]
        if not pairs:
            return np.empty((0, 2), np.int64)
        place = {image_id: k for k, image_id in enumerate(ids)}
        found = [(place[p.a], place[p.b]) for p in pairs if p.a in place and p.b in place]
        return np.array(found, np.int64).reshape(-1, 2)

    def to_dict(self) -> dict[str, Any]:
        """Return groups, near-duplicates and test set as JSON can hold it."""
        known = self._look()
        states = [pair.state for pair in known.pairs]
        return {
            "groups": self.preview().to_dict(),
            "near_duplicates": {
                "threshold": known.threshold.value,
                "why": known.threshold.sentence,
                "joined": states.count("joined"),
                "released": states.count("released"),
                "not_joined": states.count("apart"),
                "sets": int((np.bincount(known.joined.code)[~known.joined.named] > 1).sum())
                if len(known.ids)
                else 0,
            },
            "site": self.sites.column,
            "test_set": {
                "rule": self.test_rule.to_dict(),
                "by": known.test_by,
                "images": int(known.test.sum()),
                "kept_out_with_it": int(known.test_mates.sum()),
            },
        }


def _pair(a: str, b: str) -> tuple[str, str]:
    return (a, b) if a < b else (b, a)
