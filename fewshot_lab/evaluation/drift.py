"""Whether the images that a classifier sees are still like the pool it was made on.

numpy only: predict.py in a bundle carries this text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fewshot_lab.words import percent, plural

CONFIDENCES = 10
ALARM = 0.05
"""Chance of a false alarm, however often one looks."""
MONITORS = {
    "predicted": "the classes predicted come in other shares",
    "confidence": "the classifier is sure of more, or of fewer",
    "unlike": "more images, or fewer, are unlike anything labelled",
}
PRIOR = 0.5


@dataclass(frozen=True)
class StreamCounts:
    """Counts of images: no picture, no name.

    Attributes
    ----------
    predicted : array (K,)
        By predicted class.
    confidence : array (10,)
        By the probability of the predicted class, in bins that hold a tenth of the pool each.
    unlike : array (2,)
        Like something labelled, and not.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    unlike: np.ndarray

    @property
    def n(self) -> int:
        """How many images."""
        return int(self.predicted.sum())

    def __add__(self, other: StreamCounts) -> StreamCounts:
        return StreamCounts(*(getattr(self, m) + getattr(other, m) for m in MONITORS))

    def to_dict(self) -> dict[str, list[int]]:
        """Return what :meth:`of_dict` reads."""
        return {monitor: getattr(self, monitor).tolist() for monitor in MONITORS}

    @classmethod
    def of_dict(cls, record: Mapping[str, Sequence[int]]) -> StreamCounts:
        """Read counts from JSON."""
        return cls(*(np.array(record[monitor], dtype=np.int64) for monitor in MONITORS))

    def fits(self, other: StreamCounts) -> bool:
        """Say whether these are counts of the same bins, and of images."""
        own, others = ([getattr(c, m) for m in MONITORS] for c in (self, other))
        sound = all((bins >= 0).all() and bins.sum() == self.n for bins in own)
        return sound and [b.shape for b in own] == [b.shape for b in others]


@dataclass(frozen=True)
class PoolReference:
    """What the pool looked like to the classifier.

    Attributes
    ----------
    counts : StreamCounts
        Of the images that did not train.
    edges : array (9,)
        Between the bins of confidence.
    design_effects : dict
        By how much patients make the counts of each monitor vary more than single images would.
    """

    counts: StreamCounts
    edges: np.ndarray
    design_effects: Mapping[str, float]

    @classmethod
    def of(
        cls, probabilities: np.ndarray, unlike: np.ndarray, groups: np.ndarray | None
    ) -> PoolReference:
        """Count the images of a pool, with probabilities (n, K), unlike (n,) and groups (n,)."""
        edges = np.quantile(probabilities.max(axis=1), np.arange(1, CONFIDENCES) / CONFIDENCES)
        kinds = _kinds(probabilities, unlike, edges)
        counts = _counted(kinds, probabilities.shape[1])
        effects = {
            monitor: 1.0 if groups is None else design_effect(kinds[monitor], groups)
            for monitor in MONITORS
        }
        return cls(counts, edges, effects)

    def count(self, probabilities: np.ndarray, unlike: np.ndarray) -> StreamCounts:
        """Count further images, by the same bins."""
        return _counted(_kinds(probabilities, unlike, self.edges), probabilities.shape[1])

    def reordered(self, columns: list[int]) -> PoolReference:
        """Return the same for probabilities whose columns come in another order."""
        c = self.counts
        counts = StreamCounts(c.predicted[columns], c.confidence, c.unlike)
        return PoolReference(counts, self.edges, self.design_effects)

    def to_dict(self) -> dict[str, Any]:
        """Return what :meth:`of_dict` reads."""
        return {
            "counts": self.counts.to_dict(),
            "edges": self.edges.tolist(),
            "design_effects": dict(self.design_effects),
        }

    @classmethod
    def of_dict(cls, record: Mapping[str, Any]) -> PoolReference:
        """Read a reference from JSON."""
        counts = StreamCounts.of_dict(record["counts"])
        return cls(counts, np.array(record["edges"]), record["design_effects"])


@dataclass(frozen=True)
class Drift:
    """What a stream of images says after some looks.

    Attributes
    ----------
    n, looks : int
    changed : tuple of str
        Monitors by which it is no longer like the pool.
    sentence : str
    """

    n: int
    looks: int
    changed: tuple[str, ...]
    sentence: str


