"""The three published classifiers on the same labels, their common first steps done once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.paper_classifiers import TITLES, fit_paper, fit_quietly, paper_head

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
        For each name of :data:`PAPER`, the predicted classes (m,) and the probabilities (m, K) of
        the sorted classes of `y`. The paper predicts the most probable class; with few labels an
        SVC's probabilities are worth little, and its own ``predict`` would say otherwise.
    """
    first = fit_paper("paper-svm", X, y)
    Z, T = (first[:-1].transform(a.astype(np.float32)) for a in (X, test))
    answers = {"paper-svm": _answer(first[-1], T)}
    for name in PAPER:
        if name not in answers:
            head = fit_quietly(paper_head(name, len(first.classes_), len(y)), Z, y)
            answers[name] = _answer(head, T)
    return answers


def _answer(head: Any, T: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    probabilities = head.predict_proba(T)
    return head.classes_[probabilities.argmax(axis=1)], probabilities
