"""Adapting a transformer against training all of it: memory, time, and whether it learns.

    python benchmarks/adapters.py [--backbone vit_base_patch16_224] [--batch-size 8] [--size 112]
    FEWSHOT_LAB_TEST_DATA=... python benchmarks/adapters.py --learn --backbone test_vit --size 64

Memory: the greatest resident memory of a process of its own that takes three steps on noise, less
what it had before the networks were built; beside it, the bytes of weights, gradients and
optimiser that stay for the whole run. `--learn` trains a small ViT from random weights on blood
cells, goes on from these with skin lesions, by each way and at several learning rates, and prints
loss, entropies, effective rank and kNN before and after. (What an adapter gains on a foundation
model needs its weights and a GPU, and was never measured.)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

WAYS = ("none", "lora", "apla")


def recipe_of(options: argparse.Namespace, how: str) -> dict:
    """Return what all train by."""
    return {
        "backbone": options.backbone,
        "start": "scratch",
        "batch_size": options.batch_size,
        "global_size": options.size,
        "local_size": options.size // 32 * 16,
        "local_crops": 4,
        "adapt": how,
        "adapt_rank": 0 if how == "apla" else 16,
        "workers": 0,
    }


def measure(recipe: dict) -> dict[str, float]:
    """Take three steps on noise; return seconds, peak and lasting memory in MB."""
    import resource

    import torch

    from fewshot_lab.pretrain import Recipe, process_group
    from fewshot_lab.pretrain.multi_crop_network import starting_backbone
    from fewshot_lab.pretrain.student_teacher import StudentTeacher

    chosen = Recipe.from_dict(recipe)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with process_group() as alone:
        networks = StudentTeacher(chosen, starting_backbone(chosen), alone)
        networks.rest_backbone(False)
        n, g, s = chosen.batch_size, chosen.global_size, chosen.local_size
        crops = [torch.rand(2 * n, 3, g, g), torch.rand(chosen.local_crops * n, 3, s, s)]
        for _ in range(3):
            began = time.perf_counter()
            with torch.no_grad():
                networks.run_teacher(crops[:1])
            networks.run_student(crops).square().mean().backward()
            networks.optimiser.step()
            gradients = [p.grad for p in networks.student.parameters() if p.grad is not None]
            networks.optimiser.zero_grad()
            networks.follow(0.99, torch.zeros(chosen.prototypes))
            seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    weights = {
        p.data_ptr(): p for m in (networks.student, networks.teacher) for p in m.parameters()
    }
    moments = [
        value
        for state in networks.optimiser.state.values()
        for value in state.values()
        if torch.is_tensor(value)
    ]
    lasting = sum(t.numel() * 4 for t in (*weights.values(), *gradients, *moments))
    learning = sum(t.numel() for t in gradients)
    return {
        "seconds": seconds,
        "peak": (peak - before) / 1024,
        "lasting": lasting / 2**20,
        "learning": learning / 1e6,
    }


def compare_memory(options: argparse.Namespace) -> None:
    """Print the memory of each way."""
    print(f"{options.backbone}, {options.batch_size} images at {options.size} px, one thread")
    print(f"{'adapt':<6} {'learn':>9} {'lasting':>10} {'peak':>10} {'of full':>8} {'a step':>8}")
    full = 0.0
    for how in WAYS:
        done = subprocess.run(
            [sys.executable, __file__, "--child", json.dumps(recipe_of(options, how))],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        full = full or found["peak"]
        print(
            f"{how:<6} {found['learning']:>7.1f} M {found['lasting']:>7.0f} MB "
            f"{found['peak']:>7.0f} MB {found['peak'] / full:>7.2f}x {found['seconds']:>6.2f} s",
            flush=True,
        )


def learn(options: argparse.Namespace) -> None:
    """Print what each way learns of real images, from weights that learnt of others."""
    from pretrain import images

    from fewshot_lab.pretrain import Recipe, process_group, read_metrics, train

    data = Path(os.environ["FEWSHOT_LAB_TEST_DATA"])

    def trained(folder: Path, of: str, seed: int, **values: Any) -> list[dict[str, Any]]:
        folder.mkdir()
        rows = images(data / of, options.images)
        sizes = {"global_size": options.size, "local_size": options.size // 32 * 16}
        looks = {"check_steps": options.steps, "checkpoint_steps": options.steps, "log_steps": 5}
        recipe = Recipe.for_dataset(
            len(rows),
            options.backbone,
            values.pop("start", "scratch"),
            steps=options.steps,
            batch_size=32,
            prototypes=256,
            seed=seed,
            **{"workers": 0, **sizes, **looks, **values},
        ).recipe
        with process_group() as alone:
            train(folder, recipe, rows, alone, progress=lambda *_: None)
        return read_metrics(folder)

    def line(name: str, metrics: list[dict[str, Any]]) -> None:
        steps = [row for row in metrics if row["kind"] == "step"]
        checks = [row for row in metrics if row["kind"] == "check"]
        knn, last = (row["knn"] for row in (checks[0], checks[-1]))
        print(
            f"{name:<28} loss {steps[0]['loss']:.2f} -> {steps[-1]['loss']:.2f} (entropy of the "
            f"teacher {steps[-1]['teacher_entropy']:.2f}, of its mean "
            f"{steps[-1]['mean_entropy']:.2f}); rank {checks[0]['rank']:.1f} -> "
            f"{checks[-1]['rank']:.1f}; kNN {knn['value']:.3f} -> {last['value']:.3f} "
            f"({last['low']:.3f}-{last['high']:.3f})",
            flush=True,
        )

    with tempfile.TemporaryDirectory() as place:
        base = Path(place) / "base"
        line("pbc8, from scratch", trained(base, "pbc8", 0))
        start = f"{base / 'last.safetensors'}"
        for how in WAYS:
            for rate in options.rates if how != "none" else options.rates[:1]:
                name = f"isic8, {how}, {rate:g}"
                folder = Path(place) / f"{how}-{rate}"
                rank = 0 if how == "apla" else 16
                values = {"adapt": how, "adapt_rank": rank, "learning_rate": rate}
                line(name, trained(folder, "isic8", 1, start=start, **values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="vit_base_patch16_224")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-4, 5e-4, 2e-3])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(json.loads(options.child))))
    elif options.learn:
        learn(options)
    else:
        compare_memory(options)


if __name__ == "__main__":
    main()
