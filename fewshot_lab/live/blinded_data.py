"""Facts about images and labels, as far as one annotator may see them.

Whoever labels an image must not be swayed: not by what others said of it, and where it is labelled
blind or measures, not by what tells of its class, as the folder it lies in often does.
"""

import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.slides import SLIDE_COLUMN
from fewshot_lab.live.blinding import (
    Visibility,
    names_without_folders,
    value_without_folders,
    without_folders,
)
from fewshot_lab.project import Project, conflicts
from fewshot_lab.store import Label


def visible_facts(project: Project, visibility: Visibility, image_id: str) -> dict[str, Any]:
    """Return what may be told of one image beside its pixels: its row, label and opinions."""
    row = project.store.image(image_id)
    if visibility.hides_prediction(image_id):
        shown = {k: value_without_folders(v) for k, v in row.meta.items()}
        about = {k: value for k, value in shown.items() if value is not None}
        if SLIDE_COLUMN in row.meta:
            about[SLIDE_COLUMN] = without_folders(str(row.meta[SLIDE_COLUMN]))
        path = without_folders(row.path)
        group = None if row.group is None else without_folders(row.group)
        row = row._replace(path=path, reference=None, group=group, meta=about)
    if visibility.hides_labels(image_id):
        return {"row": row, "label": None, "opinions": []}
    label = project.store.labels_of([image_id]).get(image_id)
    return {"row": row, "label": label, "opinions": shared_opinions(project, image_id)}


def shared_opinions(project: Project, image_id: str) -> list[Label]:
    """Return what each annotator says of an image, where more than one has said something."""
    by = project.store.opinions().get(image_id, {})
    return sorted(by.values(), key=lambda label: label.event_id) if len(by) > 1 else []


def visible_neighbours(
    project: Project, visibility: Visibility, image_id: str, k: int, *, unlabelled: bool
) -> list[tuple[str, float]]:
    """Return the images most like one; unlabelled ones are those without a label in sight."""
    if not unlabelled or visibility.labels_hidden is None:
        return project.neighbours(image_id, k, unlabelled_only=unlabelled)
    nearest = project.neighbours(image_id, len(visibility.order.ids))
    return [(other, s) for other, s in nearest if not visibility.is_labelled(other)][:k]


def visible_column(project: Project, visibility: Visibility, name: str) -> dict[str, Any]:
    """Return a metadata column by image, or ``@reference`` or ``@group``.

    Slides and groups go by their names alone as long as any image is labelled blind, and so do
    paths in any other column: what is said of a slide's other tiles would tell the folder of a
    hidden one.
    """
    if name == "@reference":
        values = project.store.column("reference")
        return {i: value for i, value in values.items() if not visibility.hides_prediction(i)}
    if name != "@group" and name not in project.store.columns():
        raise FewshotLabError(f"There is no column {name!r}.")
    values = project.store.column(name.removeprefix("@"))
    if not visibility.predictions_hidden().any():
        return values
    if name.removeprefix("@") not in ("group", SLIDE_COLUMN):
        return {image_id: value_without_folders(value) for image_id, value in values.items()}
    names = names_without_folders(str(value) for value in values.values())
    return {image_id: names[str(value)] for image_id, value in values.items()}


def visible_search(project: Project, visibility: Visibility, text: str, limit: int) -> list[str]:
    """Return the images whose path holds a text; of some, only the name may be searched."""
    ids = project.store.search(text, limit=limit)
    veiled = [image_id for image_id in ids if visibility.hides_prediction(image_id)]
    wanted = unicodedata.normalize("NFC", text).casefold()
    names = {row.id: PurePosixPath(row.path).name for row in project.store.images(veiled)}
    matching = {i for i, name in names.items() if wanted in name.casefold() or i.startswith(wanted)}
    return [image_id for image_id in ids if image_id not in names or image_id in matching]


def visible_labels(
    project: Project, visibility: Visibility, at: int | None = None
) -> list[dict[str, Any]]:
    """Return the labels of now, or as of an action, as rows of a table."""
    hidden = visibility.hidden_ids()
    return [row for row in project.store.export_labels(at=at) if row["image"] not in hidden]


def images_to_decide(project: Project, visibility: Visibility) -> list[tuple[str, bool]]:
    """Return the images people disagree on, and whether each is decided; for seniors alone."""
    if visibility.is_senior:
        return [(each.image_id, each.decided) for each in conflicts(project)]
    seniors = ", ".join(visibility.team.seniors)
    raise FewshotLabError(
        f"Only a senior decides where opinions differ: {seniors}."
        if seniors
        else "No senior is named yet: Evaluate, People says who decides."
    )


def disagreeing_images(
    project: Project, visibility: Visibility, pair: Sequence[str | None], cell: tuple[int, int]
) -> list[str]:
    """Return the images that a cell of the disagreement matrix counts."""
    ids = project.team.report().cells(*pair).get(cell, [])
    hidden = set() if visibility.is_senior else visibility.hidden_ids()
    return [image_id for image_id in ids if image_id not in hidden]
