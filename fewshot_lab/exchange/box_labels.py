"""Labelled boxes of images as images of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.pictures import Rectangle
from fewshot_lab.images import Box
from fewshot_lab.progress import Progress
from fewshot_lab.project import import_boxes

if TYPE_CHECKING:
    from fewshot_lab.project import Project

BoxRows = Mapping[str, Sequence[tuple[str, Rectangle, str]]]


class CutBoxes(NamedTuple):
    """What came of boxes.

    Attributes
    ----------
    rows : dict
        From an annotator to paths and labels: of a box's own image, or of an image that is not
        in the project.
    boxes : int
    empty : int
        Boxes without a pixel of their image.
    """

    rows: dict[str, list[tuple[str, str]]]
    boxes: int
    empty: int


def cut_boxes(
    project: Project, rows: BoxRows, source: str, *, copy: bool, progress: Progress
) -> CutBoxes:
    """Make images of the boxes that annotators drew; ``source`` names their file.

    Raises
    ------
    FewshotLabError
        Where somebody says two things of one box; nothing is stored then.
    """
    ids = project.store.find_many(list({path for some in rows.values() for path, *_ in some}))
    sizes = {row.id: (row.width, row.height) for row in project.store.images(list(ids.values()))}
    labels: dict[tuple[str, str, Box], str] = {}
    cut = CutBoxes({}, 0, 0)
    for who, some in rows.items():
        for path, rectangle, label in some:
            if path not in ids:
                cut.rows.setdefault(who, []).append((path, label))
                continue
            box = _within(rectangle, *sizes[ids[path]])
            if box is None:
                cut = cut._replace(empty=cut.empty + 1)
            elif labels.setdefault((who, ids[path], box), label) != label:
                raise FewshotLabError(
                    f"{source} gives one box of {path} two labels: {label} and "
                    f"{labels[who, ids[path], box]}. Leave one of them."
                )
    boxes: dict[str, list[Box]] = {}
    for _, image_id, box in labels:
        boxes.setdefault(image_id, []).append(box)
    if not boxes:
        return cut
    paths = import_boxes(project, boxes, copy=copy, progress=progress)
    for (who, image_id, box), label in labels.items():
        cut.rows.setdefault(who, []).append((paths[image_id, box], label))
    return cut._replace(boxes=len(paths))


def _within(rectangle: Rectangle, width: int, height: int) -> Box | None:
    """Return the pixels of an image that a rectangle holds; None for none."""
    across, down = (1.0, 1.0)
    if rectangle.of is not None:
        across, down = width / rectangle.of, height / rectangle.of
    left = min(max(round(rectangle.x * across), 0), width)
    top = min(max(round(rectangle.y * down), 0), height)
    right = min(max(round((rectangle.x + rectangle.width) * across), 0), width)
    bottom = min(max(round((rectangle.y + rectangle.height) * down), 0), height)
    if right <= left or bottom <= top:
        return None
    return Box(left, top, right - left, bottom - top)
