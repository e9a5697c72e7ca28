"""Embeddings of the real images, kept between runs."""

import csv
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from fewshot_lab.backbones import Backbone
    from fewshot_lab.classifiers import Pool

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DATA = Path(
    os.environ.get("FEWSHOT_LAB_TEST_DATA")
    or Path(__file__).resolve().parent.parent.parent / "shared" / "datasets"
)
CACHE = Path(os.environ.get("FEWSHOT_LAB_BENCHMARK_CACHE") or tempfile.gettempdir())


class LabelledSet(NamedTuple):
    """A folder of classes, embedded: rows in the order of the files.

    Attributes
    ----------
    X : array (n, d), float16
    y : array (n,)
        Class, as position in `classes`.
    groups : array (n,) of str, or None
        Patient or slide; an image without one is a group of its own.
    classes : list of str
    """

    X: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None
    classes: list[str]


def labelled_set(name: str, backbone: "Backbone | None" = None) -> LabelledSet:
    """Return a set by a backbone, the default one where none is given."""
    from fewshot_lab.backbones import default_name, find
    from fewshot_lab.embeddings import ImageItem, embed, open_embeddings
    from fewshot_lab.images import pixel_id, read_rgb

    source = DATA / name
    if not source.is_dir():
        raise SystemExit(f"{source} is missing: set FEWSHOT_LAB_TEST_DATA to the folder with it.")
    backbone = backbone or find(default_name())
    kept = CACHE / f"fewshot-lab-benchmark-{name}-{backbone.fingerprint}-3.npz"
    classes = sorted(folder.name for folder in source.iterdir() if folder.is_dir())
    if not kept.exists():
        files = [
            (file, k) for k, c in enumerate(classes) for file in sorted((source / c).iterdir())
        ]
        items = [ImageItem(pixel_id(read_rgb(file)), file, 0) for file, _ in files]
        with tempfile.TemporaryDirectory() as folder:
            print(f"embedding {len(files)} images of {name} once ...", flush=True)
            embed(items, backbone, Path(folder))
            found = open_embeddings(Path(folder))
            # By file: lanes finish in any order, and the same rows must be the same images.
            place = {item.id: row for row, item in reversed(list(enumerate(items)))}
            order = np.argsort([place[i] for i in found.ids])
            rows = [place[found.ids[at]] for at in order]
            paths = [str(files[row][0].relative_to(source)) for row in rows]
            y = np.array([files[row][1] for row in rows])
            np.savez(kept, X=found.matrix()[order], y=y, paths=paths)
    with np.load(kept) as file:
        return LabelledSet(file["X"], file["y"], _groups(source, list(file["paths"])), classes)


def _groups(source: Path, paths: list[str]) -> np.ndarray | None:
    """Return the groups that a manifest names, unless they are but a train and a test half."""
    manifest = source / "manifest.csv"
    if not manifest.is_file():
        return None
    with manifest.open() as file:
        group = {row["file"]: row.get("group") or "" for row in csv.DictReader(file)}
    if set(group.values()) <= {"", "train", "test"}:
        return None
    return np.array([group.get(path) or path for path in paths])


def embeddings(
    name: str, backbone: "Backbone | None" = None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return X (n, d) float16, y (n,) and the class names of a folder of classes."""
    found = labelled_set(name, backbone)
    return found.X, found.y, found.classes


def pool_of(X: np.ndarray, backbone: "Backbone | None" = None) -> "Pool":
    """Return a pool of embeddings by a backbone, the default one where none is given."""
    from fewshot_lab.backbones import default_name, find
    from fewshot_lab.classifiers import Pool

    return Pool(X, parts=(backbone or find(default_name())).parts)


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
