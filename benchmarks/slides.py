"""Slides into a project: seconds and memory as their number grows, and of one large pyramid.

    python benchmarks/slides.py [--slides 5 20] [--tiles 50] [--side 4096] [--large 20000]
    python benchmarks/slides.py --slides 100 --tiles 1000 --side 8192 --tissue 1 --part 540 \\
        --folder F

Drawn pyramids (JPEG, levels by four) of which half is tissue. Each import is a process of its own;
"memory" is the most that it had for itself above what it had before; "slides a minute" includes
finding tissue. Then an import of the larger number is killed half-way by SIGKILL and begun again.
The large pyramid is imported alone, with its levels and without any (the worst: its overview is
read from all of its pixels).

With --part, the largest number alone is imported, killed by SIGKILL after so many seconds: run it
again until nothing is left. What was drawn and imported stays in --folder.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

TILE, BLOCK = 256, 2048


def draw(file: Path, side: int, levels: int, seed: int = 0, tissue: float = 0.5) -> None:
    """Write a pyramid of side x side pixels, a share of it tissue, never whole in memory."""
    import tifffile
    from PIL import Image

    rng = np.random.default_rng(seed)
    cells = rng.integers((130, 50, 110), (230, 130, 210), (64, 64, 3)).astype(np.uint8)
    block = np.asarray(Image.fromarray(cells).resize((BLOCK, BLOCK), Image.Resampling.BICUBIC))
    block = np.tile(block, (2, 2, 1))  # so that a tile begins anywhere in it

    def tiles(size: int, down: int) -> Iterator[NDArray[np.uint8]]:
        step = min(down, BLOCK // TILE)
        for top in range(0, size, TILE):
            for left in range(0, size, TILE):
                y, x = top * down, left * down
                # Shifted wherever it comes again: no two tiles are equal.
                row = (y + 97 * (x // BLOCK) + 331 * seed) % BLOCK
                column = (x + 61 * (y // BLOCK)) % BLOCK
                cut = slice(row, row + TILE * step, step), slice(column, column + TILE * step, step)
                tile = block[cut].copy()
                tile[:, (left + np.arange(TILE)) * down >= tissue * side] = 245
                yield tile

    with tifffile.TiffWriter(file, bigtiff=True) as tiff:
        for level in range(levels):
            size = side // 4**level
            tiff.write(
                tiles(size, 4**level),
                shape=(size, size, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="rgb",
                compression="jpeg",
                subfiletype=1 if level else 0,
                resolution=(2e4 / 4**level, 2e4 / 4**level),
                resolutionunit="CENTIMETER",
                metadata=None,
            )


def resident(pid: int) -> int:
    """Return a process's own memory in bytes; 0 where it has gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024
    return 0


def child(name: str, folder: Path, tiles: int) -> None:
    """Import a folder and print seconds and what came in."""
    from fewshot_lab import Project
    from fewshot_lab.images import Tiling

    project = Project.create(name) if name not in {p.name for p in Project.survey()[0]} else None
    project = project or Project.open(name)
    print(json.dumps({"before": resident(os.getpid())}), flush=True)
    report = project.import_images(folder, tiling=Tiling(most=tiles))
    counts = {"added": report.added, "known": report.known, "refused": len(report.refused)}
    print(json.dumps({"seconds": report.seconds} | counts))


def imported(
    home: Path, name: str, folder: Path, tiles: int, kill_after: float | None = None
) -> dict[str, Any]:
    """Import in a process of its own, perhaps killed; its memory is looked at from here."""
    command = [sys.executable, __file__, "--child", name, str(folder), str(tiles)]
    environment = os.environ | {"FEWSHOT_LAB_HOME": str(home)}
    began, peak = time.monotonic(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as worker:
        while worker.poll() is None:
            time.sleep(0.05)
            peak = max(peak, resident(worker.pid))
            if kill_after is not None and time.monotonic() - began > kill_after:
                worker.send_signal(signal.SIGKILL)
                kill_after = None
        assert worker.stdout is not None
        said = [json.loads(line) for line in worker.stdout.read().splitlines()]
    came = {"seconds": time.monotonic() - began, "added": None, "known": None}
    for each in said:
        came |= each
    return came | {"bytes": peak - came["before"]}


def row(name: str, came: dict[str, Any], slides: int) -> None:
    print(
        f"| {name} | {came['added']:,} | {came['seconds']:.0f} | "
        f"{60 * slides / came['seconds']:.0f} | {came['bytes'] / 1e6:.0f} |",
        flush=True,
    )


def in_parts(options: argparse.Namespace) -> None:
    """Import all slides, or go on, and kill it after a while."""
    from fewshot_lab import Project

    base, count = options.folder, max(options.slides)
    source = base / "slides"
    source.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        if not (file := source / f"slide{k:03}.svs").exists():
            draw(base / "part", options.side, 3, k, options.tissue)
            (base / "part").rename(file)
    came = imported(base / "home", "parts", source, options.tiles, options.part)
    with Project.open("parts", home=base / "home") as project:
        there = len(project.store.ids())
    ended = "killed" if came["added"] is None else f"done, {came['known']:,} known before"
    print(
        f"{count} slides, at most {options.tiles:,} tiles each: {came['seconds']:.0f} s, {ended}; "
        f"{there:,} tiles are there; {came['bytes'] / 1e6:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slides", type=int, nargs="+", default=[5, 20])
    parser.add_argument("--tiles", type=int, default=50)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--large", type=int, default=20_000)
    parser.add_argument("--tissue", type=float, default=0.5)
    parser.add_argument("--part", type=float, help="seconds")
    parser.add_argument("--folder", type=Path, help="of --part")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]), int(options.child[2]))
        return
    if options.part is not None:
        in_parts(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        base, home = Path(folder), Path(folder) / "home"
        drawn = [base / f"drawn{k}.svs" for k in range(max(options.slides))]
        for k, file in enumerate(drawn):
            draw(file, options.side, 3, k, options.tissue)
        print("| | tiles | seconds | slides a minute | memory, MB |\n|---|---|---|---|---|")
        memory = []
        for count in options.slides:
            source = base / f"of{count}"
            source.mkdir()
            for number in range(count):
                (source / f"slide{number}.svs").symlink_to(drawn[number])
            came = imported(home, f"p{count}", source, options.tiles)
            memory.append(came["bytes"])
            row(f"{count} slides, at most {options.tiles} tiles each", came, count)
        imported(home, "killed", source, options.tiles, came["seconds"] / 2 + 2)
        again = imported(home, "killed", source, options.tiles)
        row(f"the same, killed half-way and begun again ({again['known']:,} known)", again, count)
        for levels, name in ((4, "with levels"), (1, "without levels")):
            alone = base / name.replace(" ", "-")
            alone.mkdir()
            draw(alone / "large.svs", options.large, levels)
            came = imported(home, name.replace(" ", "-"), alone, options.tiles)
            row(f"{options.large:,} x {options.large:,} pixels, {name}", came, 1)
        if len(memory) > 1:
            slides = options.slides
            print(f"\nMemory of {slides[-1]} slides to that of {slides[0]}: "
                  f"{memory[-1] / memory[0]:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
