"""How much better the embedded backbone is than the ImageNet weights it started from.

    python benchmarks/embedded_backbone.py [--backbone NAME_OR_FILE] [--sizes 160 224] [--draws 10]

A fixed third of each set's images is for testing and gives no label. From the rest, n labels per
class are drawn; the kNN and SVC of the paper, LDA and the app's default are trained on them, for
each backbone on the same draws. Balanced accuracy, mean of the draws with its 95 % interval over
the draws; the gain is paired, draw by draw. The backbone's own pretraining saw the images of pbc8,
of both parts, without any label, as it would in a user's project; those of isic8 it never saw.
"""

import argparse

import numpy as np
from _embeddings import balanced_accuracy, embeddings, mean_and_half
from refit import draw, papers

from fewshot_lab.backbones import Backbone, Preprocessing, default_name, find
from fewshot_lab.classifiers import Pool, fit, one_blas_thread

SHOTS = (5, 25, 100)
BEFORE = "efficientnet-lite0-imagenet"
KINDS = {
    "paper-knn": "kNN",
    "paper-svm": "paper's SVC",
    "lda": "LDA",
    "default": "app's default",
}


def fixed_third(n: int) -> np.ndarray:
    """Return which of n images are for testing: the same ones in every run."""
    test = np.zeros(n, bool)
    test[np.random.default_rng(20230823).permutation(n)[: round(n / 3)]] = True
    return test


def accuracies(X: np.ndarray, y: np.ndarray, n: int, draws: int) -> dict[str, list[float]]:
    """Return the balanced accuracy on the fixed third, of each draw of n labels per class."""
    test = fixed_third(len(y))
    rest, pool = np.flatnonzero(~test), Pool(X)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for seed in range(draws):
        rows = draw(np.random.default_rng(seed).permutation(rest), y, n)
        predicted = papers(pool.X[rows], y[rows], X[test])
        for kind, name in (("lda", "lda"), ("default", "auto")):
            fitted = fit(X[rows], y[rows], name=name, pool=pool, rows=rows, apart=test)
            predicted[kind] = fitted.predict(X[test])
        for kind in KINDS:
            found[kind].append(100 * balanced_accuracy(y[test], predicted[kind]))
    return found


def at(backbone: Backbone, size: int | None) -> Backbone:
    """Return a backbone from a file with another input size."""
    from dataclasses import replace

    from fewshot_lab.backbones._file import FileBackbone

    weights = backbone.weights()
    if size is None or weights is None or backbone.name == BEFORE:
        return backbone
    preprocessing: Preprocessing = replace(backbone.preprocessing, size=size)
    return FileBackbone(weights, backbone.architecture, preprocessing, name=backbone.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", nargs="+", default=[default_name()])
    parser.add_argument("--sizes", type=int, nargs="+", default=[None])
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS))
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    candidates = [find(BEFORE)]
    candidates += [at(find(name), size) for name in options.backbone for size in options.sizes]
    for name in options.sets:
        print(f"\n{name}: balanced accuracy in % on a third of the images, {options.draws} draws")
        print(f"{'n':>4} {'classifier':<14} {'backbone':<44} {'accuracy':>13} {'gain':>13}")
        arrays = [embeddings(name, backbone) for backbone in candidates]
        for n in options.shots:
            with one_blas_thread():
                found = [accuracies(X, y, n, options.draws) for X, y, _ in arrays]
            for kind, title in KINDS.items():
                for backbone, mine in zip(candidates, found, strict=True):
                    label = f"{backbone.name[-36:]} at {backbone.preprocessing.size} px"
                    line = "{:>7.1f} ± {:.1f}".format(*mean_and_half(mine[kind]))
                    gain = np.subtract(mine[kind], found[0][kind])
                    more = "{:>+7.1f} ± {:.1f}".format(*mean_and_half(list(gain)))
                    print(
                        f"{n:>4} {title:<14} {label:<44} {line:>13} "
                        f"{more if mine is not found[0] else '':>13}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
