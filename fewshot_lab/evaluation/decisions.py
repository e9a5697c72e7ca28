"""What is done with a probability: decide or refer, a set of classes, unlike anything labelled.

numpy only: predict.py in a bundle carries this text.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fewshot_lab.evaluation.costs import certainty, check_costs, choose
from fewshot_lab.evaluation.drift import PoolReference
from fewshot_lab.evaluation.group_answers import GroupAnswers
from fewshot_lab.evaluation.kind_distance import KindDistance
from fewshot_lab.evaluation.referral import (
    ANOTHER_KIND,
    CLOSE,
    NOT_ASSURED,
    UNLIKE,
    referral_sentence,
)

DECISION, REFERENCE = "decision.json", "reference.npz"


@dataclass(frozen=True)
class Verdicts:
    """What follows from the probabilities of some pictures.

    Attributes
    ----------
    decided : array (n,) of bool
        Sure enough, and like something labelled; the others are for a person.
    sets : array (n, K) of bool or None
        The classes in each prediction set.
    unlike : array (n,) of bool
        Unlike anything labelled.
    similarity : array (n,) or None
        To the labelled images, -1 to 1.
    reasons : list (n,) of str
        Why each is left to a person, as in :mod:`fewshot_lab.evaluation.referral`; empty where it
        is decided.
    """

    decided: np.ndarray
    sets: np.ndarray | None
    unlike: np.ndarray
    similarity: np.ndarray | None
    reasons: list[str]


@dataclass(frozen=True)
class Reference:
    """The labelled images, to tell what is unlike all of them.

    Attributes
    ----------
    vectors : array (m, d), float16
        Their prepared embeddings: unit vectors.
    gain : float
    centre : array (d,), float32
        The preparation: ``sqrt(1 + gain * x)`` where gain is not 0, less the centre, length 1.
    k : int
        The similarity is the cosine to the k-th nearest.
    cutoff : float
        Below it a picture is unlike the labelled ones.
    """

    vectors: np.ndarray
    gain: float
    centre: np.ndarray
    k: int
    cutoff: float

    def prepare(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the unit vectors (n, d) of embeddings (n, D), whose first d numbers count."""
        first = embeddings[:, : len(self.centre)].astype(np.float32)
        Z = np.nan_to_num(first, nan=0.0, posinf=0.0, neginf=0.0)
        if self.gain:
            Z = np.sqrt(np.maximum(Z * np.float32(self.gain), 0) + 1)
        Z = Z - self.centre
        length = np.linalg.norm(Z, axis=1, keepdims=True)
        return np.asarray(Z / np.where(length == 0, 1, length))

    def similarity(self, embeddings: np.ndarray) -> np.ndarray:
        """Return the cosine of each embedding (n, d) to its k-th nearest labelled image (n,)."""
        vectors = self.vectors.astype(np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        cosines = self.prepare(embeddings) @ vectors.T
        k = min(self.k, cosines.shape[1])
        return np.partition(cosines, cosines.shape[1] - k, axis=1)[:, -k]


@dataclass(frozen=True)
class Decision:
    """The rule that a classifier's probabilities are used by.

    Attributes
    ----------
    thresholds : array (K,)
        From which probability on a picture is decided, by its most probable class; above 1 where
        none is. None where no error was asked for.
    sets : {"lac", "aps"} or None
        How prediction sets are made.
    limits : array (K,) or None
        For "lac": a class is in the set if 1 - its probability is at most its limit. For "aps": if
        the classes up to it, by falling probability, add up to its limit at most. The most
        probable class is always in it.
    reference : Reference or None
    kind : KindDistance or None
        Tells another kind of picture.
    target_error : float or None
        The error wanted among decided pictures.
    more_audit : int or None
        Audit images missing at the least before the error can be assured.
    costs : array (K, K) or None
        What errors cost, as :func:`choose` takes it; None where all are equal.
    groups : GroupAnswers or None
        How the images of a patient become one answer; None where that was not measured.
    pool : PoolReference or None
        What the pool looked like, to tell when other images come.
    """

    thresholds: np.ndarray | None
    sets: str | None
    limits: np.ndarray | None
    reference: Reference | None
    kind: KindDistance | None = None
    target_error: float | None = None
    more_audit: int | None = None
    costs: np.ndarray | None = None
    groups: GroupAnswers | None = None
    pool: PoolReference | None = None

    def apply(
        self,
        probabilities: np.ndarray,
        embeddings: np.ndarray | None = None,
        statistics: np.ndarray | None = None,
    ) -> Verdicts:
        """Return what follows for pictures.

        Parameters
        ----------
        probabilities : array (n, K)
        embeddings : array (n, d), optional
        statistics : array (n, s), optional
            Of the pictures, where :attr:`kind` asks for them.
        """
        n = len(probabilities)
        best = choose(probabilities, self.costs)
        top = certainty(probabilities, best, self.costs)
        similarity, unlike, another = None, np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        if self.reference is not None and embeddings is not None:
            similarity = self.reference.similarity(embeddings)
            unlike = similarity < self.reference.cutoff
        if self.kind is not None and embeddings is not None:
            another = self.kind.score(embeddings, statistics) > self.kind.cutoff
        threshold = np.zeros(n) if self.thresholds is None else self.thresholds[best]
        reasons = np.select(
            [another, unlike, threshold > 1, top < threshold],
            [ANOTHER_KIND, UNLIKE, NOT_ASSURED, CLOSE],
            "",
        ).tolist()
        decided = np.array([not reason for reason in reasons], dtype=bool)
        sets = self.prediction_sets(probabilities)
        return Verdicts(decided, sets, unlike | another, similarity, reasons)

    @property
    def tells_unlike(self) -> bool:
        """Whether pictures unlike anything labelled are looked for."""
        return self.reference is not None or self.kind is not None

    def sentence(self, reason: str, probabilities: np.ndarray, names: list[str]) -> str:
        """Say why a picture with probabilities (K,) is referred; empty where it is not."""
        best = int(choose(probabilities[None], self.costs)[0])
        if reason == CLOSE and self.costs is not None:
            return f"Calling it {names[best]} might be an error that costs too much."
        threshold = None if self.thresholds is None else self.thresholds[best]
        return referral_sentence(
            reason,
            dict(zip(names, probabilities.tolist())),  # noqa: B905 (predict.py runs on Python 3.9)
            threshold=threshold,
            error=self.target_error,
            more_audit=self.more_audit,
        )

    def prediction_sets(self, probabilities: np.ndarray) -> np.ndarray | None:
        """Return the classes in the prediction set of each picture (n, K) of bool."""
        if self.sets is None or self.limits is None:
            return None
        inside = set_scores(probabilities, self.sets) <= self.limits
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        if self.costs is not None:  # what is decided is in the set, too
            inside[np.arange(len(inside)), choose(probabilities, self.costs)] = True
        return inside

    def reordered(self, columns: list[int]) -> Decision:
        """Return the rule for probabilities whose columns come in another order."""
        return replace(
            self,
            thresholds=None if self.thresholds is None else self.thresholds[columns],
            limits=None if self.limits is None else self.limits[columns],
            costs=None if self.costs is None else self.costs[np.ix_(columns, columns)],
            groups=None if self.groups is None else self.groups.reordered(columns),
            pool=None if self.pool is None else self.pool.reordered(columns),
        )

    def files(self) -> dict[str, bytes]:
        """Return the files that hold the rule, by name."""
        reference = self.reference
        values = {
            "thresholds": None if self.thresholds is None else self.thresholds.tolist(),
            "sets": self.sets,
            # JSON has no infinity: null for a limit that every class meets.
            "limits": None
            if self.limits is None
            else [x if np.isfinite(x) else None for x in self.limits.tolist()],
            "unlike": None
            if reference is None
            else {"k": reference.k, "cutoff": reference.cutoff, "gain": reference.gain},
            "kind": None if self.kind is None else self.kind.to_dict(),
            "target_error": self.target_error,
            "more_audit": self.more_audit,
            "costs": None if self.costs is None else self.costs.tolist(),
            "groups": None if self.groups is None else self.groups.to_dict(),
            "pool": None if self.pool is None else self.pool.to_dict(),
        }
        arrays = {} if self.kind is None else self.kind.arrays()
        if reference is not None:
            arrays |= {"vectors": reference.vectors, "centre": reference.centre}
        out = {DECISION: (json.dumps(values, indent=1) + "\n").encode()}
        if arrays:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, array in arrays.items():
                    part = io.BytesIO()
                    np.save(part, array, allow_pickle=False)
                    # A fixed time: the same rule gives the same bytes.
                    entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
                    archive.writestr(entry, part.getvalue())
            out[REFERENCE] = buffer.getvalue()
        return out

    @classmethod
    def load(cls, folder: Path) -> Decision | None:
        """Read the rule from a folder; None where there is none, as in old bundles."""
        path = folder / DECISION
        if not path.is_file():
            return None
        record = json.loads(path.read_text("utf-8"))
        # Bundles of earlier versions have no kind, and no error to name.
        reference, unlike = None, record["unlike"]
        kind, values = None, record.get("kind")
        costs, groups = record.get("costs"), record.get("groups")
        if unlike is not None or values is not None:
            with np.load(folder / REFERENCE, allow_pickle=False) as file:
                arrays = dict(file)
            if unlike is not None:
                vectors, centre = arrays["vectors"], arrays["centre"]
                reference = Reference(
                    vectors, unlike["gain"], centre, unlike["k"], unlike["cutoff"]
                )
            if values is not None:
                kind = KindDistance.of(values, arrays)
        return cls(
            None if record["thresholds"] is None else np.array(record["thresholds"]),
            record["sets"],
            None
            if record["limits"] is None
            else np.array([np.inf if x is None else x for x in record["limits"]]),
            reference,
            kind,
            record.get("target_error"),
            record.get("more_audit"),
            None if costs is None else check_costs(costs, len(costs)),
            GroupAnswers.of(groups, len(groups["ranking"])) if groups else None,
            PoolReference.of_dict(record["pool"]) if record.get("pool") else None,
        )


def set_scores(probabilities: np.ndarray, method: str) -> np.ndarray:
    """Return how badly each class would fit each picture (n, K): the score of conformal sets.

    "lac": 1 - its probability (Sadinle, Lei and Wasserman 2019, JASA 114). "aps": the sum of the
    probabilities down to its own (Romano, Sesia and Candes 2020, NeurIPS), not randomised.
    """
    if method == "lac":
        return 1 - probabilities
    order = np.argsort(-probabilities, axis=1, kind="stable")
    total = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    out = np.empty_like(total)
    np.put_along_axis(out, order, total, axis=1)
    return out
