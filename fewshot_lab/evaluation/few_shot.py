"""The protocol of Nielsen et al. 2023: accuracy against the number of labels per class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.backbones import Parts
from fewshot_lab.classifiers import PAPER, Pool, fit, one_blas_thread, paper_answers
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent
from fewshot_lab.stats import (
    BINS,
    Resamples,
    auroc,
    balanced_accuracy,
    calibration_error,
    macro_f1,
    percentile,
)

SHOTS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
DEFAULT = "default"
Answer = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Predicted classes (m,) and probabilities (m, K) of the test images."""
CLASSIFIERS = (*PAPER, DEFAULT)
METHOD = 4
"""Raised when the app chooses its classifier in another way: draws kept from before are no use."""
TEST_SHARE = 3
"""One image (or group) in so many is for testing."""


@dataclass(frozen=True)
class Embedded:
    """The same images by one backbone.

    Attributes
    ----------
    name, fingerprint : str
    X : array (n, d)
    parts : Parts or None
        What the d numbers are; one final embedding if None.
    """

    name: str
    fingerprint: str
    X: NDArray[Any]
    parts: Parts | None = None


@dataclass(frozen=True)
class Protocol:
    """What is drawn, and how often.

    Attributes
    ----------
    shots : tuple of int
        Labels per class.
    draws : int or None
        None for the paper's: 50 up to 10 per class, 20 up to 100, 5 above.
    min_class_size : int
        Classes with fewer images are left out.
    classifiers : tuple of str
        The paper's, "default" for the app's own choice, or any name that ``fit`` takes.
    seed : int
    """

    shots: tuple[int, ...] = (5, 10, 25, 50, 100)
    draws: int | None = None
    min_class_size: int = 0
    classifiers: tuple[str, ...] = CLASSIFIERS
    seed: int = 0

    def draws_of(self, shots: int) -> int:
        """Return how often labels are drawn for so many per class."""
        if self.draws is not None:
            return self.draws
        return 50 if shots <= 10 else 20 if shots <= 100 else 5


@dataclass(frozen=True)
class Split:
    """Images to draw labels from, and images for testing; no group on both sides.

    Attributes
    ----------
    rest, test : array of int
        Rows.
    sentence : str
        What was checked, to be printed beside every figure.
    """

    rest: NDArray[np.int64]
    test: NDArray[np.int64]
    sentence: str


