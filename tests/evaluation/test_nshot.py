"""The few-shot curve: paired draws, no leak, the paper's pipelines, intervals that cover."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from sklearn.svm import SVC

from fewshot_lab.classifiers import paper_answers
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.evaluation import Embedded, Protocol, few_shot, nshot, split_by_group
from fewshot_lab.evaluation.few_shot_protocol import Split
from fewshot_lab.evaluation.paper_results import recognise
from fewshot_lab.evaluation.split_list import read_split
from fewshot_lab.stats import Resamples
from fewshot_lab.stats.metrics import auroc, balanced_accuracy, calibration_error

ROOT = Path(__file__).resolve().parents[2]


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


@pytest.mark.slow
def test_results_are_complete_paired_and_kept(tmp_path):
    X, y = blobs(240)
    noise = np.random.default_rng(1).normal(size=X.shape).astype(np.float32)
    backbones = [Embedded("a", "fa", X), Embedded("b", "fb", X + 2 * noise)]
    protocol = Protocol((2, 5), draws=3, classifiers=("paper-knn", "default"))
    curve = nshot(backbones, y, list("wxyz"), protocol=protocol, keep=tmp_path).to_dict()
    json.dumps(curve)
    found = {(r["backbone"], r["classifier"], r["shots"]): r for r in curve["results"]}
    assert len(found) == 2 * 2 * 2
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
    # Nothing is computed twice: no draw reaches a classifier.
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(few_shot, "fit")
        patch.delattr(few_shot, "paper_answers")
        again = nshot(backbones, y, list("wxyz"), protocol=protocol, keep=tmp_path)
    assert again.to_dict() == curve
    # But the same embeddings in another order are other images.
    order = np.lexsort((np.random.default_rng(2).random(len(y)), y))
    by_class, shuffled = np.argsort(y, kind="stable"), X.copy()
    shuffled[by_class] = X[order]
    other = [Embedded("a", "fa", shuffled), Embedded("b", "fb", shuffled + 2 * noise)]
    fresh = nshot(other, y, list("wxyz"), protocol=protocol)
    assert (
        nshot(other, y, list("wxyz"), protocol=protocol, keep=tmp_path).to_dict() == fresh.to_dict()
    )


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


@pytest.mark.exhaustive
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_the_bootstrap_covers_the_truth(n, grouped):
    """By simulation: of 95 % intervals for one classifier about 95 % hold its true accuracy."""
    random = np.random.default_rng(n)
    k, held, trials = 4, 0, 2000
    truth, y = np.array([0.6, 0.7, 0.8, 0.9]), np.arange(n) % k
    # The same marginal truth, with patients who are easier or harder.
    z = norm.ppf(truth[y]) * np.sqrt(1 + (0.64 if grouped else 0))
    for trial in range(trials):
        if grouped:
            # Patients, each with one or two images of every class.
            groups = np.arange(n) // (k if n == 20 else 2 * k)
            shift = random.normal(0, 0.8, groups.max() + 1)[groups]
        else:
            groups, shift = None, 0.0
        right = random.normal(size=n) < z + shift
        replicates = Resamples(y, groups, 1, replicates=200, seed=trial).balanced_accuracy(
            right[None]
        )
        low, high = np.percentile(replicates, [2.5, 97.5])
        held += low <= truth.mean() <= high
    assert 0.92 <= held / trials <= 0.98, held / trials


@pytest.mark.slow
def test_every_figure_has_the_hierarchical_interval():
    """F1, AUROC and ECE against a bootstrap that computes each anew in every replicate."""
    from sklearn.metrics import f1_score

    from fewshot_lab.stats.metrics import BINS

    random = np.random.default_rng(3)
    y = random.integers(0, 3, 150)
    p = random.dirichlet(np.ones(3), (2, 150)) + 0.8 * np.eye(3)[y]
    p /= p.sum(axis=2, keepdims=True)
    resamples = Resamples(y, None, 2, replicates=120)
    linear = resamples.auroc(p)
    f1 = resamples.macro_f1(p.argmax(axis=2))
    value = np.mean([calibration_error(y, q) for q in p])
    ece = resamples.calibration_error(p, BINS, value)
    weights, draws = resamples._weights.astype(int), resamples._draws
    exact = {"auroc": [], "f1": []}
    for w, d in zip(weights, draws, strict=True):
        rows = np.repeat(np.arange(150), w)
        exact["auroc"].append(
            sum(share * auroc(y[rows], q[rows]) for share, q in zip(d, p, strict=True))
        )
        exact["f1"].append(
            sum(
                share * f1_score(y[rows], q[rows].argmax(axis=1), average="macro")
                for share, q in zip(d, p, strict=True)
            )
        )
    # Widened by Student's factor, as the balanced accuracy is.
    for found, name in ((linear, "auroc"), (f1, "f1")):
        assert found.mean() == pytest.approx(np.mean(exact[name]), abs=0.003)
        assert found.std() / resamples._widen == pytest.approx(np.std(exact[name]), rel=0.1), name
    assert ece.mean() == pytest.approx(value, abs=0.002)
    assert 0.005 < ece.std() < 0.06


def test_a_given_split_is_kept(tmp_path):
    X, y = blobs(240)
    rest, test = np.arange(0, 120), np.arange(120, 200)
    split = Split(rest, test, "as given")
    protocol = Protocol((5,), draws=2, classifiers=("paper-knn",))
    curve = nshot([Embedded("a", "f", X)], y, list("wxyz"), protocol=protocol, split=split)
    assert curve.to_dict()["test_images"] == 80
    assert curve.split.sentence == "as given"
    y[:120] %= 3
    with pytest.raises(FewshotLabError, match="no image of z to draw from"):
        nshot([Embedded("a", "f", X)], y, list("wxyz"), protocol=protocol, split=split)


def test_split_lists_are_read_and_what_is_wrong_is_said(tmp_path):
    file = tmp_path / "split.csv"
    file.write_text("path;split\na.png;train\nb.png;TEST\nc.png;val\n\n", encoding="utf-8")
    assert read_split(file) == {"a.png": "train", "b.png": "test"}
    for text, said in (
        ("path,set\na.png,train\n", "no column split"),
        ("path,split\na.png,trian\n", "line 2: split is 'trian'"),
        ("path,split\na.png,train\na.png,test\n", "both as train and as test"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(FewshotLabError, match=said):
            read_split(file)
    with pytest.raises(FewshotLabError, match="cannot be read"):
        read_split(tmp_path / "none.csv")


def test_published_figures_are_drawn_where_the_classes_are_the_papers():
    lesions = ["actinic_keratosis", "basal_cell_carcinoma", "benign_keratosis", "dermatofibroma"]
    lesions += ["melanoma", "nevus", "squamous_cell_carcinoma", "vascular_lesion"]
    found = recognise(lesions)
    assert found["name"] == "dermoscopy" and found["shots"] == 100
    assert {row["name"]: row["value"] for row in found["rows"]}["SVM"] == 0.617
    assert recognise(["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"])["name"] == "dermoscopy"
    assert recognise([*"abcdefgh"]) is None
    assert recognise(lesions[:7]) is None
    assert recognise(lesions, "none") is None
    assert recognise([*"abc"], "bone-marrow")["chosen"] == "by hand"
    with pytest.raises(FewshotLabError, match="none of the paper's"):
        recognise(lesions, "blood")


@pytest.mark.slow
def test_killed_with_kill_9_it_goes_on_to_the_same_figures(tmp_path):
    script = tmp_path / "work.py"
    script.write_text(
        "import sys, time, json, numpy as np\n"
        "from fewshot_lab.evaluation import Embedded, Protocol, nshot\n"
        "from pathlib import Path\n"
        "r = np.random.default_rng(0)\n"
        "y = r.permutation(np.arange(400) % 4)\n"
        "X = (r.normal(size=(4, 12))[y] + r.normal(size=(400, 12))).astype(np.float32)\n"
        "slow = float(sys.argv[3])\n"
        "found = nshot([Embedded('a', 'fa', X)], y, list('wxyz'),\n"
        "    protocol=Protocol((2, 5), draws=4, classifiers=('paper-knn', 'lda')),\n"
        "    keep=Path(sys.argv[1]), progress=lambda *a: time.sleep(slow))\n"
        "Path(sys.argv[2]).write_text(json.dumps(found.to_dict()))\n"
    )

    def start(kept, slow):
        command = [sys.executable, script, tmp_path / kept, tmp_path / f"{kept}.json", str(slow)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(list(map(str, command)), env=environment)

    whole = start("whole", 0)
    first = start("kept", 0.3)
    deadline = time.monotonic() + 200
    while len(list((tmp_path / "kept").glob("[!.]*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    done = len(list((tmp_path / "kept").glob("[!.]*")))
    assert 3 <= done < 8
    assert start("kept", 0).wait() == 0 and whole.wait() == 0
    assert (tmp_path / "kept.json").read_text() == (tmp_path / "whole.json").read_text()
