"""The protocol of Nielsen et al. 2023: accuracy against the number of labels per class."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import PAPER, Pool, fit, one_blas_thread, paper_answers
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.few_shot_curve import Curve, summarise
from fewshot_lab.evaluation.few_shot_protocol import (
    DEFAULT,
    Answer,
    Embedded,
    Protocol,
    Split,
    split_by_group,
)
from fewshot_lab.files import keep_if_possible
from fewshot_lab.progress import Progress, silent

METHOD = 4
"""Raised when the app chooses its classifier in another way: draws kept from before are no use."""


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
    used = np.flatnonzero(np.isin(y, present))
    if split is not None:
        used = np.intersect1d(used, np.union1d(split.rest, split.test))
    code = np.searchsorted(present, y[used])
    if split is None:
        apart = split_by_group(code, None if groups is None else groups[used], protocol.seed)
    else:
        apart = _within(split, used, code, names)
    curve = Curve(names, apart)
    keys = None if groups is None else groups[used]
    test_groups = None if keys is None else keys[apart.test]
    total = len(backbones) * sum(protocol.draws_of(n) for n in protocol.shots)
    pools = [Pool(each.X[used][apart.rest], parts=each.parts) for each in backbones]
    key = _digest(code, groups, apart, protocol)
    marks = [_mark(each, used) for each in backbones] if keep else [""] * len(backbones)
    done = 0
    with one_blas_thread():
        for shots in sorted(protocol.shots):
            rows_of = list(_draws(code, apart.rest, shots, protocol))
            answers: dict[tuple[str, str], list[Answer]] = {}
            for each, pool, mark in zip(backbones, pools, marks, strict=True):
                X = each.X[used]
                for number, rows in enumerate(rows_of):
                    progress("drawing labels", done, total)
                    file = keep and keep / f"{key}-{mark}-{shots}-{number}.npz"
                    one = _one_draw(X, code, keys, rows, apart, pool, protocol.classifiers, file)
                    for name, answer in one.items():
                        answers.setdefault((each.name, name), []).append(answer)
                    done += 1
            summarise(curve, answers, code, test_groups, shots, len(rows_of), protocol)
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
        with np.load(file) as saved:
            if {f"{name} predicted" for name in classifiers} <= set(saved.files):
                return {
                    name: (saved[f"{name} predicted"].astype(np.int64), saved[name].astype(float))
                    for name in classifiers
                }
    answers: dict[str, Answer] = {}
    if set(classifiers) & set(PAPER):
        finals = slice(0, pool.parts.finals.dimensions)
        answers = paper_answers(X[rows, finals], code[rows], X[apart.test, finals])
    within = np.searchsorted(apart.rest, rows)
    for name in classifiers:
        if name not in answers:
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
            answers[name] = (fitted.class_ids[probabilities.argmax(axis=1)], probabilities)
    # Rounded as they are stored, so that a resumed curve has the same figures.
    answers = {name: (answers[name][0], _rounded(answers[name][1])) for name in classifiers}
    if file is not None:
        stored: dict[str, Any] = {k: p.astype(np.float32) for k, (_, p) in answers.items()}
        stored |= {f"{k} predicted": p.astype(np.int16) for k, (p, _) in answers.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **stored)
        keep_if_possible(file, buffer.getbuffer())
    return answers


def _rounded(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return probabilities.astype(np.float32).astype(np.float64)


def _within(
    split: Split, used: NDArray[np.int64], code: NDArray[np.int64], names: list[str]
) -> Split:
    """Return a given split in terms of the images that are kept."""
    rest, test = (
        np.searchsorted(used, np.intersect1d(side, used)) for side in (split.rest, split.test)
    )
    for side, what in ((rest, "to draw from"), (test, "to test on")):
        lost = [name for k, name in enumerate(names) if not (code[side] == k).any()]
        if lost:
            raise FewshotLabError(
                f"The split leaves no image of {', '.join(lost[:3])} {what}: leave small classes "
                "out with --min-class-size, or give another split."
            )
    return Split(rest, test, split.sentence)


def _mark(backbone: Embedded, used: NDArray[np.int64]) -> str:
    """Return a name for the embeddings, in their order: another order is other images' answers."""
    X = np.ascontiguousarray(backbone.X[used])
    return hashlib.sha256(backbone.fingerprint.encode() + X.tobytes()).hexdigest()[:12]


def _digest(
    code: NDArray[np.int64], groups: NDArray[Any] | None, apart: Split, protocol: Protocol
) -> str:
    """Return a name for everything but the embeddings that a draw depends on."""
    digest = hashlib.sha256(code.astype(np.int32).tobytes())
    digest.update(
        apart.rest.astype(np.int32).tobytes() + b"/" + apart.test.astype(np.int32).tobytes()
    )
    digest.update(repr((METHOD, protocol.seed, protocol.min_class_size)).encode())
    if groups is not None:
        digest.update("\0".join(map(str, groups)).encode())
    return digest.hexdigest()[:12]
