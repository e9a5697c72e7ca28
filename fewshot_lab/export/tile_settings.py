"""How a project's slides are cut, for predict.py to cut others in the same way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fewshot_lab.export.predict_slides import TileSettings
from fewshot_lab.images.slides import TileGrid, TissueRule
from fewshot_lab.project import grids_of

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore


def tile_settings(project: ProjectCore) -> TileSettings | None:
    """Return the settings of most of a project's slides; None without slides.

    Slides that were imported before it was kept what counts as tissue go by the usual rule.
    """
    grids = grids_of(project)
    if not grids:
        return None
    return Counter(_settings(grid, grid.tissue or TissueRule()) for grid in grids).most_common(1)[
        0
    ][0]


def _settings(grid: TileGrid, rule: TissueRule) -> TileSettings:
    return TileSettings(
        grid.tile_px,
        None if grid.tile_mpp is None else round(grid.tile_mpp, 4),
        round(1 - grid.step / grid.side, 4),
        rule.saturation,
        rule.texture,
        rule.share,
    )
