"""Which learning rate, and which views, pretraining from ImageNet's weights takes: by trying.

    python benchmarks/recipe_choices.py rates [--sets pbc8 isic8] [--seeds 11 12 13] [--steps 300]
    python benchmarks/recipe_choices.py views

A GPU's recipe (nothing at rest but the backbone while the new head learns alone) at small crops,
from the embedded EfficientNet-Lite0 with ImageNet's weights. `rates` are told as at a batch of 256
and scaled by the batch; `views` compares global crops that are blurred alike (.3) with DINO's (1,
.1, local .5), and these with the second one solarised (.2), too.

Judged by the labels as a run's own check does: balanced accuracy of kNN and of logistic regression
by cross-validation, less that of the frozen start on the same images. Then the difference of each
variant to the first, paired by set and seed, with its 95 % interval over these pairs. What `--out`
holds is not trained again, so a stopped comparison goes on; `--at-most 1` trains once a call.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _embeddings import DATA
from pretrain import images
from scipy import stats

from fewshot_lab.allocator import freed_memory_kept
from fewshot_lab.pretrain import Recipe, process_group, read_metrics, train
from fewshot_lab.progress import silent

KINDS = {"isic8": "dermoscopy", "cxr_pneumonia": "radiology grey", "busi": "ultrasound"}
BLURS = ("blur_probability", "blur_probability_second", "blur_probability_local")
DINOS = dict(zip(BLURS, (1.0, 0.1, 0.5), strict=True))
VARIANTS: dict[str, dict[str, dict[str, float]]] = {
    "rates": {f"{rate:g}": {"rate": rate} for rate in (1e-4, 1e-3, 4e-3)},
    "views": {
        "alike": dict.fromkeys(BLURS, 0.3),
        "as DINO": DINOS,
        "and solarised": {**DINOS, "solarise_probability": 0.2},
    },
}
JUDGES = ("knn", "logistic")


def gains(
    folder: Path, name: str, seed: int, values: dict[str, Any], options: argparse.Namespace
) -> dict[str, float]:
    """Train once; return the gain of each classifier over the frozen start."""
    rows = images(DATA / name, options.images)
    values = dict(values)
    rate = values.pop("rate", 1e-3) * options.batch_size / 256
    recipe = Recipe.for_dataset(
        len(rows),
        modality=KINDS.get(name, "stained microscopy"),
        device="cuda",
        batch_size=options.batch_size,
        steps=options.steps,
        global_size=options.size,
        local_size=options.size // 2,
        local_crops=2,
        cache_size=options.size * 4 // 3,
        head_hidden=512,
        learning_rate=rate,
        head_learning_rate=4 * rate,
        precision="float32",
        compile=False,
        device_views=False,
        workers=0,
        seed=seed,
        check_steps=options.steps,
        checkpoint_steps=options.steps,
        keep=1,
        **values,
    ).recipe
    folder.mkdir()
    with process_group() as alone, freed_memory_kept():
        train(folder, recipe, rows, alone, progress=silent)
    last = [row for row in read_metrics(folder) if row["kind"] == "check"][-1]
    return {name: last[f"{name}_gain"]["value"] for name in JUDGES}


def interval(values: list[float]) -> str:
    """Return mean and 95 % interval of differences, in points."""
    n, middle = len(values), 100 * float(np.mean(values))
    if n < 2:
        return f"{middle:+.1f}"
    half = 100 * stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / n**0.5
    return f"{middle:+.1f} ({middle - half:+.1f} to {middle + half:+.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("compare", choices=list(VARIANTS))
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[11, 12, 13])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=64, help="of global crops, in pixels")
    parser.add_argument("--out", type=Path, help="rows of JSON, one for each training")
    parser.add_argument("--at-most", type=int, default=10**6, help="trainings in this call")
    options = parser.parse_args()
    done: dict[tuple[str, int, str], dict[str, float]] = {}
    if options.out and options.out.exists():
        for line in options.out.read_text().splitlines():
            row = json.loads(line)
            done[row["set"], row["seed"], row["variant"]] = row["gain"]
    variants = VARIANTS[options.compare]
    cells = [(name, seed) for seed in options.seeds for name in options.sets]
    keys = [(*cell, variant) for cell in cells for variant in variants]
    with tempfile.TemporaryDirectory() as home:
        for key in [key for key in keys if key not in done][: options.at_most]:
            name, seed, variant = key
            done[key] = gains(Path(home) / f"{len(done)}", name, seed, variants[variant], options)
            if options.out:
                row = {"set": name, "seed": seed, "variant": variant, "gain": done[key]}
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            words = ", ".join(f"{k} {100 * v:+.1f}" for k, v in done[key].items())
            print(f"{name}, seed {seed}, {variant}: {words}", flush=True)
    compared = [cell for cell in cells if all((*cell, variant) in done for variant in variants)]
    if compared:
        print_differences(done, compared, list(variants))


def print_differences(
    done: dict[tuple[str, int, str], dict[str, float]],
    cells: list[tuple[str, int]],
    variants: list[str],
) -> None:
    """Print the gain of each variant, and less that of the first, over sets and seeds."""
    first = variants[0]
    for judge in JUDGES:
        print(f"\n{judge}: gain over the frozen start, and less that of {first}, in points")
        for variant in variants:
            mine = [done[*cell, variant][judge] for cell in cells]
            gaps = [a - done[*cell, first][judge] for a, cell in zip(mine, cells, strict=True)]
            less = "" if variant == first else interval(gaps)
            print(f"{variant:<14} {interval(mine):<24} {less}")


if __name__ == "__main__":
    main()
