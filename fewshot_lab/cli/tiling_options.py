"""How slides are cut, as the terminal takes it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fewshot_lab.cli.options import option
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.images import Tiling


_option = partial(option, rich_help_panel="Whole slides")

TileUm = Annotated[float | None, _option("Side of a tile in micrometres (128).", "--tile-um")]
Mpp = Annotated[
    float | None, _option("Micrometres per pixel of a tile (0.5, which is called 20x).", "--mpp")
]
TilePx = Annotated[
    int | None,
    _option("Instead: side of a tile in pixels of the slide's finest level.", "--tile-px"),
]
Overlap = Annotated[
    float | None, _option("Share of a side that neighbours have in common (0).", "--overlap")
]
Tiles = Annotated[
    str | None,
    _option("At most so many of a slide, drawn evenly (500).", "--tiles", metavar="N|all"),
]
SlideMpp = Annotated[
    float | None, _option("Micrometres per pixel of slides that do not say theirs.", "--slide-mpp")
]
Saturation = Annotated[
    float | None, _option("Tissue: least colour, 0 to 1 (0.04).", "--tissue-colour")
]
Texture = Annotated[
    float | None, _option("Tissue: least contrast, 0 to 1 (0.004).", "--tissue-texture")
]
Share = Annotated[
    float | None,
    _option("Least share of a tile that is tissue (0.5); 0 takes glass, too.", "--tissue-share"),
]
Seed = Annotated[int | None, _option("Of the draw of tiles (0).", "--tile-seed")]


def tiling_of(
    tile_um: float | None,
    mpp: float | None,
    tile_px: int | None,
    overlap: float | None,
    tiles: str | None,
    slide_mpp: float | None,
    saturation: float | None,
    texture: float | None,
    share: float | None,
    seed: int | None,
) -> Tiling:
    """Return the tiling that the options say, each by its default where it was not given.

    Raises
    ------
    FewshotLabError
        Where a value cannot be, or two contradict each other.
    """
    from dataclasses import replace

    from fewshot_lab.images import Tiling, TissueRule

    if tile_px is not None and (tile_um is not None or mpp is not None):
        raise FewshotLabError("Give the side of a tile in micrometres or in pixels, not both.")
    if tiles is not None and tiles != "all" and not tiles.isdecimal():
        raise FewshotLabError(f"--tiles takes a number or all, not {tiles!r}.")
    tissue = {"saturation": saturation, "texture": texture, "share": share}
    values: dict[str, Any] = {
        "tile_um": tile_um,
        "mpp": mpp,
        "tile_px": tile_px,
        "overlap": overlap,
        "slide_mpp": slide_mpp,
        "seed": seed,
        "tissue": replace(TissueRule(), **{k: v for k, v in tissue.items() if v is not None}),
    }
    tiling = replace(Tiling(), **{k: v for k, v in values.items() if v is not None})
    if tiles is not None:
        tiling = replace(tiling, most=None if tiles == "all" else int(tiles))
    return tiling
