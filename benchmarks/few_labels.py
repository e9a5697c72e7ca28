"""Few labels: the app's choice against the paper's three classifiers, on the same draws.

    python benchmarks/few_labels.py [--draws 10] [--shots 5,10,25,50,100] [--sets pbc8 isic8]
                                    [--backbone NAME]

The protocol of ``python -m fewshot_lab evaluate nshot`` (a third set apart, labels drawn from the
rest) on the real images with the default backbone. The last column is the gain over the best of
the paper's three at that number of labels, paired draw by draw, with its 95 % interval by
hierarchical bootstrap. What was computed is kept and not computed again.

``--parity`` instead fits scikit-learn's own pipelines as the paper writes them, PowerTransformer
-> PCA -> classifier, on some draws, and counts the test images on which they and the app's fast
ones disagree.

``--why`` instead takes the choice apart: logistic regressions of a fixed penalty in each of the
two views of the embeddings, LDA, what cross-validation prefers of two, and the average, each
against the paper's logistic regression. A test third of its own for every draw, none of them the
one of the table: what is chosen here is not measured on the images that it was chosen by.

``--sure`` instead asks how sure the app's classifier is with very few labels, of all classes and
of three of them: accuracy, mean confidence and log loss on images of these classes held out, as it
is, and with the temperature of the least log loss alone.
"""

import argparse
import time
import warnings
from unittest import mock

import numpy as np
from _embeddings import CACHE, balanced_accuracy, embeddings, mean_and_half

from fewshot_lab.backbones import default_name, find
from fewshot_lab.classifiers import PAPER, Pool, fit, one_blas_thread, paper_answers
from fewshot_lab.classifiers.calibration import no_surer
from fewshot_lab.classifiers.paper_classifiers import published
from fewshot_lab.classifiers.softmax import balanced_weights, fit_softmax
from fewshot_lab.evaluation import Embedded, Protocol, nshot, split_by_group


def table(name: str, backbone: str, shots: tuple[int, ...], draws: int) -> None:
    card = find(backbone)
    images = embeddings(name, card)
    found = nshot(
        [Embedded(backbone, card.fingerprint, images.X.astype(np.float32), images.parts)],
        images.y,
        images.classes,
        protocol=Protocol(shots, draws),
        keep=CACHE / f"fewshot-lab-benchmark-nshot-{name}",
    ).to_dict()
    print(f"\n{name}, {card.card.title}, {draws} draws, {found['test_images']:,} test images")
    print("| labels per class | SVM | kNN | LogReg | the app's choice | gain over the best |")
    print("|---|---|---|---|---|---|")
    for n in shots:
        rows = {r["classifier"]: r for r in found["results"] if r["shots"] == n}
        best = max(PAPER, key=lambda k: rows[k]["balanced_accuracy"])
        gain = next(
            d for d in found["differences"] if d["shots"] == n and d["than_classifier"] == best
        )
        cells = " | ".join(
            "{:.3f} ({:.3f}-{:.3f})".format(rows[k]["balanced_accuracy"], *rows[k]["interval"])
            for k in ("paper-svm", "paper-knn", "paper-logreg", "default")
        )
        points, low, high = (100 * v for v in (gain["difference"], *gain["interval"]))
        print(f"| {n} | {cells} | {points:+.1f} points ({low:+.1f} to {high:+.1f}) |", flush=True)


def parity(name: str, backbone: str, shots: tuple[int, ...], draws: int) -> None:
    images = embeddings(name, find(backbone)).finals()
    X, y = images.X.astype(np.float32), images.y
    apart = split_by_group(y, None)
    test = X[apart.test]
    print(
        f"\n{name}: images of {len(test):,} on which the two disagree; largest gap of a probability"
    )
    for n in shots:
        for draw in range(draws):
            order = np.random.default_rng([0, draw]).permutation(apart.rest)
            rows = np.concatenate([order[y[order] == k][:n] for k in np.unique(y)])
            began = time.process_time()
            ours = paper_answers(X[rows], y[rows], test)
            fast = time.process_time() - began
            for kind in PAPER:
                began = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    pipeline = published(kind, len(np.unique(y)), len(rows)).fit(X[rows], y[rows])
                theirs = pipeline.predict_proba(test)
                slow = time.process_time() - began
                predicted, probabilities = ours[kind]
                apart_ = int((predicted != theirs.argmax(axis=1)).sum())
                gap = float(np.abs(probabilities - theirs).max())
                print(
                    f"{n:>4} per class, draw {draw}, {kind:>12}: {apart_:>3} differ, {gap:.5f}; "
                    f"{slow:.0f} s against {fast:.1f} s for all three",
                    flush=True,
                )


