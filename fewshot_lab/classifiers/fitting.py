"""Fitting a classifier on the labels at hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.calibration import (
    Calibration,
    Fit,
    calibrate,
    fit_temperature,
    no_surer,
)
from fewshot_lab.classifiers.candidates import (
    Candidate,
    Labels,
    coefficients,
    coordinates,
    guess_of,
)
from fewshot_lab.classifiers.family_choice import TITLES, choose_candidate, families_of
from fewshot_lab.classifiers.fitted import Fitted, Float, OutOfFold
from fewshot_lab.classifiers.folds import NEAR_DUPLICATE, leak_groups, stratified_folds
from fewshot_lab.classifiers.models import Linear, Model, Stock, TwoViews
from fewshot_lab.classifiers.paper_classifiers import fit_paper, paper_out_of_fold
from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.pooled_lda import FEW, IMAGES
from fewshot_lab.classifiers.probability_maps import Map, Softmax, Vector
from fewshot_lab.classifiers.soft_labels import SoftLabels
from fewshot_lab.classifiers.stacking import Stack
from fewshot_lab.classifiers.stage_choice import FINAL_ONLY, Reading, choose_reading
from fewshot_lab.classifiers.svm import Machine, Sigmoid
from fewshot_lab.classifiers.threads import one_blas_thread
from fewshot_lab.errors import FewshotLabError

FOLDS = 5


def fit(
    X: NDArray[Any],
    y: NDArray[Any],
    *,
    name: str = "auto",
    groups: NDArray[Any] | None = None,
    near_duplicates: float | None = NEAR_DUPLICATE,
    pool: Pool | None = None,
    rows: NDArray[np.int64] | None = None,
    apart: NDArray[np.bool_] | None = None,
    calibration: str = "auto",
    soft: SoftLabels | None = None,
    sites: NDArray[Any] | None = None,
    seed: int = 0,
    quick: bool = False,
    plain: bool = False,
    check: Callable[[], None] = lambda: None,
) -> Fitted:
    """Fit a classifier; "auto" chooses it by repeated stratified, group-aware cross-validation.

    The same labels give the same classifier, on the same pool and with the same ``quick``.

    Parameters
    ----------
    X : array (n, d)
        Embeddings of the labelled images.
    y : array (n,)
        Their class ids.
    name : str
        "auto", "stack", "lda", "logreg", "rbf-svm", "paper-svm", "paper-knn" or "paper-logreg".
    groups : array (n,), optional
        Patient, slide or video of each image: those of one are never on both sides of a split.
    near_duplicates : float or None
        Cosine of centred embeddings above which two images count as of one group; None where
        ``groups`` says all there is to say, as a project's do.
    pool : Pool, optional
        All embedded images, labelled or not; without it the labelled ones stand for all.
    rows : array (n,) of int, optional
        Where the labelled images are in the pool: saves computing them again.
    apart : array (N,) of bool, optional
        Images that the classifier is not to see, not even unlabelled: a reference test set.
        Audit images stand for the pool, so they are seen as the rest of it is.
    calibration : str
        "auto", "temperature", "sigmoid" or "isotonic"; see :func:`calibrate`. The paper's
        classifiers keep their own probabilities.
    soft : SoftLabels, optional
        Further opinions of the same images, each with its share; see :func:`soft_labels`. The
        paper's classifiers learn what most say.
    sites : array (n,), optional
        Site, scanner or laboratory of each image, where known: the stages of an embedding are read
        only if they are as good on sites left out in turn: see :func:`choose_reading`.
    quick : bool
        Leave out what takes long: the support vector machine of "auto", and the comparison of
        calibrations.
    plain : bool
        Leave the average of LDA and LogReg, and so the levelled view, out of "auto": where X are
        coordinates in a pool's axes already, or thousands of fits follow one another.
    check : callable
        Called between steps; what it raises stops the fit.

    Raises
    ------
    FewshotLabError
        With fewer than two classes, or for an unknown name.
    """
    if name != "auto" and name not in TITLES:
        raise FewshotLabError(
            f"There is no classifier {name!r}; choose one of auto, {', '.join(TITLES)}."
        )
    class_ids, index = np.unique(np.asarray(y, dtype=np.int64), return_inverse=True)
    if len(class_ids) < 2:
        raise FewshotLabError("A classifier needs labelled images of at least two classes.")
    X = np.asarray(X)
    with one_blas_thread():
        if pool is None:
            pool, rows = Pool(X), np.arange(len(X))
        labels = _prepare(
            pool, X, index, len(class_ids), groups, near_duplicates, rows, apart, seed, check
        )
        if name.startswith("paper-"):
            return _fit_paper(name, labels, class_ids)
        if soft is not None:
            labels.soft = replace(soft, y=np.searchsorted(class_ids, soft.y))
        labels, reading = _read(labels, sites)
        families = families_of(len(index), quick=quick, plain=plain) if name == "auto" else (name,)
        chosen, sentence = choose_candidate(families, labels)
        model, parameters, probabilities, measured = _finish(chosen, labels, calibration, quick)
    return Fitted(
        name=chosen.family,
        title=TITLES[chosen.family],
        class_ids=class_ids,
        sentence=" ".join(filter(None, (sentence, reading.sentence))),
        parameters=parameters,
        calibration=measured,
        reading=reading,
        model=model,
        out_of_fold=OutOfFold(probabilities, labels.y, labels.groups, labels.folds),
    )


def _read(labels: Labels, sites: NDArray[Any] | None) -> tuple[Labels, Reading]:
    """Return the labels as the classifier is to see them."""
    if not labels.pool.parts.has_stages:
        return labels, FINAL_ONLY
    reading = choose_reading(labels, labels.finals, None if sites is None else sites.astype(str))
    return labels if reading.stages else labels.finals, reading


def _prepare(
    pool: Pool,
    X: NDArray[Any],
    y: NDArray[np.int64],
    n_classes: int,
    groups: NDArray[Any] | None,
    near_duplicates: float | None,
    rows: NDArray[np.int64] | None,
    apart: NDArray[np.bool_] | None,
    seed: int,
    check: Callable[[], None],
) -> Labels:
    Z = pool.rotate(X) if rows is None else pool.rotated[rows]
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    unit = Z / np.where(length == 0, 1, length)
    together = leak_groups(
        unit,
        None if groups is None else np.asarray(groups, dtype=object),
        threshold=near_duplicates,
    )
    # Few labels: the split decides, so average over more of them.
    repeats = 5 if len(y) <= 200 else 3
    folds = np.stack(
        [stratified_folds(y, together, k=FOLDS, seed=seed + r) for r in range(repeats)]
    )
    return Labels(
        pool,
        X,
        **coordinates(pool, X, rows),
        y=y,
        n_classes=n_classes,
        groups=together,
        folds=folds,
        rows=rows,
        check=check,
        spare=_spare(len(pool), rows, apart, IMAGES if len(y) <= FEW * n_classes else 0),
    )


def _spare(
    n: int, rows: NDArray[np.int64] | None, apart: NDArray[np.bool_] | None, most: int
) -> NDArray[np.int64]:
    """Return which unlabelled images of a pool are looked at: some, spread evenly over it."""
    free = np.ones(n, dtype=bool) if apart is None else ~apart
    if rows is not None:
        free[rows] = False
    spare = np.flatnonzero(free)
    return spare[np.linspace(0, len(spare) - 1, min(len(spare), most)).astype(np.int64)]


def _finish(
    chosen: Candidate, labels: Labels, asked: str, quick: bool
) -> tuple[Model, dict[str, float], Float, Calibration]:
    """Fit the chosen setting on all labels; return it, its settings, its out-of-fold (R, n, K)."""
    machine = chosen.family == "rbf-svm"
    guess = guess_of(chosen.family, alone=not np.isfinite(chosen.loss))

    def softmax_of(scores: Float, y: NDArray[np.int64], weights: Float) -> Map:
        best = fit_temperature(scores, y, weights, guess=guess)
        return Softmax(no_surer(best, scores, y, weights))

    image, y, weights = labels.taught
    first: Fit
    first = Sigmoid.fit if machine else softmax_of
    scale, map, probabilities, calibration = calibrate(
        np.stack(chosen.scores)[:, image],
        y,
        labels.folds[: len(chosen.scores), image],
        labels.groups[image],
        weights,
        ("shared-sigmoid" if machine else "temperature", first),
        asked=asked,
        quick=quick,
    )
    probabilities = probabilities[:, : len(labels.y)]
    parameters = dict(zip(("gamma", "C"), chosen.setting, strict=True)) if machine else {}
    if isinstance(map, Sigmoid):
        parameters |= {"slope": map.slope, "offset": map.offset}
    if machine:
        gamma, C = chosen.setting
        svm = Machine.fit(
            labels.pool, labels.X, labels.y, gamma, C, map, labels.rows, soft=labels.soft
        )
        return svm, parameters, probabilities, calibration
    if isinstance(chosen, Stack):
        parts = chosen.coefficients(labels)
        parameters = {"shrinkage": chosen.setting}
        if len(labels.spare):
            parameters["unlabelled images"] = len(labels.spare)
    else:
        parts = [coefficients(chosen.family, chosen.setting, labels)]
        parameters = {"shrinkage" if chosen.family == "lda" else "C": chosen.setting}
    parameters["temperature"] = scale
    parts = [W / np.float32(scale) for W in parts]
    if isinstance(map, Vector):
        slopes = map.slopes.astype(np.float32)
        parts = [(W - W.mean(axis=1, keepdims=True)) * slopes for W in parts]
        parts[0][-1] += map.offsets.astype(np.float32)
        map = Softmax(1.0)
    plain = Linear.of(labels.pool, parts[0], map)
    if len(parts) == 1:
        return plain, parameters, probabilities, calibration
    levelled = Linear.of(labels.pool.levelled, parts[1], map)
    return TwoViews(plain, levelled, map), parameters, probabilities, calibration


def _fit_paper(name: str, labels: Labels, class_ids: NDArray[np.int64]) -> Fitted:
    # The paper's recipe is one for final embeddings.
    columns = labels.pool.parts.finals.dimensions
    X = labels.X[:, :columns]
    pipeline = fit_paper(name, X, labels.y)
    labels.check()
    probabilities = paper_out_of_fold(name, pipeline, X, labels.y, labels.folds[0])
    return Fitted(
        name=name,
        title=TITLES[name],
        class_ids=class_ids,
        sentence=f"{TITLES[name]}, as chosen by hand.",
        parameters={},
        calibration=Calibration("none", "Probabilities as the paper's recipe gives them.", {}),
        reading=FINAL_ONLY,
        model=Stock(pipeline, columns, labels.X.shape[1]),
        out_of_fold=OutOfFold(probabilities[None], labels.y, labels.groups, labels.folds[:1]),
    )
