"""The eight cells, after what haematology atlases say of them under May-Grünwald-Giemsa.

Lengths are in µm. Every function designs a cell in its own frame and returns it as a
:class:`Cell`, whose ``lay`` puts it on the smear.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial, reduce

import numpy as np

from fewshot_lab.images.demo.field import Frame, ellipse, inside, join, ribbon, window
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


def _body(
    brush: Brush, radius: float, *, ragged: float = 0.25, edge: float = 0.35
) -> tuple[np.ndarray, np.ndarray, Frame]:
    """Return coverage, signed distance and the bent frame of a roundish cell."""
    rng = brush.rng
    bent = brush.bend(brush.frame, ragged)
    stretch = 1 + abs(rng.normal(0, 0.07))
    outline = ellipse(bent, 0, 0, radius * stretch, radius / stretch, rng.uniform(0, np.pi))
    return inside(outline, edge), outline, bent


def _nucleus(
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
    return cover


def neutrophil(brush: Brush) -> Cell:
    """Draw two to five lobes on thin bridges, or a band; pale pink, finely granular cytoplasm."""
    rng = brush.rng
    radius = rng.normal(6.3, 0.45)
    body, _, bent = _body(brush, radius, ragged=rng.uniform(0.12, 0.4))
    cell = Cell(brush, body, radius)
    _granulocyte_cytoplasm(cell, pink=rng.uniform(0.16, 0.34), specks=rng.uniform(0.15, 0.6))
    inner = brush.bend(bent, rng.uniform(0.08, 0.2), "mottle")
    if rng.random() < 0.2:
        outline = _band(rng, inner, radius, thickness=rng.uniform(0.2, 0.27))
    else:
        lobes = int(rng.choice([2, 3, 4, 5], p=[0.2, 0.42, 0.29, 0.09]))
        outline = _lobes(rng, inner, radius, lobes)
    _nucleus(cell, outline, amount=rng.uniform(0.92, 1.1), clumps=0.2, lace=0.5)
    return cell


def eosinophil(brush: Brush) -> Cell:
    """Draw two big lobes amid packed, large, orange granules."""
    rng = brush.rng
    radius = rng.normal(6.5, 0.4)
    body, _, bent = _body(brush, radius, ragged=rng.uniform(0.15, 0.45))
    cell = Cell(brush, body, radius)
    # Where granules were lost on spreading, the cytoplasm is nearly empty.
    full = np.clip(1.25 + 0.35 * brush.noise("outline"), 0, 1)
    depth = rng.uniform(0.5, 0.95)
    cell.add("eosin", np.float32(depth * 0.55) * full * body)
    # Two layers of granules, one seen through the other.
    for share in (0.95, 0.7):
        packed = brush.granules("packed", rng.uniform(0.23, 0.29), share * full, edge=0.3)
        cell.add("eosin", np.float32(depth * 0.42) * packed * body)
        cell.add("azure", np.float32(0.08 * depth) * packed * body)
    cell.add("rna", np.float32(rng.uniform(0.03, 0.1)) * body)
    inner = brush.bend(bent, rng.uniform(0.06, 0.2), "mottle")
    lobes = int(rng.choice([2, 3], p=[0.82, 0.18]))
    outline = _lobes(rng, inner, radius, lobes, size=1.12 if lobes == 2 else 1.02)
    _nucleus(cell, outline, amount=rng.uniform(0.85, 1.02), clumps=0.2, lace=0.5)
    return cell


def basophil(brush: Brush) -> Cell:
    """Draw coarse, dark purple granules that hide a blurred, lobed nucleus."""
    rng = brush.rng
    radius = rng.normal(5.7, 0.45)
    body, _, bent = _body(brush, radius, ragged=rng.uniform(0.15, 0.5))
    cell = Cell(brush, body, radius)
    cell.add("azure", np.float32(rng.uniform(0.1, 0.25)) * body)
    cell.add("rna", np.float32(rng.uniform(0.03, 0.12)) * body)
    inner = brush.bend(bent, rng.uniform(0.12, 0.3), "mottle")
    outline = _lobes(rng, inner, radius, int(rng.choice([2, 3])), size=1.2, spread=0.8)
    _nucleus(cell, outline, amount=rng.uniform(0.62, 0.85), clumps=0.2, lace=0.4, edge=0.5)
    # Granules dissolve in water: some cells have lost part of theirs.
    density = 0.12 + 0.75 * rng.beta(2.6, 1.3)
    patchy = density * np.clip(1 + 0.35 * brush.noise("mottle"), 0.15, 1.7)
    size, dark = rng.uniform(0.24, 0.33), rng.uniform(0.5, 0.72)
    rough = np.float32(0.07) * brush.noise("chromatin")
    for kind, share in (("coarse", 1.0), ("packed", 0.75), ("packed", 0.45)):
        grains = brush.granules(kind, size, patchy * share, edge=0.28, rough=rough)
        cell.add("azure", np.float32(dark) * grains * body)
        cell.add("chromatin", np.float32(0.16) * grains * body)
    return cell


def erythroblast(brush: Brush) -> Cell:
    """Draw a round, dense nucleus; cytoplasm from deep blue (young) to pink-grey (ripe)."""
    rng = brush.rng
    ripe = rng.beta(1.7, 1.1)
    radius = rng.normal(5.6 - 1.4 * ripe, 0.35)
    body, _, _ = _body(brush, radius, ragged=rng.uniform(0.2, 0.5))
    cell = Cell(brush, body, radius)
    mottle = 1 + np.float32(0.14) * brush.noise("chromatin")
    cell.add("rna", np.float32(0.9 - 0.72 * ripe + rng.normal(0, 0.06)) * mottle * body)
    cell.add("haemoglobin", np.float32(0.15 + 0.75 * ripe) * body)
    size = radius * np.clip(rng.normal(0.76 - 0.24 * ripe, 0.04), 0.42, 0.85)
    away, angle = rng.uniform(0, 0.85) * (radius - size), rng.uniform(0, 2 * np.pi)
    inner = brush.bend(brush.frame, rng.uniform(0.03, 0.13))  # round, however the cell is drawn out
    stretch = 1 + abs(rng.normal(0, 0.06))
    outline = ellipse(
        inner, away * np.cos(angle), away * np.sin(angle), size * stretch, size / stretch, angle
    )
    cover = _nucleus(
        cell,
        outline,
        amount=1.0 + 0.22 * ripe,
        clumps=0.24 * (1 - 0.6 * ripe),
        lace=0.6 * (1 - ripe),
    )
    if ripe < 0.75:  # coarse blocks of chromatin, like the spokes of a wheel
        blocks = np.clip(brush.noise("clump"), -1, 1)
        cell.add("chromatin", np.float32(0.14) * blocks * cover)
    return cell


def immature_granulocyte(brush: Brush) -> Cell:
    """Draw a promyelocyte, myelocyte or metamyelocyte: fine chromatin, azurophil granules."""
    rng = brush.rng
    ripe = rng.beta(1.4, 1.4)  # promyelocyte 0, metamyelocyte 1
    radius = rng.normal(7.6 - 0.9 * ripe, 0.45)
    body, _, bent = _body(brush, radius, ragged=rng.uniform(0.15, 0.5))
    cell = Cell(brush, body, radius)
    mottle = 1 + np.float32(0.2) * brush.noise("clump")
    cell.add("rna", np.float32(0.52 - 0.38 * ripe) * mottle * body)
    cell.add("eosin", np.float32(0.08 + 0.16 * ripe) * body)
    angle = rng.uniform(0, 2 * np.pi)
    inner = brush.bend(bent, rng.uniform(0.06, 0.18), "mottle")
    long, short = radius * rng.uniform(0.66, 0.74), radius * rng.uniform(0.52, 0.62)
    away = radius * rng.uniform(0.12, 0.3)
    x, y = away * np.cos(angle), away * np.sin(angle)
    outline = ellipse(inner, x, y, short, long, angle)
    if ripe > 0.55:  # the indentation faces the cell's middle
        depth = radius * (0.98 - 0.34 * ripe)
        bite = ellipse(
            inner, x - depth * np.cos(angle), y - depth * np.sin(angle),
            radius * 0.34, radius * 0.3, angle,
        )  # fmt: skip
        outline = -join(-outline, bite, 1.2)
    cover = _nucleus(
        cell, outline, amount=0.78 + 0.18 * ripe, clumps=0.22, lace=0.3 + 0.15 * ripe,
        noise="fine" if ripe < 0.5 else "chromatin",
    )  # fmt: skip
    if ripe < 0.35:
        for _ in range(rng.integers(1, 4)):
            a, b = rng.normal(0, 0.32, 2) * (short, long)
            spot = inside(ellipse(brush.frame, x + a, y + b, 0.8, 0.65), 0.7)
            cell.add("chromatin", np.float32(-0.22) * spot * cover)
            cell.add("rna", np.float32(0.2) * spot * cover)
    amount = (0.75 - 0.5 * ripe) * rng.uniform(0.7, 1.2)
    for kind, size in (("dust", 0.13), ("packed", 0.17)):
        grains = brush.granules(kind, size, amount, edge=0.25)
        cell.add("azure", np.float32(0.5) * grains * body * (1 - np.float32(0.6) * cover))
    return cell


def lymphocyte(brush: Brush) -> Cell:
    """Draw a round, dense nucleus in a thin blue rim; some are large, with more cytoplasm."""
    rng = brush.rng
    large = rng.random() < 0.22
    radius = rng.normal(5.8, 0.3) if large else rng.normal(4.55, 0.35)
    body, outline, bent = _body(brush, radius, ragged=rng.uniform(0.12, 0.35))
    if rng.random() < 0.3:  # small blebs of cytoplasm
        for _ in range(rng.integers(1, 4)):
            a = rng.uniform(0, 2 * np.pi)
            bleb = ellipse(bent, radius * np.cos(a), radius * np.sin(a), *rng.uniform(0.35, 0.8, 2))
            outline = join(outline, bleb, 0.6)
        body = inside(outline, 0.35)
    cell = Cell(brush, body, radius)
    mottle = 1 + np.float32(0.16) * brush.noise("clump")
    cell.add(
        "rna",
        np.float32(rng.uniform(0.3, 0.55) if large else rng.uniform(0.5, 0.95)) * mottle * body,
    )
    cell.add("azure", np.float32(rng.uniform(0, 0.06)) * body)
    share = rng.uniform(0.68, 0.78) if large else rng.uniform(0.82, 0.94)
    size, angle = radius * share, rng.uniform(0, 2 * np.pi)
    away = (radius - size) * rng.uniform(0.3, 0.9)
    inner = brush.bend(bent, rng.uniform(0.05, 0.14), "mottle")
    stretch = 1 + abs(rng.normal(0, 0.05))
    nucleus = ellipse(
        inner, away * np.cos(angle), away * np.sin(angle), size / stretch, size * stretch, angle
    )
    if rng.random() < 0.25:  # a notch
        reach = size * rng.uniform(1.05, 1.2)
        notch = ellipse(inner, -reach * np.cos(angle), -reach * np.sin(angle), 1.2, 0.8, angle)
        nucleus = -join(-nucleus, notch, 0.9)
    _nucleus(cell, nucleus, amount=rng.uniform(0.95, 1.15), clumps=0.24, lace=0.3, noise="clump")
    if large and rng.random() < 0.6:
        grains = brush.granules("coarse", 0.18, 0.14)
        cell.add("azure", np.float32(0.6) * grains * body)
    return cell


def monocyte(brush: Brush) -> Cell:
    """Draw a large cell: folded or kidney-shaped nucleus, grey-blue cytoplasm, vacuoles."""
    rng = brush.rng
    radius = rng.normal(7.6, 0.6)
    body, _, bent = _body(brush, radius, ragged=rng.uniform(0.3, 0.85))
    cell = Cell(brush, body, radius)
    glass = 1 + np.float32(0.2) * brush.noise("chromatin")
    cell.add("rna", np.float32(rng.uniform(0.3, 0.52)) * glass * body)
    cell.add("eosin", np.float32(rng.uniform(0.06, 0.2)) * body)
    dust = brush.granules("dust", 0.12, rng.uniform(0.1, 0.35))
    cell.add("azure", np.float32(0.22) * dust * body)
    inner = brush.bend(bent, rng.uniform(0.1, 0.28), "mottle")
    kind = rng.choice(["kidney", "folded", "horseshoe"], p=[0.4, 0.4, 0.2])
    if kind == "horseshoe":
        outline = _band(rng, inner, radius, thickness=rng.uniform(0.28, 0.34))
    else:
        angle = rng.uniform(0, 2 * np.pi)
        away = radius * rng.uniform(0.02, 0.2)
        x, y = away * np.cos(angle), away * np.sin(angle)
        outline = ellipse(inner, x, y, radius * rng.uniform(0.48, 0.58), radius * 0.68, angle)
        if kind == "folded":
            a = angle + rng.uniform(0.8, 2.2)
            lobe = ellipse(
                inner, 0.38 * radius * np.cos(a), 0.38 * radius * np.sin(a),
                radius * 0.42, radius * 0.34, a,
            )  # fmt: skip
            outline = join(outline, lobe, 1.0)
        reach = radius * rng.uniform(0.5, 0.78)
        bite = ellipse(
            inner, x - reach * np.cos(angle), y - reach * np.sin(angle),
            radius * 0.36, radius * rng.uniform(0.14, 0.28), angle,
        )  # fmt: skip
        outline = -join(-outline, bite, 1.8)
    cover = _nucleus(cell, outline, amount=rng.uniform(0.62, 0.88), clumps=0.22, lace=0.45)
    fold = np.abs(brush.noise("outline"))  # creases where the nucleus folds over
    cell.add("chromatin", np.float32(0.2) * np.clip(1 - fold * 7, 0, 1) * cover)
    for _ in range(rng.poisson(1.6)):
        a, r, size = (
            rng.uniform(0, 2 * np.pi),
            radius * rng.uniform(0.3, 0.92),
            rng.uniform(0.25, 0.75),
        )
        hole = inside(ellipse(bent, r * np.cos(a), r * np.sin(a), size, size * 0.9), 0.35)
        clear = 1 - np.float32(0.6) * hole * (1 - np.float32(0.7) * cover)
        for _, amount in cell.amounts:
            amount *= clear
    return cell


def platelet(brush: Brush, *, small: bool = False) -> Cell:
    """Draw a small plate: purple granules in the middle, a pale blue, frayed edge."""
    rng = brush.rng
    giant = not small and rng.random() < 0.12
    radius = rng.normal(2.7, 0.4) if giant else np.clip(rng.normal(1.75, 0.3), 1.05, 2.4)
    rough = brush.bend(brush.bend(brush.frame, 0.12), rng.uniform(0.1, 0.24), "clump")
    stretch = 1 + abs(rng.normal(0, 0.16))
    outline = ellipse(rough, 0, 0, radius * stretch, radius / stretch)
    if not small and rng.random() < 0.12:  # a second one sticks to it
        a = rng.uniform(0, 2 * np.pi)
        reach = radius * rng.uniform(1.3, 1.8)
        other = ellipse(rough, reach * np.cos(a), reach * np.sin(a), radius * 0.8, radius * 0.7)
        outline = np.minimum(outline, other)
    body = inside(outline, 0.6)
    cell = Cell(brush, body, float(radius))
    cell.add("rna", np.float32(rng.uniform(0.12, 0.4)) * body)
    core = inside(outline + np.float32(radius * rng.uniform(0.15, 0.4)), 0.9)
    cell.add("azure", np.float32(rng.uniform(0.12, 0.4)) * core)
    grains = brush.granules("dust", 0.17, rng.uniform(0.5, 0.9), edge=0.3)
    cell.add("azure", np.float32(rng.uniform(0.4, 0.75)) * grains * core)
    return cell


CELLS: dict[str, Callable[[Brush], Cell]] = {
    "basophil": basophil,
    "eosinophil": eosinophil,
    "erythroblast": erythroblast,
    "ig": immature_granulocyte,
    "lymphocyte": lymphocyte,
    "monocyte": monocyte,
    "neutrophil": neutrophil,
    "platelet": platelet,
}

REACH = {
    "basophil": 9.0,
    "eosinophil": 10.0,
    "erythroblast": 8.0,
    "ig": 11.5,
    "lymphocyte": 8.5,
    "monocyte": 13.0,
    "neutrophil": 10.0,
    "platelet": 7.0,
}
"""How far (µm) from its centre a cell of each type may extend."""


def _granulocyte_cytoplasm(cell: Cell, *, pink: float, specks: float) -> None:
    brush, rng = cell.brush, cell.brush.rng
    mottle = 1 + np.float32(0.12) * brush.noise("clump")
    cell.add("eosin", np.float32(pink) * mottle * cell.body)
    cell.add("rna", np.float32(rng.uniform(0.04, 0.12)) * cell.body)
    grains = brush.granules("dust", rng.uniform(0.12, 0.16), specks)
    cell.add("azure", np.float32(rng.uniform(0.12, 0.34)) * grains * cell.body)


def _lobes(
    rng: np.random.Generator,
    frame: Frame,
    radius: float,
    count: int,
    *,
    size: float = 1.0,
    spread: float = 1.0,
) -> np.ndarray:
    """Return the outline of ``count`` lobes along an arc, joined by thin bridges."""
    sweep = {2: 2.4, 3: 3.4, 4: 4.2, 5: 4.8}[count] * rng.uniform(0.75, 1.1)
    reach = radius * {2: 0.43, 3: 0.47, 4: 0.5, 5: 0.52}[count] * spread
    mean = radius * {2: 0.38, 3: 0.31, 4: 0.27, 5: 0.235}[count] * size
    angles = np.linspace(-sweep / 2, sweep / 2, count) + rng.normal(0, 0.2, count)
    points, lobes = [], []
    for angle in angles:
        r = reach * rng.uniform(0.72, 1.15)
        x, y = r * np.cos(angle), r * np.sin(angle)
        points.append((x, y))
        a = mean * rng.uniform(0.88, 1.16)
        flat = rng.uniform(0.74, 0.98)
        lobes.append(ellipse(frame, x, y, a * flat, a / flat**0.5, angle + rng.normal(0, 0.35)))
    outline = reduce(partial(join, softness=0.25), lobes)
    # Bridges sag towards the cell's middle a little, as the arc does.
    bridge = ribbon(frame, points, list(rng.uniform(0.16, 0.42, count)))
    return join(outline, bridge, 0.5)


def _band(rng: np.random.Generator, frame: Frame, radius: float, *, thickness: float) -> np.ndarray:
    """Return the outline of a horseshoe of even thickness (a share of the radius)."""
    sweep = rng.uniform(2.4, 4.3)
    reach = radius * rng.uniform(0.45, 0.55)
    angles = np.linspace(-sweep / 2, sweep / 2, 7)
    points = [(reach * np.cos(a), reach * np.sin(a)) for a in angles]
    radii = radius * thickness * rng.uniform(0.85, 1.1, len(points))
    return ribbon(frame, points, list(radii))
