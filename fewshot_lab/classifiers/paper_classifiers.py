"""The three classifiers of Nielsen et al. (2023, Bioengineering 10(8):895), as published."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.yeo_johnson import fit_power

TITLES = {
    "paper-svm": "SVM (Nielsen et al.)",
    "paper-knn": "kNN (Nielsen et al.)",
    "paper-logreg": "LogReg (Nielsen et al.)",
}


def paper_head(name: str, n_classes: int, n: int) -> Any:
    """Return the unfitted classifier that follows PowerTransformer and PCA.

    ``SVC(probability=True)`` is what the paper used: libsvm's own pairwise coupling. scikit-learn
    1.9 deprecates it in favour of CalibratedClassifierCV(SVC(), ensemble=False), which maps each
    class apart and needs several labels per class; while it exists it is used as it was.

    Parameters
    ----------
    name : {"paper-svm", "paper-knn", "paper-logreg"}
    n_classes, n : int
        Classes, and labelled images: kNN cannot ask for more neighbours than there are.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

    if name == "paper-svm":
        return SVC(
            C=1,
            gamma="scale",
            kernel="rbf",
            class_weight="balanced",
            break_ties=True,
            probability=True,
            random_state=0,
        )
    if name == "paper-knn":
        return KNeighborsClassifier(weights="distance", n_neighbors=min(5 * n_classes, n))
    return LogisticRegression(C=2.5, class_weight="balanced", max_iter=10_000)


def fit_quietly(estimator: Any, X: NDArray[Any], y: NDArray[np.int64]) -> Any:
    """Fit without the warnings that a constant feature or the deprecation above raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(X, y)


def published(name: str, n_classes: int, n: int) -> Any:
    """Return the unfitted Pipeline PowerTransformer -> PCA -> classifier."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import PowerTransformer

    head = paper_head(name, n_classes, n)
    return Pipeline([("power", PowerTransformer()), ("pca", PCA()), ("classifier", head)])


def fit_paper(name: str, X: NDArray[Any], y: NDArray[np.int64]) -> Any:
    """Return the fitted :func:`published` pipeline.

    Its PowerTransformer is fitted by :func:`fit_power`, to the same exponents.
    """
    pipeline = published(name, len(np.unique(y)), len(y))
    power = fit_power(X.astype(np.float32))
    Z = power.transform(X.astype(np.float32))
    pca = fit_quietly(pipeline.named_steps["pca"], Z, y)
    head = fit_quietly(pipeline.named_steps["classifier"], pca.transform(Z), y)
    pipeline.steps = [("power", power), ("pca", pca), ("classifier", head)]
    return pipeline


def paper_out_of_fold(
    name: str, pipeline: Any, X: NDArray[Any], y: NDArray[np.int64], fold: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return out-of-fold probabilities (n, K); NaN where never held out.

    PowerTransformer and PCA know no label and cost nearly all the time: they are fitted once, on
    all labelled images, and only the classifier is fitted anew in each fold.
    """
    Z = pipeline[:-1].transform(X.astype(np.float32))
    n_classes = len(np.unique(y))
    out = np.full((len(y), n_classes), np.nan, dtype=np.float32)
    for f in range(int(fold.max(initial=-1)) + 1):
        held, kept = fold == f, fold != f
        if held.any():
            head = fit_quietly(paper_head(name, n_classes, int(kept.sum())), Z[kept], y[kept])
            out[held] = head.predict_proba(Z[held])
    return out
