"""The cells with granules and lobes: neutrophil, eosinophil, basophil and their forerunners."""

from functools import partial, reduce

import numpy as np

from fewshot_lab.images.demo.brush import Brush, Cell, add_nucleus, band, cell_body
from fewshot_lab.images.demo.field import Frame, ellipse, inside, join, ribbon


def neutrophil(brush: Brush) -> Cell:
    """Draw two to five lobes on thin bridges, or a band; pale pink, finely granular cytoplasm."""
    rng = brush.rng
    radius = rng.normal(6.3, 0.45)
    body, _, bent = cell_body(brush, radius, ragged=rng.uniform(0.12, 0.4))
    cell = Cell(brush, body, radius)
    _granulocyte_cytoplasm(cell, pink=rng.uniform(0.16, 0.34), specks=rng.uniform(0.15, 0.6))
    inner = brush.bend(bent, rng.uniform(0.08, 0.2), "mottle")
    if rng.random() < 0.2:
        outline = band(rng, inner, radius, thickness=rng.uniform(0.2, 0.27))
    else:
        lobes = int(rng.choice([2, 3, 4, 5], p=[0.2, 0.42, 0.29, 0.09]))
        outline = _lobes(rng, inner, radius, lobes)
    add_nucleus(cell, outline, amount=rng.uniform(0.92, 1.1), clumps=0.2, lace=0.5)
    return cell


def eosinophil(brush: Brush) -> Cell:
    """Draw two big lobes amid packed, large, orange granules."""
    rng = brush.rng
    radius = rng.normal(6.5, 0.4)
    body, _, bent = cell_body(brush, radius, ragged=rng.uniform(0.15, 0.45))
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
    add_nucleus(cell, outline, amount=rng.uniform(0.85, 1.02), clumps=0.2, lace=0.5)
    return cell


def basophil(brush: Brush) -> Cell:
    """Draw coarse, dark purple granules that hide a blurred, lobed nucleus."""
    rng = brush.rng
    radius = rng.normal(5.7, 0.45)
    body, _, bent = cell_body(brush, radius, ragged=rng.uniform(0.15, 0.5))
    cell = Cell(brush, body, radius)
    cell.add("azure", np.float32(rng.uniform(0.1, 0.25)) * body)
    cell.add("rna", np.float32(rng.uniform(0.03, 0.12)) * body)
    inner = brush.bend(bent, rng.uniform(0.12, 0.3), "mottle")
    outline = _lobes(rng, inner, radius, int(rng.choice([2, 3])), size=1.2, spread=0.8)
    add_nucleus(cell, outline, amount=rng.uniform(0.62, 0.85), clumps=0.2, lace=0.4, edge=0.5)
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


def immature_granulocyte(brush: Brush) -> Cell:
    """Draw a promyelocyte, myelocyte or metamyelocyte: fine chromatin, azurophil granules."""
    rng = brush.rng
    ripe = rng.beta(1.4, 1.4)  # promyelocyte 0, metamyelocyte 1
    radius = rng.normal(7.6 - 0.9 * ripe, 0.45)
    body, _, bent = cell_body(brush, radius, ragged=rng.uniform(0.15, 0.5))
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
    cover = add_nucleus(
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
