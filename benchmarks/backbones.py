"""The embedded backbones on every set: accuracy with few labels, paired gains, cost on a CPU.

    python benchmarks/backbones.py [--most 150] [--draws 10] [--shots 5 25 100] [--sets NAME ...]
    python benchmarks/backbones.py --neighbours

A third of each set is for testing, whole patients or slides together where the manifest names
them; n labels per class (or all that there are) are drawn from the rest. Split and draw follow
from the seed of the draw, 0 to 9, and are the same for every backbone; seeds from 1000 on chose
what is compared here. The app's own choice is trained on them. Unlike in ``evaluate nshot``, test
images are in the pool that embeddings are centred by, unlabelled, as images of a project are; the
classifier does not see them otherwise. A class whose images are all of one group is left out.

Balanced accuracy in %, mean of the draws with its 95 % t-interval over the draws; gains are
paired, draw by draw. ``--most`` reads so many images of each class at most, always the same.
Results are kept in FEWSHOT_LAB_BENCHMARK_CACHE, and a run that was stopped goes on from there.

``--neighbours`` instead: the share of the same class among the 10 nearest of each image, by the
app's own cosine, images of the same group left out; mean over the classes.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from _embeddings import CACHE, Images, balanced_accuracy, embeddings, sets, with_doubt
from refit import draw

from fewshot_lab.backbones import Backbone, default_name, find
from fewshot_lab.backbones.staged_backbone import StagedBackbone
from fewshot_lab.classifiers import Pool, fit, one_blas_thread
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import split_by_group

TWIN, DINO, IMAGENET = (
    default_name(),
    "efficientnet-lite0-dino",
    "efficientnet-lite0-imagenet",
)
BACKBONES = {
    "twin": TWIN,
    "DINO": DINO,
    "ImageNet": IMAGENET,
    "DINO+stages": f"{DINO}+stages",
    "ImageNet+stages": f"{IMAGENET}+stages",
    "ImageNet+stages, small": f"{IMAGENET}+stages",
}
"""The last one is given images of the twin's size: what the size of the input is worth."""
REFERENCES = ("DINO", "ImageNet", "ImageNet+stages", "ImageNet+stages, small")
OWN = "pbc8"
"""The images that the DINO weights were pretrained on."""
METHOD = 1
"""Raised when the protocol changes: results kept from before are no use."""
NEAREST = 10
BATCH = 16
By = dict[tuple[str, int, str], list[float]]
"""Accuracies by set, labels per class and backbone, one for each draw."""


def backbone_of(title: str) -> Backbone:
    """Return a backbone of the tables."""
    backbone = find(BACKBONES[title])
    if title.endswith("small"):
        small = replace(backbone.preprocessing, size=find(TWIN).preprocessing.size)
        base = find(IMAGENET)
        base._card = replace(base.card, preprocessing=small)
        return StagedBackbone(base)
    return backbone


def images(name: str, title: str, most: int | None) -> Images:
    """Return a set by a backbone; final embeddings are the first part of what +stages gives."""
    backbone = BACKBONES[title]
    if backbone in (DINO, IMAGENET):
        return embeddings(name, find(f"{backbone}+stages"), most).finals()
    return embeddings(name, backbone_of(title), most)


def splits(y: np.ndarray, groups: np.ndarray | None, draws: int) -> Iterator[tuple]:
    """Yield seed, rows to draw from and rows for testing, of each draw."""
    kept = np.arange(len(y))
    if groups is not None:
        some = [k for k in np.unique(y) if len(set(groups[y == k])) > 1]
        kept = np.flatnonzero(np.isin(y, some))
    for seed in range(draws):
        part = None if groups is None else groups[kept]
        try:
            apart = split_by_group(y[kept], part, seed)
            yield seed, kept[apart.rest], kept[apart.test]
        except FewshotLabError:
            rest, test = _of_few_groups(y[kept], part, seed)
            yield seed, kept[rest], kept[test]


