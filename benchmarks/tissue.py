"""How well tissue is told from glass, by true masks: which thresholds, and what each kind costs.

    python benchmarks/tissue.py [--data ../shared/datasets] [--slides 4]

Slides are drawn at 8 micrometres a point, where tissue is looked for: glass with uneven light and
noise of the sensor, blobs of tissue cut from real H&E images, saved as JPEG. Kinds: as it is; pale;
brown and blue (as DAB and haematoxylin); fat; strokes of a pen; dust and a dark edge. Thresholds
are chosen on the images of one data set, and judged on two others and other seeds. A tile
(16 x 16 points, 128 micrometres) is tissue where half of it is; what counts is sensitivity and
specificity of tiles, and the mean of the two. Intervals: bootstrap over slides, 95 %.
"""

from __future__ import annotations

import argparse
import io
import sys
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

POINTS, TILE = 384, 16
Rgb = NDArray[np.float32]
Mask = NDArray[np.bool_]
# Micrometres per pixel of each source, and its images.
SOURCES = {
    "crc_he_mini": (0.5, ["lym", "muc", "mus", "norm", "str", "tum"]),
    "osteosarcoma_mini": (2.3, ["non_tumor", "non_viable_tumor", "viable"]),
    "oral_he": (6.0, ["normal_100x", "oscc_100x"]),
}
FAT = ("crc_he_mini", 0.5, "adi")
SATURATIONS = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1)
TEXTURES = (0.002, 0.004, 0.006, 0.01, 0.015)


def patches(folder: Path, mpp: float, classes: list[str]) -> list[Rgb]:
    """Read images at 8 micrometres a point, those of small fields put together to large ones."""
    small = []
    for name in classes:
        for file in sorted((folder / name).iterdir())[:60]:
            image = Image.open(file).convert("RGB")
            side = max(8, round(image.width * mpp / 8))
            small.append(np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float32))
    return small


def mosaic(tiles: list[Rgb], rng: np.random.Generator) -> Rgb:
    """Return tissue everywhere: tiles of one kind beside each other, their seams blended."""
    side = min(len(tile) for tile in tiles)
    out = np.zeros((POINTS + side, POINTS + side, 3), np.float32)
    for y, x in product(range(0, POINTS, side), repeat=2):
        tile = tiles[rng.integers(len(tiles))][:side, :side]
        out[y : y + side, x : x + side] = np.rot90(tile, rng.integers(4))
    return out[:POINTS, :POINTS]


def blobs(rng: np.random.Generator) -> Mask:
    """Draw where tissue is: several pieces with uneven edges, about a third of the slide."""
    noise = np.zeros((POINTS, POINTS))
    for cells, weight in ((5, 1.0), (12, 0.4), (40, 0.15)):
        grid = Image.fromarray(rng.normal(size=(cells, cells)).astype(np.float32))
        noise += weight * np.asarray(grid.resize((POINTS, POINTS), Image.Resampling.BICUBIC))
    edge = np.minimum.outer(*[np.minimum(np.arange(POINTS), np.arange(POINTS)[::-1])] * 2)
    return np.asarray((noise > np.quantile(noise, 0.6)) & (edge > 12))


def glass(rng: np.random.Generator) -> Rgb:
    """Draw empty glass: nearly white, a tint, light that falls off, noise."""
    y, x = np.mgrid[:POINTS, :POINTS] / POINTS - 0.5
    fall = 1 - rng.uniform(0, 0.06) * (x**2 + y**2) * 2 + rng.uniform(-0.02, 0.02) * x
    base = rng.uniform(232, 250) + rng.uniform(-4, 4, 3)
    noise = rng.normal(0, rng.uniform(0.5, 2.0), (POINTS, POINTS, 3))
    return np.asarray(base * fall[..., None] + noise, np.float32)


def brown_and_blue(tissue: Rgb) -> Rgb:
    """Stain the same structure anew: haematoxylin blue, dark places in DAB's brown."""
    dark = 1 - tissue.mean(2, keepdims=True) / 255
    blue, brown = np.array([0.75, 0.6, 0.3]), np.array([0.35, 0.75, 1.0])
    stain = blue * np.minimum(dark, 0.25) * 0.8 + brown * np.maximum(dark - 0.3, 0) * 2
    return np.asarray(245 * (1 - np.clip(stain, 0, 0.95)), np.float32)


def pen(picture: Rgb, mask: Mask, rng: np.random.Generator) -> Rgb:
    """Draw strokes of a marker beside and across the tissue; tissue below them is no tissue."""
    ink = Image.new("L", (POINTS, POINTS))
    draw = ImageDraw.Draw(ink)
    for _ in range(3):
        line = rng.uniform(0, POINTS, (2, 2)).round()
        middle = line.mean(0) + rng.normal(0, 50, 2)
        path = [tuple(line[0]), tuple(middle), tuple(line[1])]
        draw.line(path, fill=255, width=int(rng.integers(30, 70)), joint="curve")
    cover = np.asarray(ink.filter(ImageFilter.GaussianBlur(1.5)), np.float32)[..., None] / 255
    colour = np.array([(30, 60, 160), (25, 120, 60), (25, 25, 30), (180, 40, 50)][rng.integers(4)])
    streaks = np.asarray(
        Image.fromarray(rng.normal(0, 6, (POINTS, 24)).astype(np.float32)).resize((POINTS, POINTS))
    )
    mask &= cover[..., 0] < 0.5
    return np.asarray(picture * (1 - 0.9 * cover) + 0.9 * cover * (colour + streaks[..., None]))


