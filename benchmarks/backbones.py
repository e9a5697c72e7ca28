"""What the embedded backbones see: every set of the data folder, on paired draws.

    python benchmarks/backbones.py [--sets NAME ...] [--backbones NAME ...] [--shots 25 5 100]
                                   [--draws 10] [--neighbours] [--cost]

A third of each set is for testing (whole groups, where patients or slides are known), another third
for every draw; from the rest n labels per class are drawn (all, where a class has fewer), and the
app's choice of classifier is fitted on them: the same images for every backbone. Test images are
in the pool, without a label and not looked at. Balanced accuracy in %, mean of the draws with its
95 % t-interval; gains are paired, draw by draw. Seeds 0 to 9 judge; what was chosen (which stages,
their length) was chosen on seeds from 1,000. What was computed is kept and not computed again.

``--neighbours`` instead prints the share of the same class among the ten nearest images, of other
groups; ``--cost`` CPU milliseconds per image on one core, in turns, and the length of an embedding.
"""

import argparse
import hashlib
import time

import numpy as np
from _embeddings import CACHE, DATA, LabelledSet, balanced_accuracy, labelled_set, mean_and_half

from fewshot_lab.backbones import default_name, find
from fewshot_lab.classifiers import Pool, fit, one_blas_thread

BEFORE, IMAGENET = "efficientnet-lite0-dino", "efficientnet-lite0-imagenet"
BACKBONES = (BEFORE, IMAGENET, default_name(), f"{BEFORE}+stages", f"{IMAGENET}+stages")
REVISION = 1