def _of_few_groups(y: np.ndarray, groups: np.ndarray | None, seed: int) -> tuple:
    """Return the first of many divisions of groups that has every class on both sides."""
    from sklearn.model_selection import StratifiedGroupKFold

    for again in range(90):
        for k in (3, 2):
            kind = StratifiedGroupKFold(k, shuffle=True, random_state=seed + 10 * again)
            for rest, test in kind.split(y, y, groups):
                if len(set(y[rest])) == len(set(y[test])) == len(set(y)):
                    return rest, test
    raise SystemExit("No division of the groups has every class on both sides.")


def measure(name: str, options: argparse.Namespace) -> By:
    """Return the accuracies of every backbone on one set."""
    scores: By = {}
    for title in BACKBONES:
        one = images(name, title, options.most)
        known = backbone_of(title).fingerprint
        some = "" if options.most is None else f"-{options.most}"
        kept = CACHE / f"fewshot-lab-benchmark-backbones-{name}-{known}-{METHOD}{some}.json"
        done: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
        pool: Pool | None = None
        for seed, rest, test in splits(one.y, one.groups, options.draws):
            for n in options.shots:
                key = f"{n}/{seed}"
                if key not in done:
                    pool = pool or one.pool()
                    done[key] = accuracy(one, pool, rest, test, n, seed)
                    beside = kept.with_suffix(".part")
                    beside.write_text(json.dumps(done))
                    beside.replace(kept)
                scores.setdefault((name, n, title), []).append(done[key])
    return scores


def accuracy(
    one: Images, pool: Pool, rest: np.ndarray, test: np.ndarray, n: int, seed: int
) -> float:
    """Return the balanced accuracy in % of the app's choice on the test images of one draw."""
    rows = draw(np.random.default_rng(seed).permutation(rest), one.y, n)
    apart = np.zeros(len(one.y), bool)
    apart[test] = True
    fitted = fit(
        one.X[rows],
        one.y[rows],
        quick=True,
        groups=None if one.groups is None else one.groups[rows],
        pool=pool,
        rows=rows,
        apart=apart,
    )
    return 100 * balanced_accuracy(one.y[test], fitted.predict(one.X[test]))


