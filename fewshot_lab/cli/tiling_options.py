"""How slides are cut, as the terminal takes it."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from fewshot_lab.cli.options import option, options_set
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.images import Tiling

_option = partial(option, rich_help_panel="Whole slides")


@dataclass(frozen=True)
class TilingOptions:
    """The options of a verb that cuts slides; None for what was not given."""

    tile_um: Annotated[float | None, _option("Side of a tile in micrometres (128).")] = None
    mpp: Annotated[
        float | None, _option("Micrometres per pixel of a tile (0.5, which is called 20x).")
    ] = None
    tile_px: Annotated[
        int | None, _option("Instead: side of a tile in pixels of the slide's finest level.")
    ] = None
    overlap: Annotated[
        float | None, _option("Share of a side that neighbours have in common (0).")
    ] = None
    tiles: Annotated[
        str | None, _option("Most tiles of a slide, drawn evenly (500).", metavar="N|all")
    ] = None
    slide_mpp: Annotated[
        float | None, _option("Micrometres per pixel of slides that do not say theirs.")
    ] = None
    tissue_colour: Annotated[float | None, _option("Tissue: least colour, 0 to 1 (0.04).")] = None
    tissue_texture: Annotated[float | None, _option("Tissue: least contrast, 0 to 1 (0.004).")] = (
        None
    )
    tissue_share: Annotated[
        float | None, _option("Least share of a tile that is tissue (0.5); 0 takes glass too.")
    ] = None
    tile_seed: Annotated[int | None, _option("Seed of the draw of tiles (0).")] = None

    def tiling(self) -> "Tiling":
        """Return the tiling that the options say, each by its default where it was not given.

        Raises
        ------
        FewshotLabError
            Where a value cannot be, or two contradict each other.
        """
        from fewshot_lab.images import Tiling, TissueRule

        if self.tile_px is not None and (self.tile_um is not None or self.mpp is not None):
            raise FewshotLabError("Give the side of a tile in micrometres or in pixels, not both.")
        if self.tiles is not None and self.tiles != "all" and not self.tiles.isdecimal():
            raise FewshotLabError(f"--tiles takes a number or all, not {self.tiles!r}.")
        values = {_FIELDS.get(name, name): value for name, value in options_set(self).items()}
        tissue = {name: values.pop(name) for name in _TISSUE & values.keys()}
        if self.tiles is not None:
            values["most"] = None if self.tiles == "all" else int(self.tiles)
        return replace(Tiling(), tissue=replace(TissueRule(), **tissue), **values)


# What an option is called in a tiling and in its rule for tissue.
_TISSUE = {"saturation", "texture", "share"}
_FIELDS = {
    "tiles": "most",
    "tile_seed": "seed",
    "tissue_colour": "saturation",
    "tissue_texture": "texture",
    "tissue_share": "share",
}