def apart(found: LabelledSet, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to draw from and rows to test on; groups stay whole."""
    from sklearn.model_selection import StratifiedGroupKFold

    from fewshot_lab.errors import FewshotLabError
    from fewshot_lab.evaluation._nshot import split_by_group

    try:
        split = split_by_group(found.y, found.groups, seed)
        return split.rest, split.test
    except FewshotLabError:  # a class of very few groups
        folds = StratifiedGroupKFold(3, shuffle=True, random_state=seed)
        rest, test = next(iter(folds.split(found.y, found.y, found.groups)))
        return rest, test


def accuracies(name: str, backbone: str, shots: int, draws: int) -> np.ndarray:
    """Return balanced accuracy in % of each draw (R,); kept between runs."""
    chosen = find(backbone)
    key = f"{REVISION} {name} {chosen.fingerprint} {shots} {draws}"
    file = CACHE / f"fewshot-lab-backbones-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
    if file.exists():
        return np.load(file)
    found = labelled_set(name, chosen)
    pool = Pool(found.X, parts=chosen.parts)
    out = np.empty(draws)
    for seed in range(draws):
        rest, test = apart(found, seed)
        hidden = np.zeros(len(found.y), bool)
        hidden[test] = True
        order = np.random.default_rng([7, seed]).permutation(rest)
        rows = np.concatenate([order[found.y[order] == k][:shots] for k in np.unique(found.y)])
        groups = None if found.groups is None else found.groups[rows]
        fitted = fit(found.X[rows], found.y[rows], groups=groups, pool=pool, rows=rows,
                     apart=hidden, quick=True)  # fmt: skip
        answers = fitted.class_ids[fitted.pool_probabilities(pool)[test].argmax(axis=1)]
        out[seed] = 100 * balanced_accuracy(found.y[test], answers)
    np.save(file, out)
    return out


def neighbours(found: LabelledSet, vectors: np.ndarray) -> float:
    """Return the share in % of the own class among ten neighbours, mean of the classes."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    hits = np.empty(len(unit))
    for start in range(0, len(unit), 1024):
        rows = np.arange(start, min(start + 1024, len(unit)))
        cosine = unit[rows] @ unit.T
        cosine[np.arange(len(rows)), rows] = -2
        if found.groups is not None:
            cosine[found.groups[rows][:, None] == found.groups] = -2
        nearest = np.argpartition(-cosine, 10, axis=1)[:, :10]
        hits[rows] = (found.y[nearest] == found.y[rows][:, None]).mean(axis=1)
    return 100 * float(np.mean([hits[found.y == k].mean() for k in np.unique(found.y)]))


def cost(backbones: list[str]) -> None:
    """Print milliseconds per image on one core, the best of five turns."""
    import torch

    torch.set_num_threads(1)
    modules = {}
    for name in backbones:
        chosen = find(name)
        size = chosen.preprocessing.size
        pictures = torch.randint(0, 256, (16, size, size, 3), dtype=torch.uint8)
        modules[name] = (chosen.load(), pictures, chosen.parts.dimensions)
    best = dict.fromkeys(backbones, np.inf)
    for _ in range(6):
        for name, (module, pictures, _) in modules.items():
            began = time.process_time()
            with torch.inference_mode():
                module(pictures)
            best[name] = min(best[name], (time.process_time() - began) / len(pictures))
    print("\n| backbone | CPU ms per image | ratio | numbers |\n|---|---|---|---|")
    for name, seconds in best.items():
        print(
            f"| {name} | {1000 * seconds:.1f} | {seconds / best[backbones[0]]:.2f} | "
            f"{modules[name][2]:,} |"
        )


def table(sets: list[str], backbones: list[str], shots: int, draws: int) -> None:
    """Print accuracy, gains and a summary at one number of labels."""
    with one_blas_thread():
        found = {
            (name, backbone): accuracies(name, backbone, shots, draws)
            for backbone in backbones
            for name in sets
        }
    print(f"\n{shots} labels per class, {draws} draws; in brackets the gain over {backbones[0]}\n")
    print("| set | " + " | ".join(backbones) + " |\n|---" + "|---" * len(backbones) + "|")
    for name in sets:
        first = found[name, backbones[0]]
        cells = ["{:.1f} ± {:.1f}".format(*mean_and_half(list(first)))]
        for backbone in backbones[1:]:
            mine = found[name, backbone]
            gain = "({:+.1f} ± {:.1f})".format(*mean_and_half(list(mine - first)))
            cells.append(f"{mine.mean():.1f} {gain}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    others = [name for name in sets if name != "pbc8"]
    for against in (backbones[0], IMAGENET, f"{IMAGENET}+stages"):
        for backbone in backbones:
            if against not in backbones or backbone == against:
                continue
            gains = {m: (found[m, backbone] - found[m, against]).mean() for m in sets}
            mean, half = mean_and_half([gains[m] for m in others])
            worst = min(gains, key=gains.__getitem__)
            own = f"; pbc8 {gains['pbc8']:+.1f}" if "pbc8" in gains else ""
            print(
                f"- {backbone} over {against}: {mean:+.1f} ± {half:.1f} over the {len(others)} "
                f"sets other than pbc8; worst {worst} {gains[worst]:+.1f}{own}",
                flush=True,
            )


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    there = sorted(folder.name for folder in DATA.iterdir() if folder.is_dir())
    parser.add_argument("--sets", nargs="+", default=there)
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES))
    parser.add_argument("--shots", type=int, nargs="+", default=[25, 5, 100])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--neighbours", action="store_true")
    parser.add_argument("--cost", action="store_true")
    asked = parser.parse_args()
    if asked.cost:
        cost(asked.backbones)
    elif asked.neighbours:
        print(
            "| set | "
            + " | ".join(asked.backbones)
            + " |\n|---"
            + "|---" * len(asked.backbones)
            + "|"
        )
        rows = []
        for name in asked.sets:
            row = []
            for backbone in asked.backbones:
                chosen = find(backbone)
                found = labelled_set(name, chosen)
                row.append(neighbours(found, Pool(found.X, parts=chosen.parts).rotated))
            rows.append(row)
            print(f"| {name} | " + " | ".join(f"{share:.1f}" for share in row) + " |", flush=True)
        print("| mean | " + " | ".join(f"{share:.1f}" for share in np.mean(rows, axis=0)) + " |")
    else:
        for shots in asked.shots:
            table(asked.sets, asked.backbones, shots, asked.draws)


if __name__ == "__main__":
    main()
