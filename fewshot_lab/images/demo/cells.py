"""The eight cells, after what haematology atlases say of them under May-Grünwald-Giemsa.

Lengths are in µm. Every function designs a cell in its own frame and returns it as a
:class:`Cell`, whose ``lay`` puts it on the smear.
"""

from collections.abc import Callable

import numpy as np

from fewshot_lab.images.demo.brush import Brush, Cell, add_nucleus, band, cell_body
from fewshot_lab.images.demo.field import ellipse, inside, join
from fewshot_lab.images.demo.granulocytes import (
    basophil,
    eosinophil,
    immature_granulocyte,
    neutrophil,
)


def erythroblast(brush: Brush) -> Cell:
    """Draw a round, dense nucleus; cytoplasm from deep blue (young) to pink-grey (ripe)."""
    rng = brush.rng
    ripe = rng.beta(1.7, 1.1)
    radius = rng.normal(5.6 - 1.4 * ripe, 0.35)
    body, _, _ = cell_body(brush, radius, ragged=rng.uniform(0.2, 0.5))
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
    cover = add_nucleus(
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


def lymphocyte(brush: Brush) -> Cell:
    """Draw a round, dense nucleus in a thin blue rim; some are large, with more cytoplasm."""
    rng = brush.rng
    large = rng.random() < 0.22
    radius = rng.normal(5.8, 0.3) if large else rng.normal(4.55, 0.35)
    body, outline, bent = cell_body(brush, radius, ragged=rng.uniform(0.12, 0.35))
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
    add_nucleus(cell, nucleus, amount=rng.uniform(0.95, 1.15), clumps=0.24, lace=0.3, noise="clump")
    if large and rng.random() < 0.6:
        grains = brush.granules("coarse", 0.18, 0.14)
        cell.add("azure", np.float32(0.6) * grains * body)
    return cell


def monocyte(brush: Brush) -> Cell:
    """Draw a large cell: folded or kidney-shaped nucleus, grey-blue cytoplasm, vacuoles."""
    rng = brush.rng
    radius = rng.normal(7.6, 0.6)
    body, _, bent = cell_body(brush, radius, ragged=rng.uniform(0.3, 0.85))
    cell = Cell(brush, body, radius)
    glass = 1 + np.float32(0.2) * brush.noise("chromatin")
    cell.add("rna", np.float32(rng.uniform(0.3, 0.52)) * glass * body)
    cell.add("eosin", np.float32(rng.uniform(0.06, 0.2)) * body)
    dust = brush.granules("dust", 0.12, rng.uniform(0.1, 0.35))
    cell.add("azure", np.float32(0.22) * dust * body)
    inner = brush.bend(bent, rng.uniform(0.1, 0.28), "mottle")
    kind = rng.choice(["kidney", "folded", "horseshoe"], p=[0.4, 0.4, 0.2])
    if kind == "horseshoe":
        outline = band(rng, inner, radius, thickness=rng.uniform(0.28, 0.34))
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
    cover = add_nucleus(cell, outline, amount=rng.uniform(0.62, 0.88), clumps=0.22, lace=0.45)
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