def dust_and_edge(picture: Rgb, mask: Mask, rng: np.random.Generator) -> Rgb:
    """Add grey dust, a hair, and a dark edge where the slide's frame was scanned."""
    layer = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(layer)
    for x, y in rng.uniform(0, POINTS, (120, 2)):
        r = rng.uniform(0.5, 3)
        grey = int(rng.integers(60, 170))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(grey, grey, grey))
    points = [tuple(p) for p in rng.uniform(0, POINTS, (4, 2))]
    draw.line(points, fill=(90, 88, 85), width=2, joint="curve")
    wide = int(rng.integers(8, 40))
    draw.rectangle((0, 0, wide, POINTS), fill=(28, 26, 30))
    mask[:, :wide] = False
    noise = rng.normal(0, 3, (POINTS, POINTS, 3))
    return np.asarray(np.asarray(layer, np.float32) + noise)


def slide(kind: str, tiles: list[Rgb], fat: list[Rgb], seed: int) -> tuple[Image.Image, Mask]:
    """Draw a slide of a kind and its true mask."""
    rng = np.random.default_rng([seed, *map(ord, kind)])
    mask = blobs(rng)
    tissue = mosaic(fat if kind == "fat" else tiles, rng)
    if kind == "pale":
        tissue = 245 - (245 - tissue) * rng.uniform(0.25, 0.4)
    if kind == "brown and blue":
        tissue = brown_and_blue(tissue)
    picture = np.where(mask[..., None], tissue, glass(rng))
    if kind == "pen":
        picture = pen(picture, mask, rng)
    if kind == "dust, dark edge":
        picture = dust_and_edge(picture, mask, rng)
    stream = io.BytesIO()
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return Image.open(stream).convert("RGB"), mask


NAMES = ["as it is", "pale", "brown and blue", "fat", "pen", "dust, dark edge"]


def in_tiles(mask: Mask) -> NDArray[np.float64]:
    """Return the share of each tile that is tissue."""
    n = POINTS // TILE
    return np.asarray(mask.reshape(n, TILE, n, TILE).mean((1, 3)))


def rates(found: Mask, true: Mask) -> tuple[float, float]:
    """Return sensitivity and specificity over tiles; those half and half count for neither."""
    share, taken = in_tiles(true), in_tiles(found) >= 0.5
    return float(taken[share >= 0.75].mean()), float((~taken[share <= 0.25]).mean())


def interval(values: NDArray[np.float64]) -> str:
    rng = np.random.default_rng(0)
    means = rng.choice(values, (2000, len(values))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return f"{100 * values.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    from fewshot_lab.images import TissueRule
    from fewshot_lab.images.slides.tissue import tissue_mask

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/datasets"))
    parser.add_argument("--slides", type=int, default=4, help="of each kind and source")
    parser.add_argument("--show", type=Path, help="a folder for one picture of each kind")
    options = parser.parse_args()
    fat = patches(options.data / FAT[0], FAT[1], [FAT[2]])
    sets = {name: patches(options.data / name, *about) for name, about in SOURCES.items()}

    def drawn(sources: list[str], first: int) -> dict[str, list[tuple[Image.Image, Mask]]]:
        return {
            kind: [
                slide(kind, sets[source], fat[seed % 2 :: 2], first + seed)
                for source in sources
                for seed in range(options.slides)
            ]
            for kind in NAMES
        }

    chosen, judged = drawn(["oral_he"], 0), drawn(["crc_he_mini", "osteosarcoma_mini"], 1000)
    if options.show:
        options.show.mkdir(parents=True, exist_ok=True)
        for kind, each in judged.items():
            picture, mask = each[0]
            found = tissue_mask(picture, TissueRule())
            views = [picture, *(Image.fromarray(m).convert("RGB") for m in (mask, found))]
            joined = Image.new("RGB", (3 * POINTS, POINTS))
            for k, view in enumerate(views):
                joined.paste(view, (k * POINTS, 0))
            joined.save(options.show / f"{kind.replace(', ', '-').replace(' ', '-')}.png")
    results = {}
    for saturation, texture in product(SATURATIONS, TEXTURES):
        rule = TissueRule(saturation, texture)
        by_kind = [
            np.mean([rates(tissue_mask(picture, rule), mask) for picture, mask in each])
            for each in chosen.values()
        ]
        results[saturation, texture] = float(np.mean(by_kind))
    best = max(results, key=results.__getitem__)
    usual = TissueRule()
    print(f"chosen on oral_he: saturation {best[0]}, texture {best[1]}: {results[best]:.4f}; "
          f"usual {usual.saturation}, {usual.texture}: "
          f"{results[usual.saturation, usual.texture]:.4f}\n")  # fmt: skip
    for name, rule in {"usual": usual, "chosen": TissueRule(*best)}.items():
        print(f"{name}: saturation {rule.saturation}, texture {rule.texture}\n")
        print("| slides | sensitivity, % | specificity, % |\n|---|---|---|")
        every = []
        for kind, each in judged.items():
            both = np.array([rates(tissue_mask(picture, rule), mask) for picture, mask in each])
            every.append(both)
            print(f"| {kind} | {interval(both[:, 0])} | {interval(both[:, 1])} |")
        both = np.concatenate(every)
        print(f"| all | {interval(both[:, 0])} | {interval(both[:, 1])} |\n")


if __name__ == "__main__":
    main()
