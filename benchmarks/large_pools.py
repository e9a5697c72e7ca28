"""What of a refit grows with the images, and near-duplicates by candidates against comparing all.

    python benchmarks/large_pools.py [--sizes 5000 100000 1000000] [--pairs 8000]
    python benchmarks/large_pools.py --before TREE

A refit is what the live session does from a label read to the snapshot published: drawn coordinates
of 256 axes in both views, 200 labels of 8 classes in a real store, one label more each time. Wall
and processor seconds are medians of seven, "of 5,000" is the ratio of processor seconds to those of
the first size. "The rest" is what a large pool's second snapshot takes, "page" making and zipping
the message with its colours. ``--before`` runs a checkout of earlier (git worktree add TREE COMMIT)
in turn with this one. Then near-duplicates of some drawn vectors by candidates of their leading
axes against comparing all: seconds, pairs found, nearest found.
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

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
AXES, CLASSES, PER_CLASS, REFITS = 256, 8, 25, 7


def drawn_pool(n: int) -> tuple[Any, np.ndarray]:
    """Return a pool whose axes are drawn, both views alike, and the class of each image."""
    from fewshot_lab.classifiers import Pool

    random = np.random.default_rng(0)
    which = random.integers(0, CLASSES, n)
    centres = random.normal(size=(CLASSES, AXES)).astype(np.float32) * 0.6
    pool = Pool(random.standard_normal((500, AXES), dtype=np.float32))
    held: Any = np.empty((n, AXES), np.float32)
    try:
        from fewshot_lab.classifiers.pool import TWO_BYTES_FROM
        from fewshot_lab.classifiers.two_byte_rows import TwoByteRows

        if n > TWO_BYTES_FROM:
            held = TwoByteRows(np.empty((n, AXES), np.int16))
    except ImportError:
        pass  # a tree of before
    for start in range(0, n, 4096):
        rows = which[start : start + 4096]
        Z = centres[rows] + random.standard_normal((len(rows), AXES), dtype=np.float32)
        held[start : start + len(rows)] = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    for view in (pool, pool.levelled):
        view.X = view.rotated = held
    return pool, which


def session_of(n: int, home: Path) -> tuple[Any, Any, np.ndarray, list[int]]:
    """Return a project whose first images are in its store, images of a session, their classes."""
    from fewshot_lab.live.session_images import Images
    from fewshot_lab.project import Project
    from fewshot_lab.project.grouping import group
    from fewshot_lab.project.near_duplicates import NOTHING
    from fewshot_lab.project.pool_view import PoolView
    from fewshot_lab.store import NewImage

    pool, which = drawn_pool(n)
    ids = [f"{row:020x}" for row in range(n)]
    project = Project.create("drawn", home=home)
    project.store.set("audit_share", 0)
    project.store.add_images(
        [NewImage(i, i, i, 0, 8, 8, 1, 1, source=i) for i in ids[: min(n, 2_000)]]
    )
    classes = [project.store.add_class(f"kind {k}", annotator="a") for k in range(CLASSES)]
    none = np.zeros(n, dtype=bool)
    grouping = group(ids, [None] * n, NOTHING, None, set(), (none, ""))
    apart = np.empty((0, 2), np.int64)
    rows = np.arange(n)
    view = PoolView(ids, rows, none, rows + 1, none, none, {}, n, apart, grouping)
    images = Images(("drawn", n), ids, pool, 0.0, 0, None, None, None, view)
    return project, images, which, classes


def refits(n: int) -> dict[str, float]:
    """Return the medians of some refits."""
    from fewshot_lab.live import Snapshot
    from fewshot_lab.live.refit import Refit, RefitSettings
    from fewshot_lab.store import LabelAction
    from fewshot_lab.web.frames import Message

    with tempfile.TemporaryDirectory() as home:
        project, images, which, classes = session_of(n, Path(home))
        taken = iter(range(2_000))
        q = 0

        def label(k: int, count: int) -> None:
            nonlocal q
            q += 1
            ids = []
            while len(ids) < count:
                if which[row := next(taken)] == k:
                    ids.append(images.ids[row])
            project.store.record(
                LabelAction("c", q, "a", "class", classes[k], ids, "grid", None, None, None)
            )

        for k in range(CLASSES):
            label(k, PER_CLASS)
        settings, refit = RefitSettings.of(project), Refit(project)
        last = Snapshot(rev=0, position=-1, ids=images.ids, row=images.view.row)
        times = []
        for turn in range(REFITS + 2):
            wall, cpu = time.perf_counter(), time.process_time()
            done = refit.of(images, settings, last, quick=True, check=lambda _: None)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            fields = dict(done.fields)
            began = time.process_time()
            if rest := getattr(done, "rest", None):
                fields |= rest() | {"whole": True}
            rest_cpu = time.process_time() - began
            last = Snapshot(
                rev=turn, position=done.position, ids=images.ids, row=images.view.row, **fields
            )
            began = time.process_time()
            colours = np.round(last.confidence * 65535).astype(np.uint16)
            Message.of({}, {"predicted": last.predicted.astype(np.uint8), "confidence": colours})
            times.append((wall, cpu, rest_cpu, time.process_time() - began))
            label(turn % CLASSES, 1)
        project.close()
    median = np.median(np.array(times[2:]), axis=0)
    return dict(zip(("wall", "cpu", "rest", "page"), map(float, median), strict=True))


def pairs(n: int) -> None:
    from _drawn import drawn

    from fewshot_lab.project import near_duplicates

    X = drawn(n, AXES).astype(np.float32)
    X -= X.mean(axis=0)
    rotated = np.ascontiguousarray(X @ np.linalg.eigh(X.T @ X)[1][:, ::-1])
    found = []
    for limit in (np.inf, 0.0):
        near_duplicates.EXACT = limit
        began = time.process_time()
        near = near_duplicates.find_near(range(n), rotated, near_duplicates.FLOOR)
        rows, nearest = near.pairs, near.nearest
        found.append((time.process_time() - began, set(map(tuple, rows.tolist())), nearest))
    (all_s, truth, exact), (some_s, some, nearest) = found
    share, same = len(truth & some) / max(1, len(truth)), np.mean(abs(exact - nearest) < 1e-5)
    print(f"\n{n:,} images: all compared {all_s:.1f} s, {len(truth):,} pairs")
    print(f"by candidates {some_s:.1f} s, {share:.1%} of them, the nearest of {same:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[5_000, 100_000, 1_000_000])
    parser.add_argument("--pairs", type=int, default=8_000)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turn")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(refits(asked.child)))
        return
    trees = {"now": ROOT} | ({"before": asked.before.resolve()} if asked.before else {})
    print("| images | code | wall s | CPU s | of the first size | the rest, CPU s | page, CPU s |")
    print("|---|---|---|---|---|---|---|")
    first: dict[str, float] = {}
    for n in asked.sizes:
        for name, tree in trees.items():
            done = subprocess.run(
                [sys.executable, __file__, "--child", str(n)],
                env=os.environ | {"PYTHONPATH": str(tree)}, stdout=subprocess.PIPE, check=True,
            )  # fmt: skip
            it = json.loads(done.stdout.splitlines()[-1])
            ratio = it["cpu"] / first.setdefault(name, it["cpu"])
            print(
                f"| {n:,} | {name} | {it['wall']:.3f} | {it['cpu']:.3f} | {ratio:.1f} | "
                f"{it['rest']:.3f} | {it['page']:.3f} |",
                flush=True,
            )
    if asked.pairs:
        sys.path.insert(0, str(ROOT))
        pairs(asked.pairs)
    print(f"\n{os.cpu_count()} cores, load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
