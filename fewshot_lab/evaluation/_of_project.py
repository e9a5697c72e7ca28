"""From a project's rows to what the curves need."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.active import COLD_LABELS_PER_CLASS
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation._advice import Advice
from fewshot_lab.evaluation._learning_curve import learning_curve
from fewshot_lab.evaluation._nshot import Embedded, Protocol, Split, nshot
from fewshot_lab.evaluation._pace import pace
from fewshot_lab.evaluation._published import recognise
from fewshot_lab.evaluation._replay import ReplayPlan, replay, verdict
from fewshot_lab.evaluation._split_list import read_split
from fewshot_lab.files import write_atomically
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.project import Project

AUDIT_SHARE = 0.2


def advise(
    project: Project,
    *,
    name: str = "lda",
    parameters: Mapping[str, float] | None = None,
    check: Callable[[], None] = lambda: None,
) -> Advice:
    """Measure the learning curve of a project's labels as they are now.

    Parameters
    ----------
    project : Project
    name, parameters
        Of the classifier in use.
    check : callable
        Called between fits; it may wait, or raise to stop.
    """
    began = time.process_time()
    store = project.store
    position = store.position()
    pool = project.pool
    place = {i: row for row, i in enumerate(project.require_embeddings().ids[: len(pool)])}
    labels = {i: said.class_id for i, said in store.labels().items() if said.teaches and i in place}
    drawn = store.audit_ids()
    # What shares a group with an audit image, and the test set, neither trains nor is tested on.
    apart = project.splits.held_out(drawn) - drawn
    ids = sorted(labels.keys() - apart, key=place.__getitem__)
    share = store.get("audit_share")
    share = AUDIT_SHARE if share is None else min(max(float(share), 0.0), 0.95)
    if len(drawn) >= share * len(pool):
        share = 0.0
    curve = None
    if ids:
        curve = learning_curve(
            pool,
            np.array([place[i] for i in ids], dtype=np.int64),
            np.array([labels[i] for i in ids], dtype=np.int64),
            audit=np.array([i in drawn for i in ids]),
            groups=project.groups_of(ids),
            name=name,
            parameters=parameters,
            audit_share=share,
            picked=len(set(ids) - drawn) >= COLD_LABELS_PER_CLASS * len({labels[i] for i in ids}),
            check=check,
        )
    return Advice(
        position=position,
        curve=curve,
        names={row.id: row.name for row in store.classes(include_retired=True)},
        pace=pace(store.events()),
        seconds=time.process_time() - began,
    )


def truth_of(project: Project, labels: str) -> dict[str, str]:
    """Return the class name held to be true of each image that has a label of a kind.

    Parameters
    ----------
    labels : {"reference", "own"}
        Reference labels, or what people said (the audit set's labels, too).
    """
    store = project.store
    if labels == "reference":
        return {row.id: row.reference for row in store.images() if row.reference is not None}
    if labels != "own":
        raise FewshotLabError(f"labels is {labels!r}: reference or own.")
    names = {row.id: row.name for row in store.classes(include_retired=True)}
    return {
        image_id: names[label.class_id]
        for image_id, label in store.labels().items()
        if label.class_id is not None and label.teaches
    }


def embedded_of(
    project: Project, backbones: Sequence[str], truth: Mapping[str, str]
) -> tuple[list[str], list[Embedded]]:
    """Return the images with a label that every backbone has embedded, and their embeddings."""
    views = {name: project.through(name) for name in dict.fromkeys(backbones)}
    try:
        ids = sorted(truth)
        for view in views.values():
            there = set(view.require_embeddings().ids)
            ids = [i for i in ids if i in there]
        embedded = [
            Embedded(
                name,
                view.backbone.fingerprint,
                view.require_embeddings().matrix(ids).astype(np.float32),
            )
            for name, view in views.items()
        ]
    finally:
        for view in views.values():
            view.close()
    return ids, embedded


def nshot_of(
    project: Project,
    backbones: Sequence[str] | None = None,
    *,
    protocol: Protocol | None = None,
    labels: str = "reference",
    split_csv: Path | None = None,
    reference: str | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Return the few-shot curve of a project; see ``Project.nshot``."""
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
    groups = project.groups_of(ids)
    split, said = _split(project, ids, groups, split_csv)
    published = recognise(classes, reference)
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
    return {
        "project": project.name,
        "labels": labels,
        "images": len(ids),
        "protocol": asdict(protocol),
        "split": said,
        "published": published,
        "at": time.time(),
        **_as_known(project, ids, curve.to_dict()),
    }


def _split(
    project: Project, ids: list[str], groups: NDArray[Any] | None, split_csv: Path | None
) -> tuple[Split | None, str]:
    """Return which images are drawn from and which test, where that is given."""
    if split_csv is not None:
        sides = read_split(Path(split_csv))
        known = project.store.find_many(list(sides))
        side = {known[path]: which for path, which in sides.items() if path in known}
        test = np.array([side.get(i) == "test" for i in ids], dtype=bool)
        rest = np.array([side.get(i) == "train" for i in ids], dtype=bool)
        lost = len(sides) - len(known)
        said = (
            f"{Path(split_csv).name}: {int(rest.sum()):,} to draw from, {int(test.sum()):,} to test"
        )
        if lost:
            said += f", {lost:,} of its paths are not in the project"
    else:
        of_test = project.splits.test_ids()
        test = np.array([i in of_test for i in ids], dtype=bool)
        if not test.any() or test.all():
            return None, "a third of each class, drawn by chance"
        rest, said = ~test, "the reference test set"
    if not test.any() or not rest.any():
        raise FewshotLabError(
            f"{said}. Both sides need labelled images: the column path must hold paths as they "
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
                f"are tested ({', '.join(map(str, both[:3]))}{', ...' if len(both) > 3 else ''})."
            )
    return Split(np.flatnonzero(rest), np.flatnonzero(test), sentence), said


def _as_known(project: Project, ids: Sequence[str], found: dict[str, Any]) -> dict[str, Any]:
    """Return a result whose leak check names groups as the project does.

    It counts none where near-duplicates alone make them.
    """
    said = str(found["leak_check"])
    counted = re.match(r"[\d,]+ groups; none on both sides\.", said)
    if counted is None:
        return found
    if project.splits.in_named_group(ids).any():
        named = said.replace(" groups;", f" {project.splits.rule.noun}s;", 1)
        return found | {"leak_check": named}
    alone = "No groups are known: images of one patient may be on both sides, near-duplicates not."
    return found | {"leak_check": alone + said[counted.end() :]}


def replay_of(
    project: Project,
    *,
    plan: ReplayPlan | None = None,
    labels: str = "own",
    progress: Progress = silent,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Return what each strategy would have cost on a project's labels; see ``Project.replay``."""
    truth = truth_of(project, labels)
    pool = project.pool
    place = {i: row for row, i in enumerate(project.require_embeddings().ids[: len(pool)])}
    ids = sorted(truth.keys() & place.keys())
    classes = sorted({truth[i] for i in ids})
    rows = np.array([place[i] for i in ids], dtype=np.int64)
    y = np.array([classes.index(truth[i]) for i in ids], dtype=np.int64)
    found = replay(
        pool.rotated[rows], y, project.groups_of(ids), plan, progress=progress, check=check
    )
    found = _as_known(project, ids, found)
    found = {"project": project.name, "labels": labels, "at": time.time(), **found}
    return found | {"verdict": verdict(found)}


def remember(project: Project, name: str, found: dict[str, Any]) -> None:
    """Write the newest result where the page finds it."""
    folder = project.folder / "evaluations"
    folder.mkdir(exist_ok=True)
    write_atomically(folder / f"{name}.json", json.dumps(found, ensure_ascii=False).encode())


def newest(project: Project, name: str) -> dict[str, Any] | None:
    """Return the newest result of "nshot", "replay" or "backbones"; None where there is none."""
    try:
        found = json.loads((project.folder / "evaluations" / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
