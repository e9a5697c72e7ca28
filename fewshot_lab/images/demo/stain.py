"""May-Grünwald-Giemsa: how much of each dye lies where, and the colour that results.

Dyes absorb after Beer and Lambert, so overlapping things darken as they do under a microscope:
``intensity = lamp * exp(-sum of amount * absorbance)``.
"""

from dataclasses import dataclass, field

import numpy as np

from fewshot_lab.images.demo.field import SIDE

# Absorbance in red, green and blue of one unit of each dye, and the unit's meaning.
ABSORBANCE = {
    "chromatin": (1.24, 1.76, 0.66),  # azure B on DNA, eosin beside it: purple
    "rna": (0.72, 0.60, 0.16),  # azure B on RNA: blue
    "eosin": (0.24, 0.66, 0.60),  # eosin on basic proteins: orange-pink
    "azure": (0.88, 1.60, 0.66),  # metachromatic granules: magenta to dark purple
    "haemoglobin": (0.23, 0.36, 0.24),  # red cells: greyed pink
}


@dataclass(frozen=True)
class Slide:
    """What one smear gives to all of its pictures.

    Attributes
    ----------
    lamp
        (3,) colour of the empty background in 0..1.
    dyes
        Absorbance of each dye on this slide, (3,) each.
    red_cells
        Mean number of red cells around.
    pallor
        How pale the red cells' middle is, 0..1.
    red_radius
        Mean radius of red cells in µm.
    focus
        Mean blur in pixels.
    """

    number: int
    lamp: np.ndarray
    dyes: dict[str, np.ndarray]
    red_cells: float
    pallor: float
    red_radius: float
    focus: float

    @classmethod
    def draw(cls, number: int, seed: int) -> "Slide":
        """Draw slide ``number`` of a seed."""
        rng = np.random.default_rng([seed, 0x511D, number])
        warm = np.array([0.992, 0.902, 0.792])
        cool = np.array([0.900, 0.893, 0.940])
        # Most laboratories leave the lamp warm; a few white-balance to a cool grey.
        mix = rng.uniform(0.75, 1.0) if rng.random() < 0.22 else rng.uniform(0.0, 0.22)
        lamp = (warm + mix * (cool - warm)) * rng.uniform(0.975, 1.0) + rng.normal(0, 0.004, 3)
        strength, balance = rng.normal(1.0, 0.08), rng.normal(0, 0.07)
        dyes = {}
        for name, absorbance in ABSORBANCE.items():
            tilt = -balance if name in ("eosin", "haemoglobin") else balance
            tint = 1 + rng.normal(0, 0.03, 3)
            dyes[name] = (np.array(absorbance) * tint * (strength + tilt)).astype(np.float32)
        return cls(
            number=number,
            lamp=np.clip(lamp, 0, 1).astype(np.float32),
            dyes=dyes,
            red_cells=rng.uniform(7, 17),
            pallor=rng.uniform(0.55, 1.15),
            red_radius=rng.normal(3.55, 0.17),
            focus=rng.uniform(0.35, 0.65),
        )


@dataclass
class Dyes:
    """The amount of each dye in every pixel of one picture, (SIDE, SIDE) float32 each."""

    amount: dict[str, np.ndarray] = field(
        default_factory=lambda: {name: np.zeros((SIDE, SIDE), np.float32) for name in ABSORBANCE}
    )

    def light(self, slide: Slide) -> np.ndarray:
        """Return the light that comes through, (3, SIDE, SIDE) float32 in 0..1."""
        picture = np.zeros((3, SIDE, SIDE), np.float32)
        for name, amount in self.amount.items():
            for channel, absorbance in enumerate(slide.dyes[name]):
                picture[channel] -= absorbance * amount
        np.exp(picture, out=picture)
        picture *= slide.lamp[:, None, None]
        return picture
