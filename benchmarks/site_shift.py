"""What inner stages do when a classifier meets images of another site, and what helps.

    python benchmarks/site_shift.py [--most 60] [--labels 25] [--draws 10] [--sets NAME ...]

Another site is made of the images of a set by a change of stain (a fixed matrix on the optical
densities), of magnification (the middle, enlarged), of JPEG quality, or of tone (brightness,
contrast and gamma); one pair is real: oral mucosa, normal or carcinoma, at 100 and at 400 times.
The classifier is trained on labels of the first site and tested on images of the second that it
has seen in neither form. Balanced accuracy in %, mean of the draws with its 95 % t-interval over
the draws; all by the default backbone, and with the same classifier:

final, all     final embeddings alone, and inner stages too
app            the app reads what its cross-validation prefers
centred        each site's own mean is subtracted, part by part, before vectors get their length
1, 5 dropped   of all parts, the directions by which a ridge-regularised LDA tells the sites apart,
               one after another (Ravfogel et al. 2020, ACL)
mixed          half of the labels come from the second site; "sites": the app knows which
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
from _embeddings import CACHE, DATA, Images, balanced_accuracy, embeddings, with_doubt
from near_duplicates import saved
from PIL import Image, ImageEnhance
from refit import draw

from fewshot_lab.backbones import Parts, default_name, find
from fewshot_lab.classifiers import Pool, fit, one_blas_thread
from fewshot_lab.classifiers.preparation import Preparation
from fewshot_lab.embeddings import ImageItem, embed, open_embeddings
from fewshot_lab.evaluation import split_by_group

SETS = ("oral_he", "pbc8", "isic8", "busi")
GREY = ("busi",)
"""Sets without colour: no stain."""
RIDGE = 0.1
TAKEN = "fewshot_lab.classifiers.fitting.choose_reading"


def stained(image: Image.Image) -> Image.Image:
    """Return an image as another stain and scanner would show it."""
    mixed = np.eye(3) + np.random.default_rng(20230823).normal(0, 0.15, (3, 3))
    density = -np.log((np.asarray(image, float) + 1) / 256)
    light = 256 * np.exp(-np.maximum(density @ mixed.T, 0)) - 1
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def enlarged(image: Image.Image) -> Image.Image:
    """Return the middle of an image, enlarged by half."""
    w, h = image.width // 6, image.height // 6
    middle = image.crop((w, h, image.width - w, image.height - h))
    return middle.resize(image.size, Image.Resampling.BICUBIC)


def toned(image: Image.Image) -> Image.Image:
    """Return an image brighter, flatter, and with another gamma."""
    image = ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.15)).enhance(0.75)
    curve = [round(255 * (level / 255) ** 1.4) for level in range(256)]
    return image.point(curve * 3)


SHIFTS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "stain": stained,
    "magnification": enlarged,
    "JPEG 30": lambda image: saved(image, 30),
    "tone": toned,
}


def shifted(name: str, kind: str, most: int) -> np.ndarray:
    """Return the embeddings of the images of a set as another site would have taken them."""
    backbone, images = find(default_name()), embeddings(name, None, most)
    mark = kind.replace(" ", "")
    kept = CACHE / f"fewshot-lab-benchmark-{name}-{mark}-{most}-{backbone.fingerprint}-1.npy"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            items = []
            for number, file in enumerate(images.files):
                picture = Path(folder) / f"{number}.png"
                with Image.open(DATA / name / file) as image:
                    SHIFTS[kind](image.convert("RGB")).save(picture)
                items.append(ImageItem(f"{number:020x}", picture, 0))
            embed(items, backbone, Path(folder) / "shards")
            X = open_embeddings(Path(folder) / "shards").matrix([item.id for item in items])
        beside = kept.with_suffix(f".{os.getpid()}.npy")
        np.save(beside, X)
        beside.replace(kept)
    return np.asarray(np.load(kept))


def auto(
    X: np.ndarray,
    y: np.ndarray,
    test: np.ndarray,
    pool: Pool,
    rows: np.ndarray,
    sites: np.ndarray | None = None,
) -> np.ndarray:
    """Return what the app's choice predicts."""
    return fit(X[rows], y[rows], quick=True, pool=pool, rows=rows, sites=sites).predict(test)


