"""Backbones on the same labels and draws, with what they cost: whether pretraining paid."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import DEFAULT, Protocol
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.few_shot_study import nshot_of
from fewshot_lab.project.ground_truth import embedded_of, truth_of

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore

SHOTS = (1, 2, 5, 10, 25, 50, 100)
SAMPLE = 48
"""Images by which the speed of embedding is measured."""
TIMES = 3
"""Turns of each measurement of time."""


def backbones_of(
    project: ProjectCore,
    backbones: Sequence[str],
    *,
    protocol: Protocol | None = None,
    labels: str = "reference",
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare backbones by the app's classifier, paired draw by draw: :meth:`Studies.compare`."""
    from fewshot_lab.backbones import find

    names = list(dict.fromkeys(backbones))
    if len(names) < 2:
        raise FewshotLabError("A comparison needs two backbones: name each with --backbone.")
    for name in names:
        with project.through(name) as view:
            embeddings = view.embeddings
            if embeddings is None or not set(project.store.ids()) <= set(embeddings.ids):
                view.embed(progress=progress)
    protocol = protocol or Protocol(backbone_shots(project, labels), 10)
    protocol = replace(protocol, classifiers=(DEFAULT,))
    result = nshot_of(project, names, protocol=protocol, labels=labels, progress=progress)
    costs = {name: _cost(project, name, labels, max(protocol.shots)) for name in names}
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(TIMES):
        for done, name in enumerate(names):
            progress("timing", turn * len(names) + done, TIMES * len(names))
            speeds[name].append(_embedding_seconds(project, name))
    progress("timing", TIMES * len(names), TIMES * len(names))
    # In turns, and the best of them: who else uses the machine slows all alike.
    result |= {
        "costs": [
            {"backbone": name, "embed_seconds_per_1000": round(min(speeds[name]), 2)} | costs[name]
            for name in names
        ],
        "titles": {name: find(name).card.title for name in names},
        "at_hand": _labels_at_hand(project, protocol.shots),
    }
    return result | {"sentences": sentences(result)}


def backbone_shots(project: ProjectCore, labels: str) -> tuple[int, ...]:
    """Return the numbers of labels per class that the smallest class can give."""
    _, count = np.unique(list(truth_of(project, labels).values()), return_counts=True)
    count = count[count >= 6]
    most = int(count.min()) * 2 // 3 if len(count) else 0
    fits = tuple(n for n in SHOTS if n <= most)
    if not fits:
        raise FewshotLabError(
            f"A comparison needs {labels} labels of two classes, six images each at least."
        )
    return fits


def _embedding_seconds(project: ProjectCore, name: str) -> float:
    """Measure the seconds that 1,000 images would take, by a sample of them."""
    from fewshot_lab.embeddings import embed

    with project.through(name) as view, tempfile.TemporaryDirectory() as folder:
        ids = view.store.ids()
        items = view.items(ids[:: max(1, len(ids) // SAMPLE)][:SAMPLE])
        # The first images wait for the network to be loaded: they are not counted.
        embed(items[:2], view.backbone, Path(folder) / "first")
        began = time.perf_counter()
        embed(items, view.backbone, Path(folder) / "sample")
        return (time.perf_counter() - began) / len(items) * 1000


def _cost(project: ProjectCore, name: str, labels: str, shots: int) -> dict[str, Any]:
    """Measure the seconds of a fit on the largest draw."""
    truth = truth_of(project, labels)
    ids, embedded = embedded_of(project, [name], truth)
    X = embedded[0].X
    code = np.unique([truth[i] for i in ids], return_inverse=True)[1]
    order = np.random.default_rng(0).permutation(len(code))
    rows_ = np.concatenate([order[code[order] == k][:shots] for k in np.unique(code)])
    pool = Pool(X, parts=embedded[0].parts)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        fit(X[rows_], code[rows_], pool=pool, rows=rows_)
        seconds.append(time.perf_counter() - began)
    return {
        "embedded_sample": min(SAMPLE, len(project.store.ids())),
        "fit_seconds": round(float(np.median(seconds)), 3),
        "fit_labels": len(rows_),
        "dimensions": X.shape[1],
    }


def _labels_at_hand(project: ProjectCore, shots: Sequence[int]) -> int | None:
    """Return which number of labels per class is nearest to what people have given; None for no."""
    counts = [n for n in project.store.counts().classes.values() if n]
    if not counts:
        return None
    have = float(np.mean(counts))
    return min(shots, key=lambda n: abs(np.log(n / have)))


def sentences(result: dict[str, Any]) -> list[str]:
    """Say of each further backbone whether it is better than the first, and what it costs.

    First with about as many labels as people have given, then with the most.
    """
    words = []
    costs = {row["backbone"]: row for row in result["costs"]}
    first = result["costs"][0]["backbone"]
    titles = result["titles"]
    for name in [row["backbone"] for row in result["costs"][1:]]:
        rows = [d for d in result["differences"] if d["backbone"] == name]
        fewest, most = (f(rows, key=lambda d: d["shots"]) for f in (min, max))
        at_hand = next((row for row in rows if row["shots"] == result.get("at_hand")), fewest)
        parts = []
        for row in (at_hand, most):
            low, high = (100 * v for v in row["interval"])
            word = "better" if low > 0 else "worse" if high < 0 else "not told apart"
            parts.append(
                f"{100 * row['difference']:+.1f} points ({low:+.1f} to {high:+.1f}; {word}) at "
                f"{row['shots']} per class"
                + (", about as many as you have" if row["shots"] == result.get("at_hand") else "")
            )
        own, other = (costs[n]["embed_seconds_per_1000"] for n in (name, first))
        gains = " and ".join(dict.fromkeys(parts)).replace("-", "−")
        words.append(
            f"{titles[name]} against {titles[first]}: {gains}. "
            f"Embedding 1,000 images takes {own:.0f} s here, against {other:.0f} s."
        )
    return words
