"""The few-shot curve of a project."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import Protocol, Split, nshot, read_split, recognise
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.ground_truth import as_known, embedded_of, truth_of
from fewshot_lab.words import first_few

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore


def nshot_of(
    project: ProjectCore,
    backbones: Sequence[str] | None = None,
    *,
    protocol: Protocol | None = None,
    labels: str = "reference",
    split_csv: Path | None = None,
    reference: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Return the few-shot curve of a project; see :meth:`Studies.few_shot`."""
    protocol = protocol or Protocol()
    truth = truth_of(project, labels)
    ids, embedded = embedded_of(project, backbones or [project.backbone_name], truth)
    classes = sorted({truth[i] for i in ids})
    if len(classes) < 2:
        raise FewshotLabError(
            f"The few-shot curve needs {labels} labels of two classes at least; "
            f"{project.name!r} has those of {len(classes)}."
        )
    y = np.array([classes.index(truth[i]) for i in ids], dtype=np.int64)
    groups = project.splits.groups_of(ids)
    split, origin = _split(project, ids, groups, split_csv)
    recognise(classes, reference)  # a name that is none is said before the work
    curve = nshot(
        embedded,
        y,
        classes,
        groups,
        protocol,
        split=split,
        keep=project.folder / "evaluations",
        progress=progress,
    )
    measured_classes = curve.classes
    return {
        "project": project.name,
        "labels": labels,
        "images": sum(truth[i] in measured_classes for i in ids),
        "protocol": asdict(protocol),
        "split": origin,
        "published": recognise(measured_classes, reference),
        "at": time.time(),
        **as_known(project, ids, curve.to_dict()),
    }


def _split(
    project: ProjectCore, ids: list[str], groups: NDArray[Any] | None, split_csv: Path | None
) -> tuple[Split | None, str]:
    """Return which images are drawn from and which test, where that is given."""
    if split_csv is not None:
        sides = read_split(Path(split_csv))
        known = project.store.find_many(list(sides))
        side = {known[path]: which for path, which in sides.items() if path in known}
        test = np.array([side.get(i) == "test" for i in ids], dtype=bool)
        rest = np.array([side.get(i) == "train" for i in ids], dtype=bool)
        lost = len(sides) - len(known)
        origin = (
            f"{Path(split_csv).name}: {int(rest.sum()):,} to draw from, {int(test.sum()):,} to test"
        )
        if lost:
            origin += f", {lost:,} of its paths are not in the project"
    else:
        of_test = project.splits.test_ids()
        test = np.array([i in of_test for i in ids], dtype=bool)
        if not test.any() or test.all():
            return None, "a third of each class, drawn by chance"
        rest, origin = ~test, "the reference test set"
    if not test.any() or not rest.any():
        raise FewshotLabError(
            f"{origin}. Both sides need labelled images: the column path must hold paths as they "
            "were imported, the column split train or test."
        )
    sentence = "No groups are known: images of one patient may be on both sides."
    if groups is not None:
        both = sorted(set(groups[rest]) & set(groups[test]))
        lost = int((rest & np.isin(groups, both)).sum())
        rest &= ~np.isin(groups, both)
        sentence = f"{len(set(groups[rest | test])):,} groups; none on both sides."
        if both:
            sentence += (
                f" {lost:,} images to draw from were left out, because images of their groups "
                f"are tested ({first_few(list(map(str, both)))})."
            )
    return Split(np.flatnonzero(rest), np.flatnonzero(test), sentence), origin
