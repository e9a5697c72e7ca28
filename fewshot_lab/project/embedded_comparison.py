"""Backbones that come with the app, compared on the labels and folds of the one in use."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import cross_validation
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.kept_studies import newest, remember
from fewshot_lab.stats import paired_gain
from fewshot_lab.words import duration

if TYPE_CHECKING:
    from fewshot_lab.backbones import Backbone, Parts
    from fewshot_lab.classifiers import Fitted
    from fewshot_lab.project.training import ProjectCore


LEAST, GROWTH = 5, 1.5
"""Labels of every class from which on backbones are compared; again at so many times as many."""
LABELLED, OTHERS = 600, 300
"""Most images with and without a label that are embedded to compare: the rest adds little."""
NO_MATTER = 0.01
"""Balanced accuracy that is no reason to take one backbone rather than another."""
FIRST = 16
"""Images by which the speed is measured before the others are begun."""
KEPT, COMPARED = "better_backbone", "backbone_compared"
DECLINED, TAKEN = "backbone_declined", "backbone_taken"


def better_backbone(
    project: ProjectCore,
    backbones: Sequence[str] = (),
    *,
    within: float | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Compare backbones with the one in use, on the labels and folds of its cross-validation.

    Parameters
    ----------
    project
    backbones
        To compare with; those that come with the app, and the one in use with its inner stages,
        where none is given.
    within : float, optional
        Seconds of embedding that one of them may take; it is left out where it takes longer.

    Returns
    -------
    dict
        ``rows``: ``balanced_accuracy`` of each backbone out of fold (value, low, high), the one in
        use first, and for the others ``gain``, ``low`` and ``high``, which hold together at 95 %.
        ``better``: the one that is clearly better, or None. ``left_out`` and why. ``sentence``.
        Kept in the project's folder.

    Raises
    ------
    FewshotLabError
        With fewer than five labels of a class.
    """
    began = time.monotonic()
    training = project.training_set()
    _enough(project, training.y)
    chosen = _spread(training.y)
    y = training.y[chosen]
    groups = None if training.groups is None else training.groups[chosen]
    ids = [training.ids[i] for i in chosen] + _others(project, set(training.ids))
    wanted = list(dict.fromkeys(backbones)) or candidates(project)
    last = newest(project, KEPT) or {"rows": []}
    speeds = {row["backbone"]: row["seconds_per_image"] for row in last["rows"]}
    rates: dict[str, NDArray[np.float64]] = {}
    rows: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for name in (project.backbone_name, *(n for n in wanted if n != project.backbone_name)):
        try:
            with project.through(name) as view:
                card = view.backbone.card
                row: dict[str, Any] = {"backbone": name, "title": card.title, "leaks": card.leaks}
                X, parts, each = _embedded(view, ids, within, progress)
                row["seconds_per_image"] = each or speeds.get(name, 0.0)
                embedded = set(view.embeddings.ids) if view.embeddings else set()
            row["missing"] = len(set(project.store.ids()) - embedded)
            progress("comparing", len(rates), len(wanted) + 1)
            fitted = _fitted(X, y, parts, groups)
            rates[name] = hits(fitted)
            accuracy = cross_validation(fitted, ids[: len(y)], groups).balanced_accuracy
            row["balanced_accuracy"] = [accuracy.value, accuracy.low, accuracy.high]
            rows.append(row)
        except _TooLong as slow:
            row["missing"] = len(project.store.ids())
            left_out.append(row | {"seconds_per_image": slow.each, "reason": str(slow)})
        except FewshotLabError as error:
            if name == project.backbone_name:
                raise
            left_out.append({"backbone": name, "title": name, "reason": str(error)})
    _judge(rows, rates, y, groups)
    clear = [row for row in rows[1:] if row["low"] > 0]
    most = max((row["gain"] for row in clear), default=0.0)
    # The first of those that are as good: candidates stand in the order of what suits most kinds.
    better = next((row for row in clear if row["gain"] > most - NO_MATTER), None)
    comparison = {
        "in_use": project.backbone_name,
        "fingerprint": project.backbone.fingerprint,
        "labels": len(training.ids),
        "compared": len(y),
        "classes": len(np.unique(y)),
        "rows": rows,
        "left_out": left_out,
        "better": better["backbone"] if better else None,
        "made": time.time(),
        "seconds": round(time.monotonic() - began, 1),
    }
    comparison["sentence"] = verdict_of(comparison)
    remember(project, KEPT, comparison)
    return comparison


def images_to_compare(project: ProjectCore) -> int:
    """Return how many images each backbone embeds for a comparison."""
    labelled = sum(label.teaches for label in project.store.labels().values())
    free = max(0, len(project.store.ids()) - labelled)
    return min(labelled, LABELLED) + min(free, OTHERS)


def candidates(project: ProjectCore) -> list[str]:
    """Return the backbones that are compared with the one in use without a download."""
    from fewshot_lab.backbones import EMBEDDED, find, with_stages

    names = [*EMBEDDED, with_stages(project.backbone_name)]
    return [
        name
        for name in dict.fromkeys(names)
        if name != project.backbone_name and find(name).weights() is not None
    ]


