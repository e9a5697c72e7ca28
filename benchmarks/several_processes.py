"""Two processes of a pretraining run against one: images per second, and graphs of torch.compile.

    python benchmarks/several_processes.py [--backbone NAME] [--steps 24] [--batch-size 32]
    python benchmarks/several_processes.py --batch-size 128 --sharing
    python benchmarks/several_processes.py --before TREE
    python benchmarks/several_processes.py --graphs

The same run (images drawn as noise, batch, views, weights) on one process with one thread, on two
with one thread each, and on one with two threads, in turn and `--rounds` times; the ratio is that
of the medians over all steps after the first five. By gloo, on CPUs: nccl was never at hand. Beside
them two runs at once that know nothing of each other: what two cores of this machine give at most;
and the processor's seconds of each run, start included, which other work hardly changes.

`--before` compares the code of a checkout of earlier (git worktree add TREE COMMIT) with this one,
in turn, on one process with one thread.

`--graphs` counts the pieces into which torch.compile cuts a student with BatchNorm, per process.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
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
        "local_size": 48 if "patch16" in options.backbone else 56,
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


@dataclass(frozen=True)
class Way:
    """How a run is trained: `apart` is how many runs go at once, each on `world` processes."""

    world: int = 1
    threads: int = 1
    apart: int = 1
    tree: Path = ROOT


def start(folder: Path, way: Way) -> list[subprocess.Popen]:
    """Start the processes of a run's folder."""
    common = {
        **os.environ,
        "OMP_NUM_THREADS": str(way.threads),
        "PYTHONPATH": str(way.tree),
        "CUDA_VISIBLE_DEVICES": "",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(way.world),
        "LOCAL_WORLD_SIZE": str(way.world),
    }
    command = [sys.executable, "-m", "fewshot_lab", "pretrain-rank", str(folder)]
    return [
        subprocess.Popen(
            command, env={**common, "RANK": str(r), "LOCAL_RANK": str(r)}, cwd=way.tree
        )
        for r in range(way.world)
    ]


def seconds_of_steps(folders: list[Path], way: Way) -> tuple[list[float], float]:
    """Train runs at once.

    Returns
    -------
    list of float
        The seconds of their steps, as if they had shared a batch.
    float
        The processor seconds that the runs took, from their start to their end.
    """
    ranks = [rank for folder in folders for rank in start(folder, way)]
    ends = [os.wait4(rank.pid, 0) for rank in ranks]
    if any(status for _, status, _ in ends):
        raise SystemExit(f"the run in {folders[0]} failed: see above")
    steps = []
    for folder in folders:
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        steps += [sum(row["seconds"].values()) for row in rows if row["kind"] == "step"][WARM:]
    used = sum(usage.ru_utime + usage.ru_stime for *_, usage in ends)
    return [seconds / len(folders) for seconds in steps], used


def compare(options: argparse.Namespace) -> None:
    """Print the speed of each way and its ratio to the first."""
    ways = {
        "one process, one thread": Way(),
        "two processes, a thread each": Way(world=2),
        "one process, two threads": Way(threads=2),
        "two runs at once, apart": Way(apart=2),
    }
    if options.before:
        ways = {"before": Way(tree=options.before.resolve()), "now": Way()}
    elif options.sharing:
        del ways["two runs at once, apart"]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    processor = dict.fromkeys(ways, 0.0)
    with tempfile.TemporaryDirectory() as place:
        listed = images(Path(place), 2 * options.batch_size)
        for turn in range(options.rounds):
            for number, (name, way) in enumerate(ways.items()):
                folders = [Path(place) / f"{turn}-{number}-{each}" for each in range(way.apart)]
                for folder in folders:
                    folder.mkdir()
                    (folder / "images.jsonl").write_text(listed)
                    spec = {"name": folder.name, "recipe": recipe_of(options), "device": "cpu"}
                    (folder / "spec.json").write_text(json.dumps(spec))
                steps, used = seconds_of_steps(folders, way)
                seconds[name] += steps
                processor[name] += used / options.rounds
                print(f"round {turn + 1}, {name}: step {np.median(steps):.3f} s", flush=True)
    first = np.median(next(iter(seconds.values())))
    print(f"{options.backbone}, batch of {options.batch_size}; load {os.getloadavg()[0]:.1f}")
    for name, values in seconds.items():
        middle = np.median(values)
        low, high = np.percentile(values, [25, 75])
        print(
            f"{name:<30} {options.batch_size / middle:>8.1f} images/s {first / middle:>6.2f}x"
            f"   step {middle:.3f} s (quartiles {low:.3f}-{high:.3f}, {len(values)} steps)"
            f"   {processor[name]:.0f} processor seconds"
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
    parser.add_argument("--before", type=Path, metavar="TREE", help="a checkout of earlier")
    parser.add_argument(
        "--sharing", action="store_true", help="without two runs apart, which take twice the memory"
    )
    parser.add_argument("--graphs", action="store_true", help="count graphs of torch.compile")
    options = parser.parse_args()
    if options.graphs:
        count_graphs()
    else:
        compare(options)


if __name__ == "__main__":
    main()
