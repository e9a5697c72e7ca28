"""Two processes of a pretraining run against one: images per second, and graphs of torch.compile.

    python benchmarks/several_processes.py [--backbone NAME] [--steps 24] [--batch-size 32]
    python benchmarks/several_processes.py --graphs

The same run (images drawn as noise, batch, views, weights) on one process with one thread, on two
with one thread each, and on one with two threads, in turn and `--rounds` times; the ratio is that
of the medians over all steps after the first five. By gloo, on CPUs: nccl was never at hand.

`--graphs` counts the pieces into which torch.compile cuts a student with BatchNorm, per process.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
WARM = 5
"""First steps, which are not counted."""


def recipe_of(options: argparse.Namespace) -> dict:
    """Return what all train by."""
    return {
        "backbone": options.backbone,
        "start": "scratch",
        "steps": options.steps,
        "batch_size": options.batch_size,
        "global_size": 112,
        "local_size": 56,
        "local_crops": 4,
        "workers": 0,
        "log_steps": 1,
        "check_steps": 10**6,
        "checkpoint_steps": 10**6,
        "learning_rate": 1e-5,
        "head_learning_rate": 1e-5,
    }


def images(folder: Path, n: int) -> str:
    """Draw noise and list it as a run does."""
    random = np.random.default_rng(0)
    lines = []
    for number in range(n):
        file = folder / f"{number}.png"
        Image.fromarray(random.integers(0, 256, (160, 160, 3), dtype=np.uint8)).save(file)
        lines.append(json.dumps({"id": str(number), "file": str(file)}) + "\n")
    return "".join(lines)


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def seconds_of_steps(folder: Path, world: int, threads: int) -> list[float]:
    """Train a run's folder and return the seconds of its steps."""
    common = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(world),
    }
    command = [sys.executable, "-m", "fewshot_lab", "pretrain-rank", str(folder)]
    ranks = [
        subprocess.Popen(command, env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(world)
    ]
    ends = [rank.wait() for rank in ranks]
    if any(ends):
        raise SystemExit(f"the run in {folder} failed: see above")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [sum(row["seconds"].values()) for row in rows if row["kind"] == "step"]
    return steps[WARM:]


def compare(options: argparse.Namespace) -> None:
    """Print the speed of each way and the ratio of two processes to one."""
    ways = [
        ("one process, one thread", 1, 1),
        ("two processes, a thread each", 2, 1),
        ("one process, two threads", 1, 2),
    ]
    seconds: dict[str, list[float]] = {name: [] for name, _, _ in ways}
    with tempfile.TemporaryDirectory() as place:
        listed = images(Path(place), 2 * options.batch_size)
        for turn in range(options.rounds):
            for name, world, threads in ways:
                folder = Path(place) / f"{world}-{threads}-{turn}"
                folder.mkdir()
                (folder / "images.jsonl").write_text(listed)
                spec = {"name": folder.name, "recipe": recipe_of(options), "device": "cpu"}
                (folder / "spec.json").write_text(json.dumps(spec))
                seconds[name] += seconds_of_steps(folder, world, threads)
    first = np.median(seconds[ways[0][0]])
    print(f"{options.backbone}, batch of {options.batch_size}; load {os.getloadavg()[0]:.1f}")
    for name, values in seconds.items():
        middle = np.median(values)
        low, high = np.percentile(values, [25, 75])
        print(
            f"{name:<30} {options.batch_size / middle:>8.1f} images/s {first / middle:>6.2f}x"
            f"   step {middle:.3f} s (quartiles {low:.3f}-{high:.3f}, {len(values)} steps)"
        )


def count_graphs() -> None:
    """Print into how many graphs a student is cut, with BatchNorm of one and of all processes."""
    import torch
    import torch.distributed as dist

    from fewshot_lab.pretrain import Recipe
    from fewshot_lab.pretrain.multi_crop_network import starting_backbone, student_and_teacher
    from fewshot_lab.pretrain.synced_norm import synced_norms

    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    dist.init_process_group("gloo", rank=0, world_size=1)
    recipe = Recipe(backbone="test_resnet", start="scratch", global_size=64, local_size=32)
    crops = [torch.rand(8, 3, 64, 64), torch.rand(8, 3, 32, 32)]
    for name in ("its own BatchNorm", "BatchNorm of all processes"):
        student, _ = student_and_teacher(recipe, starting_backbone(recipe))
        if name.endswith("processes"):
            synced_norms(student, torch.device("cpu"), compiled=True)
        torch._dynamo.reset()
        seen = torch._dynamo.explain(student)(crops)
        print(f"{name:<30} graphs {seen.graph_count}, breaks {seen.graph_break_count}")
    dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--graphs", action="store_true", help="count graphs of torch.compile")
    options = parser.parse_args()
    if options.graphs:
        count_graphs()
    else:
        compare(options)


if __name__ == "__main__":
    main()
