"""Labels in to snapshot published, against the paper's pipeline; and which one is more accurate.

    python benchmarks/refit.py [--draws 10] [--no-speed] [--no-accuracy]
    python benchmarks/refit.py --no-accuracy --pools 50000 --paper-shots 100

Speed: from one more label stored until the live session's next snapshot is published (fit,
choice, calibration, cross-validation, predictions for the pool, label-error suspects,
suggestions), against PowerTransformer -> PCA -> SVC(probability) fitted on the same labels and
scoring the same pool. Wall time on a shared machine depends on who else works: CPU time is given
beside it. "hurried" is the paper's with the exponents of its PowerTransformer found for all
features at once, as the app does where the paper's classifiers are chosen. "pool once" is what
the session computes when the embeddings change, not per refit.

Accuracy: balanced accuracy on images held out (a third), mean of the draws with its 95 %
interval; the difference to the best of the paper's three is paired, draw by draw.
"CV - held-out": how far the figure by cross-validation ("auto quick", labels drawn at random)
is off on average; it trains on four fifths of the labels, so it is below.

Suspects: how many of 100 wrong labels among 2,000 are found by looking at the first suspects.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from _embeddings import balanced_accuracy, embeddings, mean_and_half, split

from fewshot_lab.backbones import default_name, find
from fewshot_lab.classifiers import TITLES, Pool, fit, one_blas_thread, paper_answers
from fewshot_lab.classifiers.paper_classifiers import fit_paper, fit_quietly, published
from fewshot_lab.embeddings.batches import Batch
from fewshot_lab.embeddings.shard_writer import ShardWriter
from fewshot_lab.evaluation import cross_validation, suspects
from fewshot_lab.live import LiveSession, Snapshot
from fewshot_lab.project import Project
from fewshot_lab.store import LabelAction, NewImage

SHOTS = (5, 10, 25, 50, 100)
PAPER = ("paper-svm", "paper-knn", "paper-logreg")


def draw(rows: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    """Return the first n rows of each class."""
    return np.concatenate([rows[y[rows] == k][:n] for k in np.unique(y)])


class Labels:
    """Somebody who labels, and waits for what follows."""

    def __init__(self, X: np.ndarray, names: list[str], home: Path, backbone: str):
        self.project = Project.create("benchmark", home=home, backbone=backbone)
        self.store = self.project.store
        self.ids = [f"{row:020x}" for row in range(len(X))]
        self.store.add_images(
            [NewImage(i, i, i, 0, 1, 1, 1, 1, source=i, source_frame=0) for i in self.ids]
        )
        batch = Batch(self.ids, X)
        batch.statistics = np.zeros((len(X), 12), np.float16)
        folder = self.project.embedding_folder
        folder.mkdir(parents=True)
        writer = ShardWriter(folder, self.project.backbone, "float32", len(X))
        writer.add(batch)
        writer.write()
        self.store.set("audit_share", 0)
        self.classes = [self.store.add_class(name, annotator="benchmark") for name in names]
        self.session = LiveSession.of(self.project)
        self.q = 0

    def label(self, rows: np.ndarray, k: int) -> None:
        self.q += 1
        self.store.record(
            LabelAction(
                client="benchmark",
                q=self.q,
                annotator="benchmark",
                kind="class",
                class_id=self.classes[k],
                image_ids=[self.ids[r] for r in rows],
                view="grid",
                strategy=None,
                shown=None,
                spent_ms=None,
            )
        )
        self.session.notify()

    def published(self) -> Snapshot:
        """Return the first snapshot of the labels as they are now."""
        position = self.store.position()
        snapshot = self.session.snapshot
        while snapshot.position < position:
            snapshot = self.session.wait(snapshot.rev, 60)
        return snapshot


def paper(X: np.ndarray, rows: np.ndarray, y: np.ndarray) -> None:
    """Do what the paper's pipeline does for the same labels: fit, score the pool."""
    with one_blas_thread():
        pipeline = published("paper-svm", len(np.unique(y)), len(y))
        fit_quietly(pipeline, X[rows].astype(np.float32), y)
        pipeline.predict_proba(X.astype(np.float32))


def paper_hurried(X: np.ndarray, rows: np.ndarray, y: np.ndarray) -> None:
    """Do the same with the PowerTransformer fitted to all features at once, as the app does."""
    with one_blas_thread():
        fit_paper("paper-svm", X[rows], y).predict_proba(X.astype(np.float32))


def timed(work: Callable[[], None], repeats: int) -> tuple[float, float]:
    """Return the median wall and CPU seconds."""
    wall, cpu = [], []
    for _ in range(repeats):
        w, c = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - w)
        cpu.append(time.process_time() - c)
    return float(np.median(wall)), float(np.median(cpu))