def split_by_group(y: NDArray[np.int64], groups: NDArray[Any] | None, seed: int = 0) -> Split:
    """Set a third of each class apart for testing, whole groups together.

    Raises
    ------
    FewshotLabError
        If a class then is on one side alone.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    try:
        if groups is None:
            plain = StratifiedKFold(TEST_SHARE, shuffle=True, random_state=seed)
            rest, test = next(plain.split(np.zeros(len(y)), y))
        else:
            grouped = StratifiedGroupKFold(TEST_SHARE, shuffle=True, random_state=seed)
            rest, test = next(grouped.split(np.zeros(len(y)), y, groups))
        rest, test = np.sort(rest), np.sort(test)
    except ValueError as error:
        raise FewshotLabError(f"The images cannot be split for testing: {error}") from None
    missing = set(np.unique(y)) - (set(y[rest]) & set(y[test]))
    if missing:
        raise FewshotLabError(
            f"{len(missing)} of {len(np.unique(y))} classes have images of too few groups to be "
            "trained on and tested: leave them out with --min-class-size, or give more groups."
        )
    if groups is None:
        return Split(rest, test, "No groups are known: images of one patient may be on both sides.")
    both = set(groups[rest]) & set(groups[test])
    if both:  # never seen; every figure would be worthless
        raise AssertionError(f"groups on both sides of the split: {sorted(map(str, both))[:3]}")
    return Split(rest, test, f"{len(set(groups)):,} groups; none on both sides.")


@dataclass
class Curve:
    """What :func:`nshot` found; see :meth:`to_dict`."""

    classes: list[str]
    split: Split
    results: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)
    short: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "classes": self.classes,
            "leak_check": self.split.sentence,
            "test_images": len(self.split.test),
            "results": self.results,
            "differences": self.differences,
            "short": self.short,
        }


def nshot(
    backbones: Sequence[Embedded],
    y: NDArray[np.int64],
    classes: Sequence[str],
    groups: NDArray[Any] | None = None,
    protocol: Protocol | None = None,
    *,
    split: Split | None = None,
    keep: Path | None = None,
    progress: Progress = silent,
) -> Curve:
    """Draw n labels per class, train on them, test on images that are never drawn.

    Draws are paired: the same labels for every backbone and classifier, and those of n are among
    those of a larger n.

    Parameters
    ----------
    backbones
        At least one; rows in the order of `y`.
    y : array (n,)
        Classes, as positions in `classes`.
    groups : array (n,), optional
    split : Split, optional
        Images to draw from and to test on; a third of each class without it.
    keep
        A folder for what is computed; what is there already is not computed again.
    progress
        Stage "drawing labels": fits done of all.

    Raises
    ------
    FewshotLabError
        For fewer than two classes, unknown classifiers, or a split that cannot be.
    Stopped
    """
    protocol = protocol or Protocol()
    present = [k for k in np.unique(y) if (y == k).sum() >= max(protocol.min_class_size, 3)]
    if len(present) < 2:
        raise FewshotLabError(
            "The few-shot curve needs two classes of at least "
            f"{max(protocol.min_class_size, 3)} labelled images each."
        )
    names = [str(classes[k]) for k in present]
    kept = np.flatnonzero(np.isin(y, present))
    if split is not None:
        kept = np.intersect1d(kept, np.union1d(split.rest, split.test))
    code = np.searchsorted(present, y[kept])
    if split is None:
        apart = split_by_group(code, None if groups is None else groups[kept], protocol.seed)
    else:
        apart = _given(split, kept, code, names)
    curve = Curve(names, apart)
    keys = None if groups is None else groups[kept]
    test_groups = None if keys is None else keys[apart.test]
    total = len(backbones) * sum(protocol.draws_of(n) for n in protocol.shots)
    pools = [Pool(each.X[kept][apart.rest], parts=each.parts) for each in backbones]
    key = _digest(code, groups, apart, protocol)
    marks = [_mark(each, kept) for each in backbones] if keep else [""] * len(backbones)
    done = 0
    with one_blas_thread():
        for shots in sorted(protocol.shots):
            rows_of = list(_draws(code, apart.rest, shots, protocol))
            said: dict[tuple[str, str], list[Answer]] = {}
            for each, pool, mark in zip(backbones, pools, marks, strict=True):
                X = each.X[kept]
                for number, rows in enumerate(rows_of):
                    progress("drawing labels", done, total)
                    file = keep and keep / f"{key}-{mark}-{shots}-{number}.npz"
                    one = _one_draw(X, code, keys, rows, apart, pool, protocol.classifiers, file)
                    for name, answer in one.items():
                        said.setdefault((each.name, name), []).append(answer)
                    done += 1
            _summarise(curve, said, code, test_groups, shots, len(rows_of), protocol)
            sizes = np.bincount(code[apart.rest])
            curve.short += [
                {"shots": shots, "class": name, "drawn": int(size)}
                for name, size in zip(names, sizes, strict=True)
                if size < shots
            ]
    progress("drawing labels", total, total)
    return curve


def _draws(
    code: NDArray[np.int64], rest: NDArray[np.int64], shots: int, protocol: Protocol
) -> Iterator[NDArray[np.int64]]:
    for number in range(protocol.draws_of(shots)):
        order = np.random.default_rng([protocol.seed, number]).permutation(rest)
        yield np.concatenate([order[code[order] == k][:shots] for k in np.unique(code)])


def _one_draw(
    X: NDArray[Any],
    code: NDArray[np.int64],
    groups: NDArray[Any] | None,
    rows: NDArray[np.int64],
    apart: Split,
    pool: Pool,
    classifiers: Sequence[str],
    file: Path | None,
) -> dict[str, Answer]:
    """Return each classifier's answers of one draw."""
    if file is not None and file.exists():
        with np.load(file) as kept:
            if {f"{name} predicted" for name in classifiers} <= set(kept.files):
                return {
                    name: (kept[f"{name} predicted"].astype(np.int64), kept[name].astype(float))
                    for name in classifiers
                }
    found: dict[str, Answer] = {}
    if set(classifiers) & set(PAPER):
        finals = slice(0, pool.parts.finals.dimensions)
        found = paper_answers(X[rows, finals], code[rows], X[apart.test, finals])
    within = np.searchsorted(apart.rest, rows)
    for name in classifiers:
        if name not in found:
            fitted = fit(
                X[rows],
                code[rows],
                name="auto" if name == DEFAULT else name,
                groups=None if groups is None else groups[rows],
                near_duplicates=None,  # those that are known are among the groups
                pool=pool,
                rows=within,
            )
            probabilities = fitted.probabilities(X[apart.test]).astype(np.float64)
            found[name] = (fitted.class_ids[probabilities.argmax(axis=1)], probabilities)
    # Rounded as they are stored, so that a resumed curve has the same figures.
    found = {name: (found[name][0], _rounded(found[name][1])) for name in classifiers}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.part.npz")
        stored: dict[str, Any] = {k: p.astype(np.float32) for k, (_, p) in found.items()}
        stored |= {f"{k} predicted": p.astype(np.int16) for k, (p, _) in found.items()}
        np.savez_compressed(beside, **stored)
        beside.replace(file)
    return found


