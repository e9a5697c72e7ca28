"""Embedding and map, as several verbs make them after what they bring in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fewshot_lab.cli.reporting import listed, tell

if TYPE_CHECKING:
    from fewshot_lab.progress import Progress
    from fewshot_lab.project import Project


@contextmanager
def listing_unreadable() -> Iterator[None]:
    """List what could not be read where it is so much that embedding fails."""
    from fewshot_lab.project import UnreadableImages

    try:
        yield
    except UnreadableImages as error:
        tell(asdict(error.report), "")
        listed(error.report.failed)
        raise


def prepare_project(
    project: Project,
    *,
    backbone: str | None = None,
    neighbours: int | None = None,
    min_dist: float | None = None,
    report: Progress,
) -> dict[str, Any]:
    """Embed and lay out; return both reports.

    A third of the way a first map is drawn, so that there is something to look at. A project that
    has a map keeps it, and its backbone, until another backbone has made its own.
    """
    if backbone is not None and project.map is not None:
        with project.through(backbone) as view:
            reports = prepare_project(view, neighbours=neighbours, min_dist=min_dist, report=report)
        project.use_backbone(backbone)
        return reports
    shown = backbone is not None  # until the switch, the map belongs to the old backbone

    def report_and_show(stage: str, done: int, total: int | None) -> None:
        nonlocal shown
        report(stage, done, total)
        if not shown and stage == "embedding" and total and 3 * done >= total:
            shown = project.first_map()

    with listing_unreadable():
        embedded = project.embed(backbone=backbone, progress=report_and_show)
    listed(embedded.failed)
    layout = project.make_map(neighbours=neighbours, min_dist=min_dist, progress=report)
    project.splits.search(report)
    project.kept_pool.keep_views(project.require_embeddings(), report)
    return {"embed": asdict(embedded), "map": {"images": len(layout.ids), "method": layout.method}}