def speed(
    pools: list[int], shots: tuple[int, ...], paper_shots: tuple[int, ...], backbone: str
) -> None:
    images = embeddings("pbc8", find(backbone))
    X, y, classes = images.X, images.y, images.classes
    finals = images.parts.finals.dimensions
    print("\nSPEED, pbc8: 8 classes; seconds (CPU seconds in brackets)")
    print(
        f"{'pool':>7} {'labels':>7} {'pool once':>16} {'refit':>16} {'paper':>16} {'ratio':>14} "
        f"{'paper, hurried':>16} {'ratio':>6}"
    )
    for size in pools:
        rng = np.random.default_rng(0)
        XX, yy = X, y
        if size > len(X):
            again = rng.integers(0, len(X), size - len(X))
            noise = rng.normal(0, 0.05, (len(again), X.shape[1])).astype(np.float16)
            moved = X[again] + noise * X.astype(np.float32).std(axis=0).astype(np.float16)
            moved[:, :finals] = np.maximum(moved[:, :finals], 0)
            XX = np.concatenate([X, moved])
            yy = np.concatenate([y, y[again]])
        once = timed(lambda XX=XX: Pool(XX, parts=images.parts).levelled, 1)
        order = rng.permutation(len(X))
        with tempfile.TemporaryDirectory() as home:
            labels = Labels(XX, classes, Path(home), backbone)
            for n in shots:
                rows = draw(order, y, n)
                for k in range(len(classes)):
                    labels.label(rows[y[rows] == k], k)
                labels.published()
                extra = order[y[order] == 0][max(shots)]

                def one_more(labels: Labels = labels, extra: int = extra) -> None:
                    labels.label(np.array([extra]), (labels.q + 1) % 2)
                    labels.published()

                ours = timed(one_more, 7)
                print(
                    f"{len(XX):>7} {8 * n:>7} {once[0]:>8.2f} ({once[1]:5.2f}) "
                    f"{ours[0]:>8.3f} ({ours[1]:5.3f})",
                    end=" ",
                    flush=True,
                )
                if n not in paper_shots:
                    print(flush=True)
                    continue
                hurried = timed(partial(paper_hurried, XX[:, :finals], rows, yy[rows]), 1)
                theirs = timed(partial(paper, XX[:, :finals], rows, yy[rows]), 1)
                print(
                    f"{theirs[0]:>7.1f} ({theirs[1]:6.1f}) "
                    f"{theirs[0] / ours[0]:>6.0f} ({theirs[1] / ours[1]:4.0f}) "
                    f"{hurried[0]:>7.1f} ({hurried[1]:6.1f}) {hurried[0] / ours[0]:>6.0f}",
                    flush=True,
                )
            labels.session.close()
            labels.project.close()


def accuracy(
    draws: int, shots: tuple[int, ...], sets: list[str], thorough: bool, backbone: str
) -> None:
    own = ("auto quick", "stack", "lda", "logreg", *(("auto", "rbf-svm") if thorough else ()))
    for name in sets:
        images = embeddings(name, find(backbone))
        X, y, classes, pool = images.X, images.y, images.classes, images.pool()
        finals = images.parts.finals.dimensions
        print(
            f"\nACCURACY, {name}: {len(X)} images, {len(classes)} classes; balanced accuracy "
            f"on held-out images, mean of {draws} draws ± 95 %"
        )
        columns = [*PAPER, *own]
        print(
            f"{'n':>4} " + " ".join(f"{c:>13}" for c in columns) + f" {'auto - best':>15} CV covers"
        )
        for n in shots:
            found: dict[str, list[float]] = {c: [] for c in columns}
            apart = []
            for seed in range(draws):
                rest, test = split(y, seed)
                rows = draw(rest, y, n)
                for c, predicted in papers(X[rows, :finals], y[rows], X[test, :finals]).items():
                    found[c].append(balanced_accuracy(y[test], predicted))
                for c in own:
                    kind, quick = ("auto", True) if c == "auto quick" else (c, False)
                    fitted = fit(X[rows], y[rows], name=kind, pool=pool, rows=rows, quick=quick)
                    found[c].append(balanced_accuracy(y[test], fitted.predict(X[test])))
                    if quick:
                        told = cross_validation(fitted).balanced_accuracy.value
                        apart.append(told - found[c][-1])
            best = max(PAPER, key=lambda c: np.mean(found[c]))
            auto = "auto" if thorough else "auto quick"
            gap = [a - b for a, b in zip(found[auto], found[best], strict=True)]
            cells = " ".join("{:>7.3f} ±{:.3f}".format(*mean_and_half(found[c])) for c in columns)
            print(
                f"{n:>4} {cells} " + "{:>+8.3f} ±{:.3f}".format(*mean_and_half(gap)),
                "{:>+8.3f} ±{:.3f}".format(*mean_and_half(apart)),
                flush=True,
            )


def planted(draws: int) -> None:
    images = embeddings("pbc8")
    X, y, classes, pool = images.X, images.y, images.classes, images.pool()
    print("\nSUSPECTS, pbc8: 2,000 labels, 100 of them wrong on purpose")
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(y))[:2000]
        labels = y[rows].copy()
        wrong = rng.choice(len(rows), 100, replace=False)
        labels[wrong] = (labels[wrong] + rng.integers(1, len(classes), 100)) % len(classes)
        fitted = fit(X[rows], labels, pool=pool, rows=rows, quick=True)
        found = [int(s.image_id) for s in suspects(fitted, [str(i) for i in range(len(rows))])]
        share = [np.isin(found[:n], wrong).sum() for n in (50, 100, 200)]
        print(f"draw {seed}: {share[0]} in the first 50, {share[1]} in 100, {share[2]} in 200")


def papers(X: np.ndarray, y: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """Return the predictions of the paper's three."""
    return {name: predicted for name, (predicted, _) in paper_answers(X, y, test).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--shots", type=int, nargs="+", default=list(SHOTS))
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--backbone", default=default_name())
    parser.add_argument("--pools", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument(
        "--paper-shots",
        type=int,
        nargs="*",
        default=None,
        help="labels per class at which the paper's pipeline is timed, too (default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="leave out the slower machines")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--no-accuracy", action="store_true")
    options = parser.parse_args()
    print(", ".join(f"{name}: {title}" for name, title in TITLES.items()))
    if not options.no_speed:
        compared = options.shots if options.paper_shots is None else options.paper_shots
        speed(options.pools, tuple(options.shots), tuple(compared), options.backbone)
    if not options.no_accuracy:
        with one_blas_thread():
            accuracy(
                options.draws,
                tuple(options.shots),
                options.sets,
                not options.quick,
                options.backbone,
            )
            planted(min(options.draws, 5))


if __name__ == "__main__":
    main()