def prepared(X: np.ndarray, parts: Parts, of: np.ndarray) -> Preparation:
    """Return the preparation learnt from a pool, centred by the mean of other images."""
    learnt = Preparation.of(of, parts)
    return replace(
        learnt,
        blocks=tuple(replace(b, centre=b.compressed(X).mean(axis=0)) for b in learnt.blocks),
    )


def without_site(A: np.ndarray, B: np.ndarray, T: np.ndarray, count: int) -> list[np.ndarray]:
    """Return the vectors A and T without directions that tell A from B; B is of T's site."""
    both = np.concatenate([A, B]).astype(np.float64)
    axes = np.linalg.svd(both - both.mean(axis=0), full_matrices=False)[2][:256]
    a, b = A @ axes.T, B @ axes.T
    keep = np.eye(len(axes))
    for _ in range(count):
        c, d = a @ keep, b @ keep
        within = np.concatenate([c - c.mean(axis=0), d - d.mean(axis=0)])
        scatter = within.T @ within / len(within)
        scatter += RIDGE * np.trace(scatter) / len(axes) * np.eye(len(axes))
        way = keep @ np.linalg.solve(scatter, d.mean(axis=0) - c.mean(axis=0))
        way /= np.linalg.norm(way)
        keep -= np.outer(way, way)
    return [(Z @ axes.T @ keep).astype(np.float32) for Z in (A, T)]


class Pair:
    """Two sites with the same classes.

    Parameters
    ----------
    parts : Parts
    first, second : tuple of arrays (X, y)
    aligned : bool
        Whether the rows of both are the same images.
    """

    def __init__(self, parts: Parts, first: tuple, second: tuple, aligned: bool) -> None:
        self.parts, self.aligned = parts, aligned
        (self.A, self.yA), (self.B, self.yB) = first, second

    def trial(self, n: int, seed: int) -> dict[str, float]:
        """Return the balanced accuracy in % of each way, for one draw."""
        of_a = split_by_group(self.yA, None, seed)
        of_b = of_a if self.aligned else split_by_group(self.yB, None, seed)
        A, y, home, truth_home = self.A[of_a.rest], self.yA[of_a.rest], of_a.test, self.yA
        away, truth = self.B[of_b.test], self.yB[of_b.test]
        rows = draw(np.random.default_rng(seed).permutation(len(y)), y, n)
        scores: dict[str, float] = {}

        def score(key: str, predicted: np.ndarray, y: np.ndarray = truth) -> None:
            scores[key] = 100 * balanced_accuracy(y, predicted)

        for title, parts in (("final", self.parts.finals), ("all", self.parts)):
            learnt = Preparation.of(A, parts)
            Z, pool = learnt(A), Pool(learnt(A))
            fitted = fit(Z[rows], y[rows], quick=True, pool=pool, rows=rows)
            score(f"home {title}", fitted.predict(learnt(self.A[home])), truth_home[home])
            score(title, fitted.predict(learnt(away)))
            # The other site's images, unlabelled: the test images are among them.
            own = prepared(self.B, parts, A)
            score(f"{title} centred", fitted.predict(own(away)))
        for count in (1, 5):
            C, T = without_site(Z, learnt(self.B), learnt(away), count)
            score(f"{count} dropped", auto(C, y, T, Pool(C), rows))
        score("app", auto(A, y, away, Pool(A, parts=self.parts), rows))

        both = np.concatenate([A, self.B[of_b.rest]])
        yy = np.concatenate([y, self.yB[of_b.rest]])
        more = draw(np.random.default_rng([seed, 1]).permutation(len(of_b.rest)), yy[len(A) :], n)
        if self.aligned:  # the other images of the first site's draw, as the second site has them
            more = rows
        half = np.concatenate([_every_second(rows, y, 0), len(A) + _every_second(
            more, yy[len(A) :], 1)])  # fmt: skip
        sites = np.where(half < len(A), "first", "second")
        pool = Pool(both, parts=self.parts)
        for key, patched, known in (
            ("mixed final", False, None),
            ("mixed all", True, None),
            ("mixed app", None, None),
            ("mixed app sites", None, sites),
        ):
            if patched is None:
                score(key, auto(both, yy, away, pool, half, known))
                continue
            from fewshot_lab.classifiers.stage_choice import Reading

            with mock.patch(TAKEN, return_value=Reading(patched, "", False)):
                score(key, auto(both, yy, away, pool, half))
        return scores


