"""How well blurred frames of a clip are told from sharp ones, by rules.

    python benchmarks/blurred_frames.py [--data ../shared/datasets] [--seeds 4] [--text]

A clip is made of images of one class of a set: the images themselves, so that what is seen changes
from frame to frame ("cuts"), or windows that wander over a few of them ("moves"). Of 24 frames,
four of them blurred, follows what is usual; 16 others are judged, as they are and blurred: by a
Gaussian of 1 to 4 px, or by a movement of 9 px. Noise (1 to 4 of 255) and JPEG (quality 70 to 92)
come after the blur, as in a camera; with --text, lines of white text stand over every frame.

A rule calls a frame blurred whose value is below a share of the clip's median. Each rule's share is
where one in a hundred sharp frames of the sets in CHOOSING (seeds 0 on) is called so; the figures
are of the other sets (seeds 2000 on), with the interval of a bootstrap over clips, and the worst
set. The rule in use comes first, with the share that the app has. That rule was written after the
other sets had been looked at once, with the rule before it.
"""

import argparse
import io
from pathlib import Path

import numpy as np
from _embeddings import DATA
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from fewshot_lab.images.frame_quality import BLURRED, DARK, TILE, grey_of, is_black, sharpness

Array = NDArray[np.float32]
CHOOSING = ("busi", "isic8", "oral_he", "pbc8", "nuclei_dsb2018")
JUDGING = (
    "cxr_pneumonia", "darkfield_spirochaete", "lbc_pap", "odir_cataract", "osteosarcoma_mini",
    "crc_he_mini",
)  # fmt: skip
USUAL, JUDGED, WINDOW = 24, 16, 160
PIXELS = {"1 px": 1.0, "2 px": 2.0, "3 px": 3.0, "4 px": 4.0}
KINDS = ("sharp", *PIXELS, "moved 9 px")
TEXT = ("Endo 3  GX-190", "2021-03-04 10:22:51", "CVP 1.0 x2")
IN_USE = "in use"


