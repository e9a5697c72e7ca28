"""Noise and granules, computed once per seed and cut out at random for every cell."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from fewshot_lab.images.demo.field import PIXELS_PER_UM, SIDE

# Correlation length (µm) of each noise: the camera's grain, chromatin, its clumps, mottling of
# the cytoplasm, and outlines.
NOISES = {
    "grain": 0.0,
    "fine": 0.13,
    "chromatin": 0.26,
    "clump": 0.45,
    "mottle": 1.0,
    "outline": 2.1,
}
# Mean distance (µm) between granules of each kind.
GRANULES = {"dust": 0.5, "packed": 0.62, "coarse": 0.92}


@dataclass(frozen=True)
class Granules:
    """A periodic tile of scattered points.

    Attributes
    ----------
    distance
        (H, W) float32, µm from the pixel to the nearest point.
    identity
        (H, W) float32 in 0..1, constant around each point: thins granules out and varies them.
    """

    distance: np.ndarray
    identity: np.ndarray


class Textures:
    """All tiles of one seed. Read-only, so threads may share it."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x7E87])
        self._noise = {name: _noise(rng, sigma) for name, sigma in NOISES.items()}
        self._granules = {name: _granules(rng, spacing) for name, spacing in GRANULES.items()}

    def noise(self, name: str, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
        """Cut a piece of zero-mean, unit-variance noise."""
        return _cut(rng, shape, self._noise[name])[0]

    def granules(self, name: str, rng: np.random.Generator, shape: tuple[int, int]) -> Granules:
        """Cut a piece of a granule tile."""
        tile = self._granules[name]
        return Granules(*_cut(rng, shape, tile.distance, tile.identity))


@lru_cache(maxsize=2)
def textures(seed: int) -> Textures:
    """Return the tiles of a seed, kept for the next call."""
    return Textures(seed)


def _cut(rng: np.random.Generator, shape: tuple[int, int], *tiles: np.ndarray) -> list[np.ndarray]:
    """Cut the same piece out of every tile, at random, perhaps mirrored and turned."""
    place, turn = rng.random(4), rng.random() < 0.5
    height, width = shape[::-1] if turn else shape
    y = int(place[0] * (tiles[0].shape[0] - height))
    x = int(place[1] * (tiles[0].shape[1] - width))
    down, right = (1 if p < 0.5 else -1 for p in place[2:])
    pieces = [tile[y : y + height, x : x + width][::down, ::right] for tile in tiles]
    return [piece.T for piece in pieces] if turn else pieces


def _noise(rng: np.random.Generator, sigma: float) -> np.ndarray:
    side = SIDE * 3
    white = rng.standard_normal((side, side)).astype(np.float32)
    smooth = gaussian_filter(white, sigma * PIXELS_PER_UM, mode="wrap")
    return np.asarray((smooth - smooth.mean()) / smooth.std())


def _granules(rng: np.random.Generator, spacing: float) -> Granules:
    side = SIDE * 2
    width = side / PIXELS_PER_UM
    per_side = round(width / spacing)
    step = width / per_side
    rows, columns = np.mgrid[0:per_side, 0:per_side].astype(np.float64)
    columns += 0.5 * (rows % 2)
    points = np.stack([rows, columns], -1).reshape(-1, 2) * step
    points = (points + rng.normal(0, 0.36 * step, points.shape)) % width
    pixels = (np.mgrid[0:side, 0:side].reshape(2, -1).T + 0.5) / PIXELS_PER_UM
    distance, nearest = cKDTree(points, boxsize=width).query(pixels)
    identity = rng.random(len(points))[nearest]
    return Granules(
        distance.reshape(side, side).astype(np.float32),
        identity.reshape(side, side).astype(np.float32),
    )
