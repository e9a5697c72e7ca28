"""Which learning rate pretraining from ImageNet's weights takes, as a GPU's recipe would train.

    python benchmarks/learning_rates.py [--sets pbc8 isic8 crc_he_mini] [--seeds 1] [--steps 100]

The recipe of a GPU (nothing at rest but the backbone while the new head learns alone) at small
crops, from the embedded EfficientNet-Lite0 with ImageNet's weights. Rates are told as at a batch of
256 and scaled by the batch. Judged by the labels as a run's own check does: balanced accuracy of
kNN and of logistic regression by cross-validation, less that of the frozen start on those images.
The mean and its 95 % interval are over sets (of the seeds' means).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from _embeddings import DATA
from pretrain import images
from scipy import stats

from fewshot_lab.pretrain import Recipe, process_group, read_metrics, train
from fewshot_lab.progress import silent

RATES = (1e-4, 5e-4, 1e-3, 2e-3)


def gains(folder: Path, data: Path, rate: float, seed: int, options: argparse.Namespace) -> dict:
    """Train once; return the gain of each classifier over the frozen start."""
    rows = images(data, options.images)
    scaled = rate * options.batch_size / 256
    recipe = Recipe.for_dataset(
        len(rows),
        modality="stained microscopy",
        device="cuda",
        batch_size=options.batch_size,
        steps=options.steps,
        global_size=64,
        local_size=32,
        local_crops=2,
        cache_size=96,
        learning_rate=scaled,
        head_learning_rate=4 * scaled,
        precision="float32",
        compile=False,
        workers=0,
        seed=seed,
        check_steps=options.steps,
        checkpoint_steps=options.steps,
        keep=1,
    ).recipe
    folder.mkdir()
    with process_group() as alone:
        train(folder, recipe, rows, alone, progress=silent)
    last = [row for row in read_metrics(folder) if row["kind"] == "check"][-1]
    return {name: last[f"{name}_gain"]["value"] for name in ("knn", "logistic")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=["pbc8", "isic8", "crc_he_mini"])
    parser.add_argument("--rates", nargs="+", type=float, default=list(RATES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    found: dict[tuple[float, str], list[dict]] = {}
    with tempfile.TemporaryDirectory() as home:
        for name in options.sets:
            for seed in options.seeds:
                for rate in options.rates:
                    folder = Path(home) / f"{name}-{rate:g}-{seed}"
                    one = gains(folder, DATA / name, rate, seed, options)
                    found.setdefault((rate, name), []).append(one)
                    print(
                        f"{name}, seed {seed}, {rate:g}: "
                        + ", ".join(f"{key} {100 * value:+.1f}" for key, value in one.items()),
                        flush=True,
                    )
    for rate in options.rates:
        line = [f"{rate:g} x batch / 256:"]
        for key in ("knn", "logistic"):
            means = [np.mean([o[key] for o in found[rate, name]]) for name in options.sets]
            middle, n = float(np.mean(means)), len(means)
            half = stats.t.ppf(0.975, n - 1) * np.std(means, ddof=1) / n**0.5 if n > 1 else np.nan
            line.append(f"{key} {100 * middle:+.1f} ± {100 * half:.1f}")
        print("  ".join(line))


if __name__ == "__main__":
    main()
