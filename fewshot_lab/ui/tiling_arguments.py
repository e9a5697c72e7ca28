"""How slides are cut, as the job that imports is told it."""

from fewshot_lab.images import Tiling

DEFAULT = Tiling()


def tiling_arguments(tiling: Tiling) -> list[str]:
    """Return the options of the verb import that say a tiling, those that are not the default."""
    values = {
        "--tile-um": (tiling.tile_um, DEFAULT.tile_um),
        "--mpp": (tiling.mpp, DEFAULT.mpp),
        "--tile-px": (tiling.tile_px, None),
        "--overlap": (tiling.overlap, DEFAULT.overlap),
        "--tiles": (tiling.most or "all", DEFAULT.most),
        "--slide-mpp": (tiling.slide_mpp, None),
        "--tissue-colour": (tiling.tissue.saturation, DEFAULT.tissue.saturation),
        "--tissue-texture": (tiling.tissue.texture, DEFAULT.tissue.texture),
        "--tissue-share": (tiling.tissue.share, DEFAULT.tissue.share),
        "--tile-seed": (tiling.seed, DEFAULT.seed),
    }
    if tiling.tile_px is not None:
        del values["--tile-um"], values["--mpp"]
    changed = {name: value for name, (value, usual) in values.items() if value != usual}
    return [text for name, value in changed.items() for text in (name, str(value))]
