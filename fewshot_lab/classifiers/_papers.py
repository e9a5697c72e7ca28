"""The three published classifiers on the same labels, their common first steps done once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers._paper import TITLES, fit_paper, fit_quietly, paper_head

PAPER = tuple(TITLES)


def paper_answers(
    X: NDArray[Any], y: NDArray[np.int64], test: NDArray[Any]
) -> dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Fit the three classifiers of Nielsen et al. and apply them.

    Parameters
    ----------
    X : array (n, d)
    y : array (n,)
        Classes, of which two at least occur.
    test : array (m, d)

    Returns
    -------
    dict
        For each name of :data:`PAPER`, what its pipeline's ``predict`` (m,) and ``predict_proba``
        (m, K), of the sorted classes of `y`, say. They may differ: an SVC predicts by its decision
        function, and with few labels its probabilities are worth little.
    """
    first = fit_paper("paper-svm", X, y)
    Z, T = (first[:-1].transform(a.astype(np.float32)) for a in (X, test))
    found = {"paper-svm": (first[-1].predict(T), first[-1].predict_proba(T))}
    for name in PAPER:
        if name not in found:
            head = fit_quietly(paper_head(name, len(first.classes_), len(y)), Z, y)
            found[name] = (head.predict(T), head.predict_proba(T))
    return found
