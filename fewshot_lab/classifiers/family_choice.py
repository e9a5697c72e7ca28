"""Choosing between families of classifiers, and a setting within each, by cross-validation."""

import numpy as np

from fewshot_lab.classifiers.candidates import (
    Candidate,
    Labels,
    held_out_scores,
    judge,
    noise_of,
    settings_of,
)
from fewshot_lab.classifiers.paper_classifiers import TITLES as PAPER
from fewshot_lab.classifiers.stacking import Stack, stack

TITLES = {"stack": "LDA + LogReg", "logreg": "LogReg", "lda": "LDA", "rbf-svm": "RBF-SVM", **PAPER}
MANY = ("lda", "logreg")
QUICK = (*MANY, "stack")
ALL = (*MANY, "stack", "rbf-svm")
MACHINE_LIMIT = 2000
"""Labelled images above which "auto" leaves out the support vector machine and the average of LDA
and LogReg: too slow, and of little use with so many."""
SURE = 2.0
"""Standard errors by which another classifier must be better than the average to be chosen."""


def families_of(n: int, *, quick: bool, plain: bool) -> tuple[str, ...]:
    """Return the families that "auto" chooses from with so many labels; see :func:`fit`."""
    families = MANY if n > MACHINE_LIMIT else QUICK if quick else ALL
    return tuple(f for f in families if f != "stack") if plain else families


def choose_candidate(families: tuple[str, ...], labels: Labels) -> tuple[Candidate, str]:
    """Return the best setting of the best family, and a sentence that says why."""
    best: list[Candidate] = []
    for family in families:
        if family == "stack":
            lda = next((c for c in best if c.family == "lda"), None)
            best.insert(0, stack(lda or _best_of("lda", labels), labels))
        else:
            best.append(_best_of(family, labels))
    return _choose(best, labels)


def _best_of(family: str, labels: Labels) -> Candidate:
    """Return the setting of a family with the lowest log loss, scored in all repeats."""
    settings = settings_of(family)
    candidates = []
    for setting, scores in zip(settings, held_out_scores(family, settings, labels, 0), strict=True):
        candidate = Candidate(family, setting, [scores])
        judge(candidate, labels)
        candidates.append(candidate)
    labels.check()
    # Among settings of one family the log loss decides: it is steadier than accuracy, of which a
    # few images are a point.
    chosen = min(candidates, key=lambda candidate: candidate.loss)
    if not np.isfinite(chosen.loss):
        chosen = candidates[len(candidates) // 2]
    for repeat in range(1, len(labels.folds)):
        chosen.scores += held_out_scores(family, (chosen.setting,), labels, repeat)
        labels.check()
    judge(chosen, labels)
    return chosen


def _choose(best: list[Candidate], labels: Labels) -> tuple[Candidate, str]:
    """Return the family with the highest balanced accuracy; the log loss decides a near tie.

    A near tie is a difference below its own standard error, over the images. The average of LDA
    and LogReg comes first where it is among them: with few labels cross-validation cannot tell
    which of two is better, and choosing by it costs more than averaging. Another one must be
    better by :data:`SURE` standard errors.
    """
    if len(best) == 1:
        return best[0], f"{TITLES[best[0].family]}, as chosen by hand."
    if not any(np.isfinite(c.loss) for c in best):
        return best[0], (
            f"{TITLES[best[0].family]} for now: every class needs a second label "
            "before classifiers can be compared."
        )
    top = max(best, key=lambda c: c.correct)
    average = isinstance(best[0], Stack)
    margin = SURE if average else 1.0
    close = [c for c in best if top.correct - c.correct <= margin * noise_of(top, c, labels)]
    first = best[0] if average and best[0] in close else min(close, key=lambda c: c.loss)
    second = max((c for c in best if c is not first), key=lambda c: c.correct)
    points = 100 * (first.correct - second.correct)
    a, b = TITLES[first.family], TITLES[second.family]
    if second in close:
        apart = f"within {abs(points):.1f} points" if abs(points) >= 0.05 else "just"
        why = (
            "an average is steadier"
            if first is best[0] and average
            else "its probabilities fit better"
        )
        return first, f"{a} chosen over {b}: {apart} as accurate, {why}."
    unit = "point" if f"{points:.1f}" == "1.0" else "points"
    return first, f"{a} chosen over {b} by {points:.1f} {unit}."