def judge_stream(
    reference: PoolReference, looks: Sequence[StreamCounts], names: Sequence[str]
) -> Drift:
    """Say whether a stream is still like the pool, however often one looks.

    Each monitor bets against the pool: the ratio of the probability of all counts so far under
    some other shares (Jeffreys' prior) to that under the pool's (what its own counts leave
    believable). Where the stream is like the pool such a ratio exceeds 1/a at any time with a
    chance of at most a (Ville 1939; Grünwald, de Heide and Koolen 2024, JRSS B 86), so it may be
    looked at after every image. The chance is shared out among the monitors. Counts are divided by
    the design effect first: ten images of one patient are not ten witnesses.

    Parameters
    ----------
    reference : PoolReference
    looks : sequence of StreamCounts
        What came from look to look, the first first.
    names : sequence (K,) of str
        The classes.
    """
    limit = math.log(len(MONITORS) / ALARM)
    changed = []
    for monitor in MONITORS:
        effect = reference.design_effects[monitor]
        home = getattr(reference.counts, monitor) / effect
        seen = np.cumsum([getattr(look, monitor) for look in looks], axis=0) / effect
        bets = [_log_evidence(counts, home) for counts in seen]
        if max(bets, default=0.0) >= limit:
            changed.append(monitor)
    n = sum(look.n for look in looks)
    how_many = f"{plural(n, 'image')} in {plural(len(looks), 'look')}"
    if not changed:
        return Drift(n, len(looks), (), f"{how_many}: no sign that they are unlike the pool.")
    total = sum(looks[1:], looks[0])
    reasons = "; ".join(_reason(m, total, reference.counts, names) for m in changed)
    sentence = f"{how_many}: no longer like the pool the classifier was made on: {reasons}."
    return Drift(n, len(looks), tuple(changed), sentence)


def design_effect(kinds: np.ndarray, groups: np.ndarray) -> float:
    """Return by how much groups make counts of kinds (n,) vary more than single images.

    The mean over the kinds of the variance between groups over that of independent images (Rao and
    Scott 1981, JASA 76), at least 1.
    """
    n = len(kinds)
    code = np.unique(groups, return_inverse=True)[1]
    size = np.bincount(code)
    if n < 2 or len(size) in (1, n):
        return 1.0 if len(size) == n else float(max(n, 1))
    effects, weights = [], []
    for kind in np.unique(kinds):
        hit = kinds == kind
        share = hit.mean()
        between = np.bincount(code, hit) - share * size
        variance = float((between**2).sum()) * len(size) / (len(size) - 1)
        effects.append(variance / (n * share * (1 - share)) if share < 1 else 1.0)
        weights.append(1 - share)
    return max(1.0, float(np.average(effects, weights=np.maximum(weights, 1e-9))))


def _kinds(probabilities: np.ndarray, unlike: np.ndarray, edges: np.ndarray) -> dict[str, Any]:
    return {
        "predicted": probabilities.argmax(axis=1),
        "confidence": np.searchsorted(edges, probabilities.max(axis=1)),
        "unlike": np.asarray(unlike).astype(np.int64),
    }


def _counted(kinds: Mapping[str, np.ndarray], classes: int) -> StreamCounts:
    sizes = {"predicted": classes, "confidence": CONFIDENCES, "unlike": 2}
    return StreamCounts(*(np.bincount(kinds[m], minlength=sizes[m]) for m in MONITORS))


def _log_evidence(counts: np.ndarray, home: np.ndarray) -> float:
    """Return the log of how much more probable counts are under other shares than the pool's."""
    prior = np.full(len(counts), PRIOR)
    return _log_chance(counts, prior) - _log_chance(counts, prior + home)


def _log_chance(counts: np.ndarray, prior: np.ndarray) -> float:
    """Return the log probability of a sequence with such counts, by a Dirichlet prior."""
    out = math.lgamma(prior.sum()) - math.lgamma(prior.sum() + counts.sum())
    return out + sum(
        math.lgamma(a + c) - math.lgamma(a)
        for a, c in zip(prior, counts)  # noqa: B905 (predict.py runs on Python 3.9)
    )


def _reason(monitor: str, stream: StreamCounts, home: StreamCounts, names: Sequence[str]) -> str:
    """Say in words by what the stream differs most."""
    here, there = (getattr(counts, monitor) for counts in (stream, home))
    here, there = here / max(here.sum(), 1), there / max(there.sum(), 1)
    if monitor == "unlike":
        return f"{percent(here[1])} are unlike anything labelled, {percent(there[1])} at home"
    if monitor == "confidence":
        surer = slice(CONFIDENCES // 2, None)
        return (
            f"of {percent(here[surer].sum())} the classifier is as sure as of the surer half of "
            f"the pool, {percent(there[surer].sum())} at home"
        )
    most = int((here - there).argmax())
    return f"{percent(here[most])} are most likely {names[most]}, {percent(there[most])} at home"