def why(name: str, backbone: str, shots: tuple[int, ...], draws: int) -> None:
    images = embeddings(name, find(backbone))
    X, y, finals = images.X.astype(np.float32), images.y, images.parts.finals.dimensions
    K = int(y.max()) + 1
    for n in shots:
        found: dict[str, list[float]] = {}
        for draw in range(draws):
            apart = split_by_group(y, None, seed=1000 + draw)
            order = np.random.default_rng([77, draw]).permutation(apart.rest)
            rows = np.concatenate([order[y[order] == k][:n] for k in range(K)])
            pool, within = (
                Pool(X[apart.rest], parts=images.parts),
                np.searchsorted(apart.rest, rows),
            )
            test, truth = X[apart.test], y[apart.test]
            paper = paper_answers(X[rows, :finals], y[rows], test[:, :finals])
            paper = paper["paper-logreg"][0]

            def gain(
                variant: str,
                predicted: np.ndarray,
                truth: np.ndarray = truth,
                paper: np.ndarray = paper,
                found: dict[str, list[float]] = found,
            ) -> None:
                points = balanced_accuracy(truth, predicted) - balanced_accuracy(truth, paper)
                found.setdefault(variant, []).append(100 * points)

            weights = balanced_weights(y[rows], K, np.ones(len(rows), dtype=bool))
            for view, kind in ((pool, "plain"), (pool.levelled, "levelled")):
                Z, T = view.rotated[within], view.rotate(test)
                for C in (2, 32, 512):
                    W = fit_softmax(Z, y[rows], K, weights[None], np.array([C], dtype=np.float32))
                    predicted = (T @ W[0, :-1] + W[0, -1]).argmax(axis=1)
                    gain(f"LogReg, {kind}, C = {C}", predicted)
            unseen = np.ones(len(pool), bool)
            for variant, kind, apart_ in (
                ("LDA, plain, shrinkage by cross-validation", "lda", unseen),
                ("LDA or LogReg, plain, by cross-validation", "auto", unseen),
                ("their average in both views", "stack", unseen),
                ("the same with LDA on unlabelled images, too", "stack", None),
            ):
                fitted = fit(X[rows], y[rows], name=kind, pool=pool, rows=within, quick=True,
                             plain=kind != "stack", apart=apart_)  # fmt: skip
                gain(variant, fitted.predict(test))
        print(f"\n{name}, {n} per class, {draws} draws: points above the paper's LogReg")
        for variant, values in found.items():
            print("{:45} {:+.1f} ± {:.1f}".format(variant, *mean_and_half(values)), flush=True)


def sure(name: str, backbone: str, shots: tuple[int, ...], draws: int) -> None:
    images = embeddings(name, find(backbone))
    X, y = images.X.astype(np.float32), images.y
    K = int(y.max()) + 1
    print(
        f"\n{name}, {draws} draws: accuracy; confidence and log loss, of the least log loss alone"
    )
    for classes in (K, 3):
        for n in shots:
            found = []
            for draw in range(draws):
                apart = split_by_group(y, None, seed=2000 + draw)
                random = np.random.default_rng([78, draw])
                some = np.sort(random.permutation(K)[:classes])
                rest, test = (part[np.isin(y[part], some)] for part in (apart.rest, apart.test))
                order = random.permutation(rest)
                rows = np.concatenate([order[y[order] == k][:n] for k in some])
                pool = Pool(X[rest], parts=images.parts)
                given = {"pool": pool, "rows": np.searchsorted(rest, rows), "quick": True}
                figures = []
                for bound in (no_surer, lambda temperature, *_: temperature):
                    with mock.patch("fewshot_lab.classifiers.fitting.no_surer", bound):
                        fitted = fit(X[rows], y[rows], **given)
                    p = fitted.probabilities(X[test])
                    own = p[np.arange(len(test)), np.searchsorted(some, y[test])]
                    hit = some[p.argmax(axis=1)] == y[test]
                    loss = -np.log(np.maximum(own, 1e-9)).mean()
                    figures += [hit.mean(), p.max(axis=1).mean(), loss]
                found.append(figures)
            a, c, loss, _, c_, loss_ = np.mean(found, axis=0)
            print(
                f"{classes} classes, {n:>3} labels each: accuracy {a:.3f}; confidence {c:.3f}, "
                f"{c_:.3f}; log loss {loss:.3f}, {loss_:.3f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--shots", default="5,10,25,50,100")
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--backbone", default=default_name())
    parser.add_argument("--parity", action="store_true")
    parser.add_argument("--why", action="store_true")
    parser.add_argument("--sure", action="store_true")
    options = parser.parse_args()
    shots = tuple(int(n) for n in options.shots.split(","))
    with one_blas_thread():
        for name in options.sets:
            measure = table
            for asked, other in (
                (options.parity, parity),
                (options.why, why),
                (options.sure, sure),
            ):
                measure = other if asked else measure
            measure(name, options.backbone, shots, options.draws)


if __name__ == "__main__":
    main()
