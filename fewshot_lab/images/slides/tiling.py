"""How slides are cut into tiles: what the user chooses."""

from dataclasses import dataclass, field

from fewshot_lab.errors import FewshotLabError


@dataclass(frozen=True)
class TissueRule:
    """What counts as tissue on an overview of the slide.

    Attributes
    ----------
    saturation : float
        The least colour of a point, 0 (grey) to 1: the saturation of HSV.
    texture : float
        The least contrast around a point, 0 to 1: the standard deviation of the lightness over
        5 x 5 points. Glass has none; strong colour needs more, as ink lies smooth.
    share : float
        The least share of a tile that is tissue; 0 takes every tile, of glass too.
    """

    saturation: float = 0.04
    texture: float = 0.004
    share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("saturation", "texture", "share"):
            if not 0 <= getattr(self, name) <= 1:
                raise FewshotLabError(f"The {name} of tissue must lie between 0 and 1.")


@dataclass(frozen=True)
class Tiling:
    """How slides are cut into tiles.

    Attributes
    ----------
    tile_um : float
        Side of a tile in micrometres.
    mpp : float
        Micrometres per pixel of the tile; 0.5 is what is called 20x. Where a level of the slide
        lies within 5 %, its own pixels are taken as they are.
    tile_px : int or None
        Side in pixels of the slide's finest level instead, whatever their size in micrometres.
    overlap : float
        Share of the side that neighbours have in common, from 0 to 0.9.
    most : int or None
        At most so many tiles of a slide, drawn evenly over its tissue; None: all of them.
    slide_mpp : float or None
        Micrometres per pixel of slides that do not say theirs.
    seed : int
        Of the draw.
    tissue : TissueRule
    """

    tile_um: float = 128.0
    mpp: float = 0.5
    tile_px: int | None = None
    overlap: float = 0.0
    most: int | None = 500
    slide_mpp: float | None = None
    seed: int = 0
    tissue: TissueRule = field(default_factory=TissueRule)

    def __post_init__(self) -> None:
        if not 0 < self.mpp <= 100:
            raise FewshotLabError("Micrometres per pixel must lie above 0 and be at most 100.")
        if self.slide_mpp is not None and not 0 < self.slide_mpp <= 100:
            raise FewshotLabError(
                "The slide's micrometres per pixel must lie above 0 and be at most 100."
            )
        if not 16 <= self.side_px <= 4096:
            raise FewshotLabError(
                f"A tile must have 16 to 4,096 pixels a side; this one would have {self.side_px:,}"
                + ("." if self.tile_px else ": change its size or the micrometres per pixel.")
            )
        if not 0 <= self.overlap <= 0.9:
            raise FewshotLabError("Tiles can overlap by 0 to 0.9 of their side.")
        if self.most is not None and self.most < 1:
            raise FewshotLabError("At least one tile must be taken from a slide.")

    @property
    def side_px(self) -> int:
        """Side of a tile in its own pixels, as it is stored and shown."""
        return self.tile_px if self.tile_px is not None else round(self.tile_um / self.mpp)
