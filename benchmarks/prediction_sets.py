"""Are the prediction sets those of MAPIE? On drawn probabilities, image by image.

    pip install mapie
    python benchmarks/prediction_sets.py [--seed 0]

For 3, 8 and 21 classes, 60 to 1,000 calibration images and sets of 80 to 95 %, both calibrate on
the same probabilities by LAC (split conformal) and give sets to 500 further images each. Counted
are the images whose sets differ, by reason: MAPIE leaves a set empty where no class is likely
enough, here the most probable class is always in it; and here the limit lies up to 1e-4 above
the score that sets it, so that rounding to float32 in an exported model cannot take a class away.
"""

import argparse
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from fewshot_lab.evaluation.decisions import Decision
from fewshot_lab.evaluation.prediction_sets import prediction_sets
from fewshot_lab.stats.evidence import Evidence

NEW = 500
MARGIN = 1e-4


class PassThrough(ClassifierMixin, BaseEstimator):
    """A classifier whose input is its answer."""

    def fit(self, X, y):
        """Learn nothing."""
        self.classes_ = np.arange(X.shape[1])
        return self

    def predict_proba(self, X):
        """Return the input."""
        return X

    def predict(self, X):
        """Return the likeliest class."""
        return X.argmax(axis=1)


def drawn(rng: np.random.Generator, n: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities and the true class of n images."""
    logits, y = rng.normal(size=(n, classes)), rng.integers(classes, size=n)
    logits[np.arange(n), y] += 1.5 + classes / 20
    odds = np.exp(logits)
    return odds / odds.sum(axis=1, keepdims=True), y


def of_mapie(p: np.ndarray, y: np.ndarray, coverage: float, new: np.ndarray) -> np.ndarray:
    """Return MAPIE's sets."""
    from mapie.classification import SplitConformalClassifier

    theirs = SplitConformalClassifier(
        PassThrough().fit(p, y), confidence_level=coverage, conformity_score="lac", prefit=True
    )
    return theirs.conformalize(p, y).predict_set(new)[1][:, :, 0]


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    rng = np.random.default_rng(parser.parse_args().seed)
    warnings.filterwarnings("ignore", module="mapie")
    images = empty = margin = other = 0
    for classes in (3, 8, 21):
        for n in (60, 200, 1000):
            for coverage in (0.8, 0.9, 0.95):
                p, y = drawn(rng, n, classes)
                new, _ = drawn(rng, NEW, classes)
                evidence = Evidence(p, y, np.arange(n), "audit", np.zeros(n, bool))
                limits = prediction_sets(evidence, coverage).limits
                ours = Decision(None, "lac", limits, None).prediction_sets(new)
                theirs = of_mapie(p, y, coverage, new)
                differ = ours != theirs
                near = np.abs(1 - new - limits) <= MARGIN
                was_empty = ~theirs.any(axis=1)
                images += NEW
                empty += int((differ.any(axis=1) & was_empty).sum())
                margin += int((differ & near & ~was_empty[:, None]).any(axis=1).sum())
                other += int((differ & ~near & ~was_empty[:, None]).any(axis=1).sum())
    print(f"{images:,} images; empty in MAPIE: {empty}; within the margin: {margin}; else: {other}")


if __name__ == "__main__":
    main()