def costs(rounds: int = 5) -> dict[str, float]:
    """Return the CPU milliseconds of a forward pass per image on one thread, the best of several.

    In turns, so that other work on the machine falls on all alike.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    works: dict[str, Callable[[], object]] = {}
    for title in BACKBONES:
        backbone = backbone_of(title)
        network, size = backbone.load("cpu"), backbone.preprocessing.size
        batch = torch.from_numpy(
            np.random.default_rng(0).integers(0, 256, (BATCH, size, size, 3), dtype=np.uint8)
        )
        works[title] = lambda network=network, batch=batch: network(batch)
    best = dict.fromkeys(works, float("inf"))
    with torch.inference_mode():
        for number in range(rounds + 1):
            for title, work in works.items():
                began = time.process_time()
                work()
                if number:
                    spent = 1000 * (time.process_time() - began) / BATCH
                    best[title] = min(best[title], spent)
    torch.set_num_threads(threads)
    return best


def gains(by: By, name: str, n: int, title: str, over: str) -> list[float]:
    """Return the paired gains of one backbone over another."""
    return [a - b for a, b in zip(by[name, n, title], by[name, n, over], strict=True)]


def table(head: str, by: By, names: list[str], cell: Callable[[str, str], str]) -> None:
    """Print a markdown table of sets and backbones."""
    print(f"\n{head}\n\n| set | {' | '.join(BACKBONES)} |")
    print("|---" * (len(BACKBONES) + 1) + "|")
    for name in names:
        print(f"| {name} | {' | '.join(cell(name, title) for title in BACKBONES)} |", flush=True)


def summary(by: By, names: list[str], n: int) -> None:
    """Print what follows for a number of labels."""
    print(f"\nIn short, {n} per class; points")
    print(
        f"\n| backbone | mean gain over DINO, sets but {OWN}, ± over sets | {OWN} | "
        + " | ".join(f"worst against {over}" for over in REFERENCES[1:])
        + " |"
    )
    print("|---" * (2 + len(REFERENCES)) + "|")
    for title in BACKBONES:
        others = [float(np.mean(gains(by, s, n, title, "DINO"))) for s in names if s != OWN]
        cells = [with_doubt(others, "+") if others else ""]
        cells += [with_doubt(gains(by, OWN, n, title, "DINO"), "+") if OWN in names else ""]
        for over in REFERENCES[1:]:
            against = {s: gains(by, s, n, title, over) for s in names}
            worst = min(names, key=lambda s, against=against: float(np.mean(against[s])))
            cells.append(f"{with_doubt(against[worst], '+')} ({worst})")
        print(f"| {title} | {' | '.join(cells)} |")


def neighbours(names: list[str], most: int | None) -> None:
    """Print the share of the same class among the nearest images."""
    print(f"share of the same class among the {NEAREST} nearest, in %, mean over classes\n")
    print("| set | DINO | twin | twin, finals alone |\n|---|---|---|---|")
    for name in names:
        twin, before = images(name, "twin", most), images(name, "DINO", most)
        pools = [before.pool(), twin.pool(), twin.pool().finals]
        cells = " | ".join(f"{100 * same_class(pool.rotated, twin):.1f}" for pool in pools)
        print(f"| {name} | {cells} |", flush=True)


def same_class(Z: np.ndarray, one: Images) -> float:
    """Return the share of the same class among the nearest of other groups, mean over classes."""
    unit = Z / np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12)
    cosine = unit @ unit.T
    codes = np.arange(len(Z))
    if one.groups is not None:
        codes = np.unique(one.groups.astype(str), return_inverse=True)[1]
    cosine[codes[:, None] == codes] = -np.inf
    nearest = np.argpartition(-cosine, NEAREST, axis=1)[:, :NEAREST]
    reachable = np.isfinite(np.take_along_axis(cosine, nearest, axis=1))
    hits = ((one.y[nearest] == one.y[:, None]) & reachable).sum(axis=1) / NEAREST
    return float(np.mean([hits[one.y == k].mean() for k in np.unique(one.y)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=sets())
    parser.add_argument("--shots", type=int, nargs="+", default=[5, 25, 100])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--most", type=int, help="images of each class, at most")
    parser.add_argument("--neighbours", action="store_true")
    options = parser.parse_args()
    with one_blas_thread():
        if options.neighbours:
            neighbours(options.sets, options.most)
            return
        by: By = {}
        for name in options.sets:
            by |= measure(name, options)
            print(f"{name} done", flush=True)
    for n in options.shots:
        table(
            f"Balanced accuracy in %, {n} per class, {options.draws} draws",
            by,
            options.sets,
            lambda name, title, n=n: with_doubt(by[name, n, title]),
        )
        for over in REFERENCES:
            table(
                f"Gain over {over}, {n} per class",
                by,
                options.sets,
                lambda name, title, n=n, over=over: (
                    "" if title == over else with_doubt(gains(by, name, n, title, over), "+")
                ),
            )
    print("\nCost and length\n")
    print("| backbone | px | length | CPU ms per image | against DINO |\n|---|---|---|---|---|")
    spent = costs()
    for title in BACKBONES:
        backbone = backbone_of(title)
        length = images(options.sets[0], title, options.most).parts.dimensions
        print(
            f"| {title} | {backbone.preprocessing.size} | {length:,} | {spent[title]:.1f} | "
            f"{spent[title] / spent['DINO']:.2f} |"
        )
    for n in options.shots:
        summary(by, options.sets, n)


if __name__ == "__main__":
    main()