def lit_tiles(grey: Array, *values: Array) -> list[Array]:
    rows, columns = grey.shape[0] // TILE, grey.shape[1] // TILE

    def tiles(each: Array) -> Array:
        whole = each[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
        return whole.swapaxes(1, 2).reshape(rows * columns, TILE * TILE)

    lit = tiles(grey).mean(axis=1) >= DARK
    return [tiles(each)[lit].var(axis=1) for each in values]


def measures(grey: Array) -> dict[str, float]:
    """Return what each rule looks at."""
    one, two, four = (ndimage.gaussian_filter(grey, s) for s in (0.7, 1.4, 2.8))
    laplacian, fine, coarse = lit_tiles(grey, ndimage.laplace(grey), one - two, two - four)
    last_tenth = float(np.percentile(fine, 90))
    kept = []
    for axis in (0, 1):  # Crete et al. 2007, SPIE 6492: what a further blur takes away
        soft = ndimage.uniform_filter1d(grey, 9, axis=axis)
        before, after = np.abs(np.diff(grey, axis=axis)), np.abs(np.diff(soft, axis=axis))
        kept.append(1 - np.maximum(0, before - after).sum() / max(before.sum(), 1e-6))
    whole = float(fine.sum() / max(coarse.sum(), 1e-6))
    return {
        IN_USE: sharpness(grey),
        "Laplacian, third quartile of tiles (before)": float(np.percentile(laplacian, 75)),
        "fine band, last tenth of tiles": last_tenth,
        "fine band over coarse": whole,
        "last tenth x fine over coarse": last_tenth * whole,
        "Crete": 1 - max(kept),
    }


def blurred(picture: Array, kind: str, rng: np.random.Generator) -> Array:
    if kind in PIXELS:
        return ndimage.gaussian_filter(picture, (PIXELS[kind], PIXELS[kind], 0))
    if kind == "sharp":
        return picture
    return ndimage.uniform_filter1d(picture, 9, axis=int(rng.integers(2)))


def as_filmed(picture: Array, noise: float, rng: np.random.Generator, *, text: bool) -> Array:
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    for line, words in enumerate(TEXT if text else ()):
        ImageDraw.Draw(image).text((4, 4 + 11 * line), words, fill="white")
    noisy = np.asarray(image, np.float32) + rng.normal(0, noise, picture.shape)
    buffer = io.BytesIO()
    whole = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    whole.save(buffer, "JPEG", quality=int(rng.integers(70, 93)))
    return grey_of(Image.open(buffer))


def frames(files: list[Path], rng: np.random.Generator, *, moves: bool) -> list[Array]:
    wanted, out = USUAL + JUDGED, []
    for number in np.resize(rng.permutation(len(files)), wanted):
        picture = np.asarray(Image.open(files[number]).convert("RGB"), np.float32)
        for _ in range(wanted // 3 + 1 if moves else 1):
            free = [max(side - WINDOW, 0) if moves else 0 for side in picture.shape[:2]]
            y, x = (int(rng.integers(room + 1)) for room in free)
            size = WINDOW if moves else 10**6
            out.append(picture[y : y + size, x : x + size])
        if len(out) >= wanted:
            break
    order = rng.permutation(len(out)) if moves else np.arange(len(out))
    return [out[k] for k in order[:wanted]]


Values = dict[str, dict[str, NDArray[np.float64]]]


def clip(data: Path, name: str, seed: int, *, moves: bool, text: bool) -> Values:
    """Return each rule's values over the clip's median, by kind of frame."""
    rng = np.random.default_rng((seed, moves))
    folders = sorted(path for path in (data / name).iterdir() if path.is_dir())
    if name != "crc_he_mini":  # whose classes have ten images each
        folders = [folders[seed % len(folders)]]
    files = sorted(f for folder in folders for f in folder.iterdir() if f.suffix != ".md")
    noise = float(rng.uniform(1, 4))
    usual: list[dict[str, float]] = []
    judged: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for number, picture in enumerate(frames(files, rng, moves=moves)):
        if is_black(as_filmed(picture, noise, rng, text=text)):
            continue
        kinds = KINDS if number >= USUAL else ["sharp" if number % 6 else "3 px"]
        for kind in kinds:
            grey = as_filmed(blurred(picture, kind, rng), noise, rng, text=text)
            (judged[kind] if number >= USUAL else usual).append(measures(grey))
    return {
        rule: {
            kind: np.array([row[rule] for row in rows]) / np.median([row[rule] for row in usual])
            for kind, rows in judged.items()
        }
        for rule in usual[0]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--text", action="store_true", help="lines of text over every frame")
    asked = parser.parse_args()
    seeds = {**dict.fromkeys(CHOOSING, 0), **dict.fromkeys(JUDGING, 2000)}
    clips = {
        (name, moves, seed): clip(asked.data, name, seed, moves=moves, text=asked.text)
        for name, first in seeds.items()
        for seed in range(first, first + asked.seeds)
        for moves in (False, True)
    }
    rng = np.random.default_rng(0)
    for rule in next(iter(clips.values())):
        sharp = [v[rule]["sharp"] for (name, *_), v in clips.items() if name in CHOOSING]
        share = BLURRED if rule == IN_USE else float(np.quantile(np.concatenate(sharp), 0.01))
        print(f"\n{rule}: blurred below {share:.2f} of the usual")
        for moves in (False, True):
            line = []
            for kind in KINDS:
                sets = [
                    [(v[rule][kind] < share).mean() for (name, m, _), v in clips.items()
                     if name == each and m == moves]
                    for each in JUDGING
                ]  # fmt: skip
                draws = rng.choice(np.array(sets), (2000, asked.seeds), axis=1).mean(axis=(0, 2))
                low, high = 100 * np.quantile(draws, [0.025, 0.975])
                worst = (max if kind == "sharp" else min)(np.mean(each) for each in sets)
                line.append(
                    f"{kind} {100 * np.mean(sets):.0f} % [{low:.0f}, {high:.0f}], "
                    f"worst set {100 * worst:.0f}"
                )
            print(f"  {'moves' if moves else 'cuts'}: " + "; ".join(line))


if __name__ == "__main__":
    main()