def _rounded(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return probabilities.astype(np.float32).astype(np.float64)


def _summarise(
    curve: Curve,
    said: dict[tuple[str, str], list[Answer]],
    code: NDArray[np.int64],
    groups: NDArray[Any] | None,
    shots: int,
    draws: int,
    protocol: Protocol,
) -> None:
    y = code[curve.split.test]
    resamples = Resamples(y, groups, draws, seed=protocol.seed)
    replicates, means = {}, {}
    for (backbone, name), answers in said.items():
        predicted = np.stack([p for p, _ in answers])
        probabilities = [p for _, p in answers]
        values = np.array([balanced_accuracy(y, p) for p in predicted])
        replicates[backbone, name] = resamples.balanced_accuracy(predicted == y)
        means[backbone, name] = float(values.mean())
        stacked = np.stack(probabilities)
        error = float(np.mean([calibration_error(y, p) for p in probabilities]))
        others = {
            "macro_f1": percentile(
                float(np.mean([macro_f1(y, p) for p in predicted])),
                resamples.macro_f1(predicted),
            ),
            "auroc": percentile(
                float(np.mean([auroc(y, p) for p in probabilities])), resamples.auroc(stacked)
            ),
            "ece": percentile(error, resamples.calibration_error(stacked, BINS, error)),
        }
        interval = percentile(means[backbone, name], replicates[backbone, name])
        curve.results.append(
            {
                "backbone": backbone,
                "classifier": name,
                "shots": shots,
                "draws": draws,
                "labels": shots * len(curve.classes),
                "balanced_accuracy": interval["value"],
                "interval": [interval["low"], interval["high"]],
                "by_draw": [float(v) for v in values],
                **others,
            }
        )
    first = next(iter(said))[0]
    for backbone, name in said:
        against = []
        if name == DEFAULT:
            against += [(backbone, other) for other in PAPER if (backbone, other) in said]
        if backbone != first:
            against.append((first, name))
        for other in against:
            difference = percentile(
                means[backbone, name] - means[other],
                replicates[backbone, name] - replicates[other],
            )
            curve.differences.append(
                {
                    "shots": shots,
                    "backbone": backbone,
                    "classifier": name,
                    "than_backbone": other[0],
                    "than_classifier": other[1],
                    "difference": difference["value"],
                    "interval": [difference["low"], difference["high"]],
                }
            )


def _given(
    split: Split, kept: NDArray[np.int64], code: NDArray[np.int64], names: list[str]
) -> Split:
    """Return a given split in terms of the images that are kept."""
    rest, test = (
        np.searchsorted(kept, np.intersect1d(side, kept)) for side in (split.rest, split.test)
    )
    for side, what in ((rest, "to draw from"), (test, "to test on")):
        lost = [name for k, name in enumerate(names) if not (code[side] == k).any()]
        if lost:
            raise FewshotLabError(
                f"The split leaves no image of {', '.join(lost[:3])} {what}: leave small classes "
                "out with --min-class-size, or give another split."
            )
    return Split(rest, test, split.sentence)


def _mark(backbone: Embedded, kept: NDArray[np.int64]) -> str:
    """Return a name for the embeddings, in their order: another order is other images' answers."""
    X = np.ascontiguousarray(backbone.X[kept])
    return hashlib.sha256(backbone.fingerprint.encode() + X.tobytes()).hexdigest()[:12]


def _digest(
    code: NDArray[np.int64], groups: NDArray[Any] | None, apart: Split, protocol: Protocol
) -> str:
    """Return a name for everything but the embeddings that a draw depends on."""
    known = hashlib.sha256(code.astype(np.int32).tobytes())
    known.update(
        apart.rest.astype(np.int32).tobytes() + b"/" + apart.test.astype(np.int32).tobytes()
    )
    known.update(repr((METHOD, protocol.seed, protocol.min_class_size)).encode())
    if groups is not None:
        known.update("\0".join(map(str, groups)).encode())
    return known.hexdigest()[:12]
