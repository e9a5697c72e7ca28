"""What is done with a probability: decide or refer, a set of classes, unlike anything labelled.

numpy only: predict.py in a bundle carries this text.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewshot_lab.evaluation.costs import certainty, check_costs, choose
from fewshot_lab.evaluation.group_answers import GroupAnswers

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
    """

    decided: np.ndarray
    sets: np.ndarray | None
    unlike: np.ndarray
    similarity: np.ndarray | None


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
    costs : array (K, K) or None
        What errors cost, as :func:`choose` takes it; None where all are equal.
    groups : GroupAnswers or None
        How the images of a patient become one answer; None where that was not measured.
    """

    thresholds: np.ndarray | None
    sets: str | None
    limits: np.ndarray | None
    reference: Reference | None
    costs: np.ndarray | None = None
    groups: GroupAnswers | None = None

    def apply(self, probabilities: np.ndarray, embeddings: np.ndarray | None = None) -> Verdicts:
        """Return what follows for pictures with probabilities (n, K) and embeddings (n, d)."""
        n = len(probabilities)
        best = choose(probabilities, self.costs)
        top = certainty(probabilities, best, self.costs)
        similarity, unlike = None, np.zeros(n, dtype=bool)
        if self.reference is not None and embeddings is not None:
            similarity = self.reference.similarity(embeddings)
            unlike = similarity < self.reference.cutoff
        decided = ~unlike
        if self.thresholds is not None:
            decided = decided & (top >= self.thresholds[best])
        return Verdicts(decided, self.prediction_sets(probabilities), unlike, similarity)

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
        return Decision(
            None if self.thresholds is None else self.thresholds[columns],
            self.sets,
            None if self.limits is None else self.limits[columns],
            self.reference,
            None if self.costs is None else self.costs[np.ix_(columns, columns)],
            None if self.groups is None else self.groups.reordered(columns),
        )

    def files(self) -> dict[str, bytes]:
        """Return the files that hold the rule, by name."""
        reference = self.reference
        told = {
            "thresholds": None if self.thresholds is None else self.thresholds.tolist(),
            "sets": self.sets,
            # JSON has no infinity: null for a limit that every class meets.
            "limits": None
            if self.limits is None
            else [x if np.isfinite(x) else None for x in self.limits.tolist()],
            "unlike": None
            if reference is None
            else {"k": reference.k, "cutoff": reference.cutoff, "gain": reference.gain},
            "costs": None if self.costs is None else self.costs.tolist(),
            "groups": None if self.groups is None else self.groups.to_dict(),
        }
        out = {DECISION: (json.dumps(told, indent=1) + "\n").encode()}
        if reference is not None:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in ("vectors", "centre"):
                    part = io.BytesIO()
                    np.save(part, getattr(reference, name), allow_pickle=False)
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
        told = json.loads(path.read_text("utf-8"))
        reference, unlike = None, told["unlike"]
        costs, groups = told.get("costs"), told.get("groups")
        if unlike is not None:
            with np.load(folder / REFERENCE, allow_pickle=False) as file:
                reference = Reference(
                    file["vectors"], unlike["gain"], file["centre"], unlike["k"], unlike["cutoff"]
                )
        return cls(
            None if told["thresholds"] is None else np.array(told["thresholds"]),
            told["sets"],
            None
            if told["limits"] is None
            else np.array([np.inf if x is None else x for x in told["limits"]]),
            reference,
            None if costs is None else check_costs(costs, len(costs)),
            GroupAnswers.of(groups, len(groups["ranking"])) if groups else None,
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
