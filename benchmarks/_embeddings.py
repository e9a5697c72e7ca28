"""Embeddings of the real images, kept between runs."""

import csv
import json
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fewshot_lab.backbones import Backbone, Parts
    from fewshot_lab.classifiers import Pool

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

DATA = Path(
    os.environ.get("FEWSHOT_LAB_TEST_DATA")
    or Path(__file__).resolve().parent.parent.parent / "shared" / "datasets"
)
CACHE = Path(os.environ.get("FEWSHOT_LAB_BENCHMARK_CACHE") or tempfile.gettempdir())


NO_PATIENTS = ("isic8",)
"""Sets whose manifest has a column of groups that names neither patients nor slides."""


@dataclass(frozen=True)
class Images:
    """The images of one set, by one backbone, in the order of their files.

    Attributes
    ----------
    X : array (n, d), float16
    y : array (n,)
        Classes, as positions in ``classes``.
    classes : list of str
    files : list of str
        Within the set's folder.
    groups : array (n,) or None
        Patient or slide, where the manifest names them.
    parts : Parts
        What the d numbers are.
    """

    X: np.ndarray
    y: np.ndarray
    classes: list[str]
    files: list[str]
    groups: np.ndarray | None
    parts: "Parts"

    def finals(self) -> "Images":
        """Return the same without the inner stages."""
        parts = self.parts.finals
        return replace(self, X=np.ascontiguousarray(self.X[:, : parts.dimensions]), parts=parts)

    def pool(self) -> "Pool":
        """Return all images as the app's classifiers see them."""
        from fewshot_lab.classifiers import Pool

        return Pool(self.X, parts=self.parts)


def sets() -> list[str]:
    """Return the names of all sets, the smallest first."""
    manifests = {path.parent.name: path for path in DATA.glob("*/manifest.csv")}
    return sorted(manifests, key=lambda name: (manifests[name].read_bytes().count(b"\n"), name))


def embeddings(name: str, backbone: "Backbone | None" = None, most: int | None = None) -> Images:
    """Return the embeddings of a folder of classes; exact copies of an image are left out.

    By the default backbone where none is given; of at most so many images of each class, drawn at
    random but always the same, where ``most`` says so.
    """
    from fewshot_lab.backbones import Parts, default_name, find
    from fewshot_lab.embeddings import ImageItem, embed, open_embeddings
    from fewshot_lab.images import pixel_id, read_rgb

    source = DATA / name
    if not source.is_dir():
        raise SystemExit(f"{source} is missing: set FEWSHOT_LAB_TEST_DATA to the folder with it.")
    backbone = backbone or find(default_name())
    some = "" if most is None else f"-{most}"
    kept = CACHE / f"fewshot-lab-benchmark-{name}-{backbone.fingerprint}-4{some}.npz"
    if not kept.exists():
        paths = sorted(file for file in source.glob("*/*") if file.is_file())
        if most is not None:
            order = np.random.default_rng(20230823).permutation(len(paths))
            of = {
                folder: [k for k in order if paths[k].parent == folder]
                for folder in {path.parent for path in paths}
            }
            paths = [paths[k] for k in sorted(k for rows in of.values() for k in rows[:most])]
        ids = [pixel_id(read_rgb(file)) for file in paths]
        first = dict(reversed(list(zip(ids, paths, strict=True))))
        with tempfile.TemporaryDirectory() as folder:
            print(f"embedding {len(paths)} images of {name} once ...", file=sys.stderr, flush=True)
            items = [ImageItem(i, file, 0) for i, file in first.items()]
            embed(items, backbone, Path(folder))
            shelf = open_embeddings(Path(folder))
            rows = sorted(set(shelf.ids), key=lambda i: first[i])
            X, parts = shelf.matrix(rows), shelf.parts
        files = [first[i].relative_to(source).as_posix() for i in rows]
        beside = kept.with_suffix(f".{os.getpid()}.npz")
        np.savez(beside, X=X, files=files, parts=json.dumps(parts.lengths))
        beside.replace(kept)
    with np.load(kept) as stored:
        X, files = stored["X"], [str(file) for file in stored["files"]]
        parts = Parts.of(json.loads(str(stored["parts"])))
    folders = [file.split("/")[0] for file in files]
    classes, y = np.unique(folders, return_inverse=True)
    return Images(X, y, [str(c) for c in classes], files, _groups(name, files), parts)


def _groups(name: str, files: list[str]) -> np.ndarray | None:
    manifest = DATA / name / "manifest.csv"
    if name in NO_PATIENTS or not manifest.exists():
        return None
    with manifest.open(newline="", encoding="utf-8") as file:
        of = {row["file"]: row.get("group") or "" for row in csv.DictReader(file)}
    groups = [of.get(file, "") for file in files]
    return np.array(groups, dtype=object) if all(groups) else None


def split(y: np.ndarray, seed: int, share: float = 1 / 3) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to draw labels from, and rows held out for testing, both in random order."""
    order = np.random.default_rng(seed).permutation(len(y))
    n_test = round(share * len(y))
    return order[n_test:], order[:n_test]


def balanced_accuracy(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean recall over the classes present."""
    return float(np.mean([(predicted[y == k] == k).mean() for k in np.unique(y)]))


def mean_and_half(values: list[float], overlap: float = 0.0) -> tuple[float, float]:
    """Return the mean and half the width of its 95 % t-interval.

    Draws of the same images are not independent: ``overlap`` is the number of images tested for
    each trained on (Nadeau & Bengio 2003, Machine Learning 52).
    """
    from scipy.stats import t

    a = np.asarray(values)
    if len(a) < 2:
        return float(a.mean()), float("nan")
    return float(a.mean()), float(
        t.ppf(0.975, len(a) - 1) * a.std(ddof=1) * np.sqrt(1 / len(a) + overlap)
    )


def with_doubt(values: list[float], sign: str = "", overlap: float = 0.0) -> str:
    """Write a mean with its half-interval, to a decimal; ``sign="+"`` for a difference."""
    mean, half = mean_and_half(values, overlap)
    return f"{round(mean, 1) + 0.0:{sign}.1f} ± {half:.1f}".replace("-", "−")
