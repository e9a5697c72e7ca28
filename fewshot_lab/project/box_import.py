"""Boxes of a project's images, brought in as images of their own that are read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.arrivals import Arrivals, KnownSources
from fewshot_lab.project.import_report import ImportReport
from fewshot_lab.project.kept_images import take_in
from fewshot_lab.project.slides import GRIDS

if TYPE_CHECKING:
    from fewshot_lab.images import Box
    from fewshot_lab.project.training import ProjectCore


def import_boxes(
    project: ProjectCore,
    boxes: Mapping[str, Sequence[Box]],
    *,
    copy: bool = False,
    progress: Progress = silent,
) -> dict[tuple[str, Box], str]:
    """Bring in parts of images as images; nothing is copied unless asked.

    The group of a box is its image's, or else the image: boxes of one image are never torn apart.

    Parameters
    ----------
    project : ProjectCore
    boxes : mapping
        From an image's id to its boxes, within the image.
    copy : bool
        Keep each as a file of the project.

    Returns
    -------
    dict
        The path of each box, by image and box.

    Raises
    ------
    FewshotLabError
        Where an image is itself a part of another.
    """
    from fewshot_lab.images import BoxList, Candidate, is_tile_grid, load_boxes

    paths: dict[tuple[str, Box], str] = {}
    candidates = []
    for row in project.store.images(list(boxes)):
        place, frame = project.file_of(row.id)
        if is_tile_grid(place):
            raise FewshotLabError(f"{row.path} is part of another image: boxes there are not cut.")
        regions = BoxList(str(place), frame, row.path, ())
        file = regions.file_in(project.folder / GRIDS)
        if file.exists():
            regions = load_boxes(file)
        regions = regions.with_boxes(boxes[row.id])
        regions.save(file)
        for number, box in enumerate(regions.boxes):
            if box in boxes[row.id]:
                paths[row.id, box] = path = regions.path_of(number)
                group = row.group or row.path
                candidates.append(Candidate(path, file, number, group=group))
    report = ImportReport()
    arrivals = Arrivals(project.store, report)
    take_in(project, candidates, KnownSources(project), arrivals, copy=copy, progress=progress)
    project.splits.imported(None)
    project.store.note("import", boxes=len(candidates), added=report.added, copy=copy)
    return paths
