"""Embedding images against the bare forward pass of the same network and batch.

    python benchmarks/embed.py [--images 1000] [--rounds 3] [--folder FOLDER] [--backbone NAME]
                               [--device cpu] [--batch-size N]

To reach: 0.9 of the bare forward pass, waiting for data under 10 %. The bare pass has its pixels
in memory, decoded before; embedding begins with the files and ends with shards on disk. Rounds
alternate, so that other work on the machine falls on both alike. On a CPU a second, stricter
figure is given: the bare pass in as many single-threaded lanes as embedding uses.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Run from a checkout, without installing.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import torch

from fewshot_lab.backbones import default_name, find
from fewshot_lab.embeddings import ImageItem, embed
from fewshot_lab.embeddings.decoding import decode
from fewshot_lab.embeddings.device import choose_device, precision
from fewshot_lab.embeddings.embedding_run import CPU_BATCH, GPU_BATCH
from fewshot_lab.embeddings.forward_pass import Forward

DATA = Path(
    os.environ.get("FEWSHOT_LAB_TEST_DATA")
    or Path(__file__).resolve().parent.parent.parent / "shared" / "datasets"
)
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}


def bare(forward: Forward, batches: list[torch.Tensor]) -> float:
    """Return the seconds of the forward pass over pixels in memory."""
    began = time.perf_counter()
    for batch in batches:
        vectors = forward(batch)
    vectors.cpu()
    return time.perf_counter() - began


def bare_lanes(forward: Forward, batches: list[torch.Tensor], count: int) -> float:
    """Return the seconds of the same in single-threaded lanes."""
    before = torch.get_num_threads()
    one = max(1, before // count)
    with ThreadPoolExecutor(count, initializer=lambda: torch.set_num_threads(one)) as pool:
        began = time.perf_counter()
        list(pool.map(lambda batch: forward(batch).cpu(), batches))
        seconds = time.perf_counter() - began
    torch.set_num_threads(before)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=DATA / "pbc8")
    parser.add_argument("--backbone", default=default_name())
    parser.add_argument("--device")
    parser.add_argument("--batch-size", type=int)
    asked = parser.parse_args()

    files = sorted(f for f in asked.folder.rglob("*") if f.suffix.lower() in SUFFIXES)
    files = files[:: max(1, len(files) // asked.images)][: asked.images]
    if not files:
        raise SystemExit(f"{asked.folder} holds no images: name another with --folder.")
    items = [ImageItem(f"{number:020x}", file) for number, file in enumerate(files)]
    backbone = find(asked.backbone)
    device = choose_device(asked.device)
    size = asked.batch_size or (CPU_BATCH if device == "cpu" else GPU_BATCH)
    forward = Forward(backbone.load(device), device, precision(device), size)
    lanes = min(torch.get_num_threads(), 16)

    # As many pixels as fit into a modest memory, gone over again and again.
    held = [decode(item, backbone.preprocessing) for item in items[: max(size, 512)]]
    stack = np.stack([pixels for pixels in held if isinstance(pixels, np.ndarray)])
    pixels = torch.from_numpy(stack)
    batches = [pixels[start : start + size] for start in range(0, len(pixels), size)]
    bare(forward, batches[:2])

    rows = []
    for _ in range(asked.rounds):
        plain = len(pixels) / bare(forward, batches)
        in_lanes = len(pixels) / bare_lanes(forward, batches, lanes) if device == "cpu" else plain
        with tempfile.TemporaryDirectory() as folder:
            report = embed(items, backbone, Path(folder), device=device, batch_size=size)
        rows.append((plain, in_lanes, report.images_per_second, report.waiting_share))

    load = os.getloadavg()[0]
    print(f"{backbone.name}, {len(items)} images of {asked.folder.name}, batch {size}, {device},")
    print(f"{torch.get_num_threads()} threads, load of the machine {load:.1f}\n")
    print("| round | bare images/s | bare in lanes | embedding | share | of lanes | waiting |")
    print("|---|---|---|---|---|---|---|")
    for number, (plain, in_lanes, whole, waiting) in enumerate(rows, 1):
        print(
            f"| {number} | {plain:.1f} | {in_lanes:.1f} | {whole:.1f} | {whole / plain:.2f} | "
            f"{whole / in_lanes:.2f} | {waiting:.1%} |"
        )
    share = statistics.median(row[2] / row[0] for row in rows)
    strict = statistics.median(row[2] / row[1] for row in rows)
    waiting = statistics.median(row[3] for row in rows)
    print(f"| median | | | | {share:.2f} | {strict:.2f} | {waiting:.1%} |")
    print("\nto reach: share 0.90, waiting under 10 %")


if __name__ == "__main__":
    main()