def _every_second(rows: np.ndarray, y: np.ndarray, first: int) -> np.ndarray:
    """Return every second row of each class."""
    return np.concatenate([rows[y[rows] == k][first::2] for k in np.unique(y[rows])])


def real(images: Images) -> Pair:
    """Return oral mucosa, normal or carcinoma, at 100 and at 400 times."""
    carcinoma = np.array([c.startswith("oscc") for c in images.classes]).astype(np.int64)
    high = np.array([c.endswith("400x") for c in images.classes])
    first, second = (np.flatnonzero(high[images.y] == which) for which in (False, True))
    y = carcinoma[images.y]
    return Pair(images.parts, (images.X[first], y[first]), (images.X[second], y[second]), False)


def pairs(name: str, most: int) -> dict[str, Pair]:
    """Return the pairs of sites of one set."""
    images = embeddings(name, None, most)
    made = {"100x to 400x (real)": real(images)} if name == "oral_he" else {}
    for kind in SHIFTS:
        if kind != "stain" or name not in GREY:
            other = (shifted(name, kind, most), images.y)
            made[kind] = Pair(images.parts, (images.X, images.y), other, True)
    return made


DIFFERENCES = {
    "inner stages, at home": ("home all", "home final"),
    "inner stages, at the other site": ("all", "final"),
    "the app's choice over final alone": ("app", "final"),
    "final, centred site by site": ("final centred", "final"),
    "all, centred site by site": ("all centred", "all"),
    "all centred over final centred": ("all centred", "final centred"),
    "1 site direction dropped from all": ("1 dropped", "all"),
    "5 site directions dropped from all": ("5 dropped", "all"),
    "mixed labels: app's choice over labels of one site": ("mixed app", "app"),
    "mixed labels: inner stages": ("mixed all", "mixed final"),
    "mixed labels: app's choice over final": ("mixed app", "mixed final"),
    "mixed labels: app with sites over without": ("mixed app sites", "mixed app"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--most", type=int, default=60, help="images of each class, at most")
    parser.add_argument("--labels", type=int, default=25, help="of each class, at most")
    parser.add_argument("--draws", type=int, default=10)
    options = parser.parse_args()
    measured: dict[str, dict[str, list[float]]] = {}
    for name in options.sets:
        for kind, pair in pairs(name, options.most).items():
            with one_blas_thread():
                trials = [pair.trial(options.labels, seed) for seed in range(options.draws)]
            measured[f"{name}, {kind}"] = {key: [t[key] for t in trials] for key in trials[0]}
            keys = list(trials[0])
            if len(measured) == 1:
                print(f"| pair | {' | '.join(keys)} |\n|{'---|' * (len(keys) + 1)}")
            cells = [with_doubt(measured[f"{name}, {kind}"][key]) for key in keys]
            print(f"| {name}, {kind} | {' | '.join(cells)} |", flush=True)
    print("\nGain in points, paired: mean over the pairs with its 95 % interval over the pairs\n")
    print("| what | mean over pairs | worst pair | best pair |\n|---|---|---|---|")
    for what, (one, other) in DIFFERENCES.items():
        gains = {
            pair: [a - b for a, b in zip(by[one], by[other], strict=True)]
            for pair, by in measured.items()
        }
        means = {pair: float(np.mean(values)) for pair, values in gains.items()}
        ends = [pick(means, key=lambda pair, m=means: m[pair]) for pick in (min, max)]  # type: ignore[operator]
        extremes = [f"{with_doubt(gains[pair], '+')} ({pair})" for pair in ends]
        print(f"| {what} | {with_doubt(list(means.values()), '+')} | {' | '.join(extremes)} |")


if __name__ == "__main__":
    main()
