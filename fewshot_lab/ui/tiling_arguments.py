"""How slides are cut, as the job that imports is told it."""

from fewshot_lab.images import Tiling

DEFAULT = Tiling()


def tiling_options(tiling: Tiling) -> dict[str, object]:
    """Return the options of the verb import that say a tiling, those that are not the default."""
    values = {
        "tile_um": (tiling.tile_um, DEFAULT.tile_um),
        "mpp": (tiling.mpp, DEFAULT.mpp),
        "tile_px": (tiling.tile_px, None),
        "overlap": (tiling.overlap, DEFAULT.overlap),
        "tiles": (tiling.most or "all", DEFAULT.most),
        "slide_mpp": (tiling.slide_mpp, None),
        "tissue_colour": (tiling.tissue.saturation, DEFAULT.tissue.saturation),
        "tissue_texture": (tiling.tissue.texture, DEFAULT.tissue.texture),
        "tissue_share": (tiling.tissue.share, DEFAULT.tissue.share),
        "tile_seed": (tiling.seed, DEFAULT.seed),
    }
    if tiling.tile_px is not None:
        del values["tile_um"], values["mpp"]
    return {name: value for name, (value, usual) in values.items() if value != usual}
