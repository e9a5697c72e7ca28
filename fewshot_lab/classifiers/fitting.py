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
from fewshot_lab.classifiers.candidates import Candidate, Labels, coordinates, guess_of
from fewshot_lab.classifiers.family_choice import TITLES, choose_candidate, families_of
from fewshot_lab.classifiers.fitted import Fitted, Float, OutOfFold
from fewshot_lab.classifiers.folds import NEAR_DUPLICATE, leak_groups, stratified_folds
from fewshot_lab.classifiers.models import Stock
from fewshot_lab.classifiers.paper_classifiers import fit_paper, paper_out_of_fold
from fewshot_lab.classifiers.pool import Pool
from fewshot_lab.classifiers.pooled_lda import FEW, IMAGES
from fewshot_lab.classifiers.probability_maps import Map, Softmax
from fewshot_lab.classifiers.recipe import Recipe
from fewshot_lab.classifiers.rows import evenly_spread
from fewshot_lab.classifiers.soft_labels import SoftLabels
from fewshot_lab.classifiers.stage_choice import FINAL_ONLY, Reading, choose_reading
from fewshot_lab.classifiers.svm import Sigmoid
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
        few = len(y) <= FEW * len(class_ids)
        spare = _spare(len(pool), rows, apart, IMAGES if few else 0)
        labels = _labels_of(pool, X, index, class_ids, rows, spare, soft, check)
        labels = _split(labels, groups, near_duplicates, seed)
        if name.startswith("paper-"):
            return _fit_paper(name, labels, class_ids)
        labels, reading = _read(labels, sites)
        families = families_of(len(index), quick=quick, plain=plain) if name == "auto" else (name,)
        chosen, sentence = choose_candidate(families, labels)
        recipe, probabilities, measured = _recipe(chosen, labels, calibration, quick)
        model = recipe.fit(labels)
    return Fitted(
        name=chosen.family,
        title=TITLES[chosen.family],
        class_ids=class_ids,
        sentence=" ".join(filter(None, (sentence, reading.sentence))),
        parameters=recipe.parameters(labels),
        calibration=measured,
        reading=reading,
        model=model,
        out_of_fold=OutOfFold(probabilities, labels.y, labels.groups, labels.folds),
        recipe=recipe,
    )


def fit_same(
    fitted: Fitted,
    X: NDArray[Any],
    y: NDArray[Any],
    *,
    pool: Pool,
    rows: NDArray[np.int64],
    apart: NDArray[np.bool_] | None = None,
    soft: SoftLabels | None = None,
) -> Fitted | None:
    """Fit what was chosen before on other labels of the same classes, without choosing anew.

    That takes a tenth of the time of :func:`fit`. Settings, calibration and what was measured by
    cross-validation stay those of the labels before. None where what was chosen looks at
    unlabelled images and there are none any more.

    Parameters
    ----------
    fitted : Fitted
        Of the same pool; none of the paper's classifiers.
    X, y, pool, rows, apart, soft
        As for :func:`fit`.
    """
    assert fitted.recipe is not None
    index = np.searchsorted(fitted.class_ids, y)
    with one_blas_thread():
        spare = _spare(len(pool), rows, apart, IMAGES if fitted.recipe.reads_unlabelled else 0)
        if fitted.recipe.reads_unlabelled and not len(spare):
            return None
        labels = _labels_of(pool, X, index, fitted.class_ids, rows, spare, soft)
        model = fitted.recipe.fit(labels if fitted.reading.stages else labels.finals)
    return replace(fitted, model=model)


def _read(labels: Labels, sites: NDArray[Any] | None) -> tuple[Labels, Reading]:
    """Return the labels as the classifier is to see them."""
    if not labels.pool.parts.has_stages:
        return labels, FINAL_ONLY
    reading = choose_reading(labels, labels.finals, None if sites is None else sites.astype(str))
    return labels if reading.stages else labels.finals, reading


def _labels_of(
    pool: Pool,
    X: NDArray[Any],
    y: NDArray[np.int64],
    class_ids: NDArray[np.int64],
    rows: NDArray[np.int64] | None,
    spare: NDArray[np.int64],
    soft: SoftLabels | None,
    check: Callable[[], None] = lambda: None,
) -> Labels:
    """Return the labels, each image a group of its own and never held out."""
    return Labels(
        pool,
        X,
        **coordinates(pool, X, rows),
        y=y,
        n_classes=len(class_ids),
        groups=np.arange(len(y)),
        folds=np.empty((0, len(y)), dtype=np.int64),
        rows=rows,
        check=check,
        soft=None if soft is None else replace(soft, y=np.searchsorted(class_ids, soft.y)),
        spare=spare,
    )


def _split(
    labels: Labels, groups: NDArray[Any] | None, near_duplicates: float | None, seed: int
) -> Labels:
    """Return the labels with the folds of repeated cross-validation."""
    Z = labels.pool.rotate(labels.X) if labels.rows is None else labels.pool.rotated[labels.rows]
    length = np.linalg.norm(Z, axis=1, keepdims=True)
    together = leak_groups(
        Z / np.where(length == 0, 1, length),
        None if groups is None else np.asarray(groups, dtype=object),
        threshold=near_duplicates,
    )
    # Few labels: the split decides, so average over more of them.
    repeats = 5 if len(labels.y) <= 200 else 3
    folds = [
        stratified_folds(labels.y, together, k=FOLDS, seed=seed + repeat)
        for repeat in range(repeats)
    ]
    return replace(labels, groups=together, folds=np.stack(folds))


def _spare(
    n: int, rows: NDArray[np.int64] | None, apart: NDArray[np.bool_] | None, most: int
) -> NDArray[np.int64]:
    """Return which unlabelled images of a pool are looked at: some, spread evenly over it."""
    free = np.ones(n, dtype=bool) if apart is None else ~apart
    if rows is not None:
        free[rows] = False
    return evenly_spread(np.flatnonzero(free), most)


def _recipe(
    chosen: Candidate, labels: Labels, method: str, quick: bool
) -> tuple[Recipe, Float, Calibration]:
    """Calibrate the chosen setting; return with it the out-of-fold probabilities (R, n, K)."""
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
        method=method,
        quick=quick,
    )
    return Recipe(chosen, scale, map), probabilities[:, : len(labels.y)], calibration


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
