"""The few-shot curve: paired draws, no leak, the paper's pipelines, intervals that cover."""

import json
import warnings

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from sklearn.svm import SVC

from fewshot_lab.classifiers import paper_answers
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.evaluation import Embedded, Protocol, Resamples, nshot, split_by_group
from fewshot_lab.evaluation._metrics import auroc, balanced_accuracy, calibration_error


def blobs(n=400, k=4, d=12, seed=0, apart=1.2):
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(n) % k)
    centres = random.normal(size=(k, d)) * apart
    return (centres[y] + random.normal(size=(n, d))).astype(np.float32), y


def test_the_papers_three_are_scikit_learns_pipelines_as_written():
    X, y = blobs(300)
    train, test = np.arange(60), np.arange(60, 300)
    heads = {
        "paper-svm": SVC(
            C=1,
            gamma="scale",
            kernel="rbf",
            class_weight="balanced",
            break_ties=True,
            probability=True,
            random_state=0,
        ),
        "paper-knn": KNeighborsClassifier(weights="distance", n_neighbors=5 * 4),
        "paper-logreg": LogisticRegression(C=2.5, class_weight="balanced", max_iter=10_000),
    }
    ours = paper_answers(X[train], y[train], X[test])
    for name, head in heads.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pipeline = make_pipeline(PowerTransformer(), PCA(), head).fit(X[train], y[train])
        theirs = pipeline.predict_proba(X[test])
        predicted, probabilities = ours[name]
        assert np.array_equal(predicted, theirs.argmax(axis=1)), name
        assert np.allclose(probabilities, theirs, atol=2e-3), name


def test_results_are_complete_paired_and_kept(tmp_path):
    X, y = blobs()
    noise = np.random.default_rng(1).normal(size=X.shape).astype(np.float32)
    backbones = [Embedded("a", "fa", X), Embedded("b", "fb", X + 2 * noise)]
    protocol = Protocol((2, 5), draws=3, classifiers=("paper-knn", "paper-logreg", "default"))
    curve = nshot(backbones, y, list("wxyz"), protocol=protocol, keep=tmp_path).to_dict()
    json.dumps(curve)
    found = {(r["backbone"], r["classifier"], r["shots"]): r for r in curve["results"]}
    assert len(found) == 2 * 3 * 2
    for result in found.values():
        low, high = result["interval"]
        assert low <= result["balanced_accuracy"] <= high
        assert result["balanced_accuracy"] == pytest.approx(np.mean(result["by_draw"]))
        assert 0.5 < result["auroc"]["value"] <= 1
    pair = next(
        d
        for d in curve["differences"]
        if (d["backbone"], d["than_backbone"], d["classifier"], d["shots"])
        == ("b", "a", "paper-knn", 5)
    )
    gap = np.subtract(
        found["b", "paper-knn", 5]["by_draw"], found["a", "paper-knn", 5]["by_draw"]
    ).mean()
    assert pair["difference"] == pytest.approx(gap)
    assert pair["interval"][1] < 0
    assert {p.name for p in tmp_path.iterdir()} == {
        p.name for p in tmp_path.iterdir() if not p.name.startswith(".")
    }
    # Nothing is computed twice: with other embeddings in hand the kept answers are given.
    again = nshot(
        [Embedded("a", "fa", X * np.nan), Embedded("b", "fb", X * np.nan)],
        y,
        list("wxyz"),
        protocol=protocol,
        keep=tmp_path,
    )
    assert again.to_dict() == curve


def test_it_can_be_stopped_and_goes_on(tmp_path):
    X, y = blobs()

    def stop(stage, done, total):
        if done == 2:
            raise Stopped("enough")

    protocol = Protocol((2,), draws=4, classifiers=("paper-knn",))
    arguments = ([Embedded("a", "fa", X)], y, list("wxyz"))
    with pytest.raises(Stopped):
        nshot(*arguments, protocol=protocol, keep=tmp_path, progress=stop)
    assert len(list(tmp_path.iterdir())) == 2
    whole = nshot(*arguments, protocol=protocol, keep=tmp_path).to_dict()
    assert whole == nshot(*arguments, protocol=protocol).to_dict()


def test_draws_are_nested_and_classes_with_few_images_give_all_they_have():
    X, y = blobs(200)
    few = np.concatenate([np.flatnonzero(y != 3), np.flatnonzero(y == 3)[:12]])
    protocol = Protocol((5, 10), draws=2, classifiers=("paper-knn",))
    curve = nshot([Embedded("a", "f", X[few])], y[few], list("wxyz"), protocol=protocol)
    assert curve.short == [{"shots": 10, "class": "z", "drawn": 8}]
    left_out = nshot(
        [Embedded("a", "f", X[few])],
        y[few],
        list("wxyz"),
        protocol=Protocol((5,), draws=2, classifiers=("paper-knn",), min_class_size=20),
    )
    assert left_out.classes == ["w", "x", "y"]


def test_a_patient_is_on_one_side_alone_and_that_is_said():
    _, y = blobs(300)
    groups = np.random.default_rng(2).integers(0, 40, 300).astype(str).astype(object)
    split = split_by_group(y, groups)
    assert not set(groups[split.rest]) & set(groups[split.test])
    assert split.sentence == "40 groups; none on both sides."
    one_patient_each = np.array([f"p{k}" for k in y], dtype=object)
    with pytest.raises(FewshotLabError, match="too few groups"):
        split_by_group(y, one_patient_each)
    assert "may be on both sides" in split_by_group(y, None).sentence


def test_metrics_are_scikit_learns():
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 200)
    p = random.dirichlet(np.ones(3), 200)
    predicted = p.argmax(axis=1)
    assert balanced_accuracy(y, predicted) == pytest.approx(balanced_accuracy_score(y, predicted))
    assert auroc(y, p) == pytest.approx(roc_auc_score(y, p, multi_class="ovr"))
    sure = np.eye(3)[y]
    assert calibration_error(y, sure) == pytest.approx(0)
    wrong = np.eye(3)[(y + 1) % 3]
    assert calibration_error(y, wrong) == pytest.approx(1)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n", [100, 500])
def test_the_bootstrap_covers_the_truth(n, grouped):
    """By simulation: of 95 % intervals for one classifier about 95 % hold its true accuracy."""
    random = np.random.default_rng(n)
    k, held, trials = 4, 0, 400
    truth = np.array([0.6, 0.7, 0.8, 0.9])
    for trial in range(trials):
        y = np.arange(n) % k
        if grouped:
            groups = np.arange(n) // (2 * k)  # patients, each with two images of every class
            shift = random.normal(0, 0.8, groups.max() + 1)[groups]
        else:
            groups, shift = None, 0.0
        # The same marginal truth, with patients who are easier or harder.
        from scipy.stats import norm

        z = norm.ppf(truth[y]) * np.sqrt(1 + (0.64 if grouped else 0))
        right = random.normal(size=n) < z + shift
        replicates = Resamples(y, groups, 1, replicates=200, seed=trial).balanced_accuracy(
            right[None]
        )
        low, high = np.percentile(replicates, [2.5, 97.5])
        held += low <= truth.mean() <= high
    assert 0.90 <= held / trials <= 0.985
