"""Embeddings of the real images, kept between runs."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fewshot_lab.backbones import Backbone

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DATA = Path(
    os.environ.get("FEWSHOT_LAB_TEST_DATA")
    or Path(__file__).resolve().parent.parent.parent / "shared" / "datasets"
)
CACHE = Path(os.environ.get("FEWSHOT_LAB_BENCHMARK_CACHE") or tempfile.gettempdir())


def embeddings(
    name: str, backbone: "Backbone | None" = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return X (n, d) float16, y (n,) and the class names of a folder of classes.

    By the default backbone where none is given.
    """
    from fewshot_lab.backbones import default_name, find
    from fewshot_lab.embeddings import ImageItem, embed, open_embeddings
    from fewshot_lab.images import pixel_id, read_rgb

    source = DATA / name
    if not source.is_dir():
        raise SystemExit(f"{source} is missing: set FEWSHOT_LAB_TEST_DATA to the folder with it.")
    backbone = backbone or find(default_name())
    kept = CACHE / f"fewshot-lab-benchmark-{name}-{backbone.fingerprint}-2.npz"
    if kept.exists():
        with np.load(kept) as file:
            return file["X"], file["y"], list(file["classes"])
    classes = sorted(folder.name for folder in source.iterdir() if folder.is_dir())
    files = [(file, k) for k, c in enumerate(classes) for file in sorted((source / c).iterdir())]
    items = [ImageItem(pixel_id(read_rgb(file)), file, 0) for file, _ in files]
    with tempfile.TemporaryDirectory() as folder:
        print(f"embedding {len(files)} images of {name} once ...", flush=True)
        embed(items, backbone, Path(folder))
        found = open_embeddings(Path(folder))
        first = {item.id: k for item, (_, k) in reversed(list(zip(items, files, strict=True)))}
        # By file: lanes finish in any order, and the same rows must be the same images everywhere.
        place = {item.id: row for row, item in reversed(list(enumerate(items)))}
        order = np.argsort([place[i] for i in found.ids])
        X = found.matrix()[order]
        y = np.array([first[i] for i in found.ids])[order]
    np.savez(kept, X=X, y=y, classes=classes)
    return X, y, classes


def split(y: np.ndarray, seed: int, share: float = 1 / 3) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to draw labels from, and rows held out for testing, both in random order."""
    order = np.random.default_rng(seed).permutation(len(y))
    n_test = round(share * len(y))
    return order[n_test:], order[:n_test]


def balanced_accuracy(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean recall over the classes present."""
    return float(np.mean([(predicted[y == k] == k).mean() for k in np.unique(y)]))


def mean_and_half(values: list[float]) -> tuple[float, float]:
    """Return the mean and half the width of its 95 % t-interval."""
    from scipy.stats import t

    a = np.asarray(values)
    if len(a) < 2:
        return float(a.mean()), float("nan")
    return float(a.mean()), float(t.ppf(0.975, len(a) - 1) * a.std(ddof=1) / np.sqrt(len(a)))
