"""One picture: a cell of the wanted type amid red cells and platelets, seen through a lens."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from fewshot_lab.images.demo.brush import Brush
from fewshot_lab.images.demo.cells import CELLS, REACH, platelet
from fewshot_lab.images.demo.field import AXIS, SIDE, WIDTH, inside, window
from fewshot_lab.images.demo.stain import Dyes, Slide
from fewshot_lab.images.demo.textures import Textures

ALL = (SIDE, SIDE)


def picture(label: str, slide: Slide, tiles: Textures, rng: np.random.Generator) -> np.ndarray:
    """Draw one cell and its surroundings.

    Returns
    -------
    ndarray
        (SIDE, SIDE, 3) uint8.
    """
    dyes = Dyes()
    x, y = rng.normal(0, 0.7, 2)
    # The cell is designed first, for the red cells to make room, and laid on top of them.
    cell = CELLS[label](Brush(dyes, tiles, rng, (x, y), REACH[label]))
    _red_cells(dyes, slide, tiles, rng, (x, y, cell.radius))
    _bystanders(dyes, tiles, rng, (x, y, cell.radius))
    cell.lay()
    return _lens(dyes.light(slide), slide, tiles, rng)


def _red_cells(
    dyes: Dyes,
    slide: Slide,
    tiles: Textures,
    rng: np.random.Generator,
    cell: tuple[float, float, float],
) -> None:
    """Scatter red cells that mostly keep clear of the white cell and of each other."""
    x0, y0, radius0 = cell
    wanted = rng.poisson(slide.red_cells)
    crowding = rng.uniform(0.68, 1.02)
    places = rng.uniform(-WIDTH / 2 - 3, WIDTH / 2 + 3, (wanted * 6, 2)).tolist()
    radii = np.maximum(2.6, rng.normal(slide.red_radius, 0.2, wanted * 6)).tolist()
    overlaps = rng.exponential(0.3, wanted * 6).tolist()
    placed: list[tuple[float, float, float]] = []
    for (x, y), radius, overlap in zip(places, radii, overlaps, strict=True):
        if len(placed) == wanted:
            break
        if math.hypot(x - x0, y - y0) < radius0 + radius - overlap:
            continue
        if any(math.hypot(x - a, y - b) < crowding * (radius + r) for a, b, r in placed):
            continue
        placed.append((x, y, radius))
    # One bend for all of them: neighbours in a smear are drawn out alike.
    amount = np.float32(rng.uniform(0.05, 0.3))
    bend_x = tiles.noise("outline", rng, ALL) * amount
    bend_y = tiles.noise("outline", rng, ALL) * amount
    edge = rng.uniform(0.22, 0.4)
    for place in placed:
        _red_cell(dyes, slide, rng, place, bend_x, bend_y, edge)


def _red_cell(
    dyes: Dyes,
    slide: Slide,
    rng: np.random.Generator,
    place: tuple[float, float, float],
    bend_x: np.ndarray,
    bend_y: np.ndarray,
    edge: float,
) -> None:
    """Draw a biconcave disc; its thickness follows Evans and Fung (1972)."""
    x, y, radius = place
    where = window(x, y, radius * 1.2 + 0.6)
    if bend_x[where].size == 0:
        return
    angle, stretch, dip, strength = (
        rng.uniform(0, math.pi),
        *rng.normal((1, 0, 1), (0.06, 0.12, 0.06)),
    )
    scale = 1 / (radius * stretch)
    u = AXIS[None, where[1]] - np.float32(x) + bend_x[where]
    v = AXIS[where[0], None] - np.float32(y) + bend_y[where]
    c, s = math.cos(angle), math.sin(angle)
    along = np.float32(c * scale) * u + np.float32(s * scale) * v
    scale = stretch / radius
    across = np.float32(c * scale) * v - np.float32(s * scale) * u
    q = along * along + across * across  # (distance / radius)²
    pallor = min(max(slide.pallor + dip, 0.05), 1.15)
    # 0.207 + 2.003 q - 1.123 q², mixed with a flat disc where the cell has no pallor.
    profile = q * np.float32(-1.123 * pallor)
    profile += np.float32(2.003 * pallor)
    profile *= q
    profile += np.float32(0.207 * pallor + 0.95 * (1 - pallor))
    cover = inside((np.sqrt(q) - 1) * np.float32(radius), edge)
    profile *= cover
    profile *= np.float32(strength)
    dyes.amount["haemoglobin"][where] += profile
    if rng.random() < 0.1:  # polychromatic: a young cell with some RNA left
        dyes.amount["rna"][where] += np.float32(rng.uniform(0.06, 0.18)) * cover


def _bystanders(
    dyes: Dyes, tiles: Textures, rng: np.random.Generator, cell: tuple[float, float, float]
) -> None:
    """Add platelets beside the cell and, now and then, a second white cell cut by the edge."""
    x0, y0, radius0 = cell
    for _ in range(rng.poisson(0.45)):
        x, y = rng.uniform(-WIDTH / 2, WIDTH / 2, 2)
        if math.hypot(x - x0, y - y0) > radius0 + 2.5:
            platelet(Brush(dyes, tiles, rng, (x, y), reach=4.5), small=True).lay()
    if rng.random() < 0.035:
        others = [name for name in CELLS if name != "platelet"]
        other = others[rng.integers(len(others))]
        angle, reach = rng.uniform(0, 2 * math.pi), WIDTH / 2 + rng.uniform(2, 4.5)
        place = (reach * math.cos(angle), reach * math.sin(angle))
        CELLS[other](Brush(dyes, tiles, rng, place, REACH[other])).lay()


def _lens(light: np.ndarray, slide: Slide, tiles: Textures, rng: np.random.Generator) -> np.ndarray:
    """Blur, uneven lighting and the camera's noise."""
    focus = slide.focus + rng.exponential(0.12)
    if rng.random() < 0.05:
        focus += rng.uniform(0.4, 1.0)
    light = gaussian_filter(light, (0, focus, focus), truncate=2.5)
    slope = rng.normal(0, 0.01, 2) / (WIDTH / 2)
    lamp = 1 + slope[0] * AXIS[None, :] + slope[1] * AXIS[:, None]
    light *= (lamp * rng.normal(1.0, 0.01)).astype(np.float32)
    grain = np.float32(rng.uniform(0.003, 0.007))
    shine = np.sqrt(light[1]) * grain
    for channel in light:
        channel += shine * tiles.noise("grain", rng, ALL)
    pixels = np.clip(light * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))
