"""A project of a million drawn vectors: seconds and memory of everything, and how they grow.

    python benchmarks/scale.py [--sizes 10000 100000 1000000] [--dimensions 384]
    python benchmarks/scale.py --folder FOLDER [--steps refit page]    keeps projects, repeats steps

Each step is a process of its own, on the project that the steps before it made; its memory is the
most it had for itself, without file pages that the system can drop. "Growth" is the exponent
between two sizes: 1 is in proportion, 2 quadratic. "Embed bookkeeping" is all that embedding does
beside the forward pass; "refit" is from a label stored to the snapshot published (median of five);
"page: first answer" is a fresh server's answer to a page that has nothing, with its session at work
behind, and "first snapshot" until that has fitted and scored all images (the backbone, which takes
the same for every size, is loaded before);
"key to colours" is from a label posted to the answer with its colours, by the routes (median of
nine). Thumbnails are 64 drawn pictures, hard-linked. Where "together" would take hours, "given"
writes near-duplicates that are drawn.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

STEPS = (
    "rows",
    "embed",
    "opened",
    "pool",
    "index",
    "together",
    "copies",
    "umap",
    "refit",
    "page",
    "key",
    "export",
)


def child(step: str, n: int, d: int) -> None:
    from _scale_clock import Clock, Memory
    from _scale_routes import STEPS as ROUTES
    from _scale_steps import STEPS as FUNCTIONS

    memory, clock = Memory(), Clock()
    began = time.perf_counter()
    (FUNCTIONS | ROUTES)[step](n, d, clock)
    print(json.dumps({"seconds": time.perf_counter() - began, "memory": memory.stop()}
                     | {"figures": clock.figures}))  # fmt: skip
    sys.stdout.flush()
    os._exit(0)  # a session's thread may still be at work


def run(step: str, n: int, d: int, home: Path) -> dict | None:
    """Return what a step printed; None where it failed."""
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"FEWSHOT_LAB_HOME": str(home), "FEWSHOT_LAB_COMPARE": "0"}
    command = [sys.executable, __file__, "--child", step, str(n), str(d)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
    if done.returncode or not done.stdout.strip():
        return None
    return json.loads(done.stdout.splitlines()[-1])


def growth(sizes: list[int], values: list[float | None]) -> str:
    """Return the exponents between neighbouring sizes."""
    out = []
    for (n, a), (m, b) in zip(
        zip(sizes, values, strict=True), list(zip(sizes, values, strict=True))[1:], strict=False
    ):
        out.append(f"{math.log(b / a) / math.log(m / n):.1f}" if a and b else "-")
    return ", ".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--dimensions", type=int, default=384, choices=(192, 384))
    parser.add_argument("--steps", nargs="+", choices=[*STEPS, "given"], default=list(STEPS))
    parser.add_argument("--folder", type=Path, help="where the projects stay")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        child(asked.child[0], int(asked.child[1]), int(asked.child[2]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        base = asked.folder or Path(temporary)
        table: dict[str, dict[int, float]] = {}
        for n in asked.sizes:
            for step in asked.steps:
                if step == "rows" and (base / str(n) / "drawn" / "project.json").exists():
                    continue
                done = run(step, n, asked.dimensions, base / str(n))
                if done is None:
                    print(f"{step} of {n:,} failed", flush=True)
                    continue
                figures = done["figures"] | {f"memory: {step}": done["memory"]}
                for name, value in figures.items():
                    table.setdefault(name, {})[n] = value
                print(f"{n:>9,} {step}: {json.dumps(figures)}; load {os.getloadavg()[0]:.1f}",
                      flush=True)  # fmt: skip
    print("\n| | " + " | ".join(f"{n:,}" for n in asked.sizes) + " | growth |")
    print("|---" * (len(asked.sizes) + 2) + "|")
    for name, by_size in table.items():
        values = [by_size.get(n) for n in asked.sizes]
        unit = " GiB" if name.startswith("memory") else ""
        cells = [f"{value:.3g}{unit}" if value is not None else "-" for value in values]
        print(f"| {name} | " + " | ".join(cells) + f" | {growth(asked.sizes, values)} |")
    print(f"\n{os.cpu_count()} cores, load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