def verdict_of(comparison: dict[str, Any]) -> str:
    """Return in one sentence what a comparison says."""
    own, others = comparison["rows"][0], comparison["rows"][1:]
    on = f"on {comparison['compared']:,} labelled images, each held out in turn"
    row = next((r for r in others if r["backbone"] == comparison["better"]), None)
    if row is not None:
        return (
            f"{row['title']} tells your classes apart better than {own['title']}: {points(row)} "
            f"{on}."
        )
    if not others:
        return "No other backbone was compared."
    return f"No other backbone is clearly better than {own['title']} {on}."


def points(row: dict[str, Any]) -> str:
    """Return a gain with its interval: "+3.1 points (0.8 to 5.4)"."""
    low, high = 100 * row["low"], 100 * row["high"]
    return f"{100 * row['gain']:+.1f} points ({low:.1f} to {high:.1f})".replace("-", "−")


class _TooLong(FewshotLabError):  # noqa: N818
    def __init__(self, each: float, n: int) -> None:
        self.each = each
        super().__init__(f"Left out: to embed {n:,} images by it takes about {duration(each * n)}.")


def _enough(project: ProjectCore, y: NDArray[np.int64]) -> None:
    names = {row.id: row.name for row in project.store.classes(include_retired=True)}
    counts = Counter(y.tolist())
    if len(counts) < 2:
        raise FewshotLabError("Backbones are compared on labels of two classes at least.")
    few = min(counts, key=counts.__getitem__)
    if counts[few] < LEAST:
        raise FewshotLabError(
            f"Backbones are compared from {LEAST} labels of every class on: "
            f"{names[few]} has {counts[few]}."
        )


def _spread(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which labelled images are compared on, in order; of many some of each class."""
    if len(y) <= LABELLED:
        return np.arange(len(y))
    order = np.random.default_rng(0).permutation(len(y))
    rank = np.empty(len(y), dtype=np.int64)
    for k in np.unique(y):
        of_class = order[y[order] == k]
        rank[of_class] = np.arange(len(of_class))
    return np.sort(np.argsort(rank, kind="stable")[:LABELLED])


def _others(project: ProjectCore, labelled: set[str]) -> list[str]:
    """Return some images without a label, spread evenly: what is typical is learnt from them."""
    apart = project.splits.held_out(())
    free = [i for i in project.require_embeddings().ids if i not in labelled and i not in apart]
    step = max(1, len(free) // OTHERS)
    return free[::step][:OTHERS]


def _embedded(
    view: ProjectCore, ids: Sequence[str], within: float | None, progress: Progress
) -> tuple[NDArray[np.float32], Parts, float]:
    """Return embeddings (n, d) of images, their parts, and the seconds that one took; 0: none."""
    from fewshot_lab.embeddings import embed, open_embeddings

    backbone: Backbone = view.backbone
    there = view.embeddings
    if there is not None and set(ids) <= set(there.ids):
        return there.matrix(ids).astype(np.float32), there.parts, 0.0
    folder = view.folder / "trials" / backbone.fingerprint
    items = view.items(ids)
    first = embed(items[:FIRST], backbone, folder)
    each = 1 / first.images_per_second if first.done and first.images_per_second else 0.0
    if within is not None and each * len(items) > within:
        raise _TooLong(each, len(items))
    report = embed(items, backbone, folder, progress=progress)
    if report.done and report.images_per_second:
        each = 1 / report.images_per_second
    if report.failed:
        raise FewshotLabError(f"{len(report.failed):,} of the labelled images cannot be read now.")
    embeddings = open_embeddings(folder)
    return embeddings.matrix(ids).astype(np.float32), embeddings.parts, each


def _fitted(
    X: NDArray[np.float32], y: NDArray[np.int64], parts: Parts, groups: NDArray[Any] | None
) -> Fitted:
    """Fit on the first images (n, d) with their labels; the rest have none."""
    n = len(y)
    return fit(
        X[:n],
        y,
        groups=groups,
        near_duplicates=None,
        pool=Pool(X, parts=parts),
        rows=np.arange(n),
        quick=True,
    )


def hits(fitted: Fitted) -> NDArray[np.float64]:
    """Return for each labelled image (n,) the share of repeats in which it was right; else NaN."""
    out = fitted.out_of_fold
    right = (out.probabilities.argmax(axis=2) == out.y).astype(np.float64)
    right[np.isnan(out.probabilities[:, :, 0])] = np.nan
    # In every repeat or in none, so that all images count alike.
    return np.asarray(right.mean(axis=0))


def _judge(
    rows: list[dict[str, Any]],
    rates: dict[str, NDArray[np.float64]],
    y: NDArray[np.int64],
    groups: NDArray[Any] | None,
) -> None:
    """Add to each row but the first what it gains over that one (Bonferroni)."""
    own = rates[rows[0]["backbone"]]
    held = ~np.isnan(own)
    level = 1 - 0.05 / max(1, len(rows) - 1)
    groups_held = None if groups is None else np.asarray(groups)[held].astype(str)
    for row in rows[1:]:
        gain = paired_gain(
            y[held], rates[row["backbone"]][held] - own[held], groups_held, level=level
        )
        row |= {"gain": gain.value, "low": gain.low, "high": gain.high}
