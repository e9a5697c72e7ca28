"""A cell's own frame and dyes, its body and its nucleus: what all cells are drawn with."""

from dataclasses import dataclass, field

import numpy as np

from fewshot_lab.images.demo.field import Frame, ellipse, inside, ribbon, window
from fewshot_lab.images.demo.stain import Dyes
from fewshot_lab.images.demo.textures import Textures


class Brush:
    """What one cell is drawn with, at its place in the picture.

    Attributes
    ----------
    frame
        The cell's own coordinates, within ``reach`` µm of its centre.
    """

    def __init__(
        self,
        dyes: Dyes,
        tiles: Textures,
        rng: np.random.Generator,
        place: tuple[float, float],
        reach: float,
    ) -> None:
        self.rng, self._tiles = rng, tiles
        where = window(*place, reach)
        self.dyes = {name: amount[where] for name, amount in dyes.amount.items()}
        self.frame = Frame.at(where, *place, rng.uniform(0, 2 * np.pi))
        self._shape = self.frame.x.shape

    def noise(self, name: str) -> np.ndarray:
        """Return zero-mean, unit-variance noise over the cell's window."""
        return self._tiles.noise(name, self.rng, self._shape)

    def bend(self, frame: Frame, amount: float, noise: str = "outline") -> Frame:
        """Give outlines in ``frame`` a natural irregularity of about ``amount`` µm."""
        return frame.warped(self.noise(noise), self.noise(noise), amount)

    def granules(
        self,
        kind: str,
        radius: float,
        density: float | np.ndarray,
        edge: float = 0.22,
        rough: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Return the coverage of round granules.

        ``density`` is the share of them that is there, ``rough`` (µm) makes them less round.
        """
        tile = self._tiles.granules(kind, self.rng, self._shape)
        size = np.float32(radius) * (np.float32(0.75) + np.float32(0.5) * (tile.identity * 7 % 1))
        return inside(tile.distance - size + rough, edge) * (tile.identity < density)


@dataclass
class Cell:
    """A designed cell.

    Attributes
    ----------
    body
        Coverage of the whole cell, 0..1.
    radius
        Mean radius in µm: red cells keep this far away.
    """

    brush: Brush
    body: np.ndarray
    radius: float
    amounts: list[tuple[str, np.ndarray]] = field(default_factory=list)

    def add(self, dye: str, amount: np.ndarray) -> None:
        """Put a dye into the cell."""
        self.amounts.append((dye, amount))

    def lay(self) -> None:
        """Put the cell on top of what is there."""
        thin = 1 - np.float32(0.75) * self.body
        for amount in self.brush.dyes.values():
            amount *= thin
        for dye, amount in self.amounts:
            self.brush.dyes[dye] += amount


def cell_body(
    brush: Brush, radius: float, *, ragged: float = 0.25, edge: float = 0.35
) -> tuple[np.ndarray, np.ndarray, Frame]:
    """Return coverage, signed distance and the bent frame of a roundish cell."""
    rng = brush.rng
    bent = brush.bend(brush.frame, ragged)
    stretch = 1 + abs(rng.normal(0, 0.07))
    outline = ellipse(bent, 0, 0, radius * stretch, radius / stretch, rng.uniform(0, np.pi))
    return inside(outline, edge), outline, bent


def add_nucleus(
    cell: Cell,
    outline: np.ndarray,
    *,
    amount: float,
    clumps: float,
    lace: float = 0.0,
    edge: float = 0.3,
    noise: str = "chromatin",
) -> np.ndarray:
    """Fill ``outline`` with chromatin and return its coverage.

    ``clumps`` is the contrast of the chromatin, ``lace`` how far pale channels run through it.
    """
    brush = cell.brush
    cover = inside(outline, edge) * cell.body
    texture = 1 + np.float32(clumps) * (
        np.float32(0.55) * brush.noise(noise) + np.float32(0.45) * brush.noise("clump")
    )
    if lace:
        # Between the clumps the chromatin thins out to pale, winding channels.
        channels = np.abs(brush.noise("chromatin") + np.float32(0.5) * brush.noise("clump"))
        texture -= np.float32(lace * 1.25) * np.maximum(1 - channels * np.float32(1.9), 0)
    # Chromatin lies denser along the membrane.
    rim = np.exp(-np.square((outline + np.float32(0.2)) * np.float32(1 / 0.25)))
    texture += np.float32(0.24) * rim
    np.minimum(np.maximum(texture, 0.25, out=texture), 1.5, out=texture)
    # Cytoplasm does not lie on top of the nucleus: most of its dye makes way.
    for _, below in cell.amounts:
        below *= 1 - np.float32(0.75) * cover
    cell.add("chromatin", np.float32(amount) * texture * cover)
    return np.asarray(cover)


def band(rng: np.random.Generator, frame: Frame, radius: float, *, thickness: float) -> np.ndarray:
    """Return the outline of a horseshoe of even thickness (a share of the radius)."""
    sweep = rng.uniform(2.4, 4.3)
    reach = radius * rng.uniform(0.45, 0.55)
    angles = np.linspace(-sweep / 2, sweep / 2, 7)
    points = [(reach * np.cos(a), reach * np.sin(a)) for a in angles]
    radii = radius * thickness * rng.uniform(0.85, 1.1, len(points))
    return ribbon(frame, points, list(radii))
