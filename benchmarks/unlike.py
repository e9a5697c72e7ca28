"""Are images of another kind flagged as unlike anything labelled? Every ordered pair of sets.

    python benchmarks/unlike.py [--most 150] [--seeds 3] [--sets NAME ...] [--finals]

What an export makes for its bundle is made from 25 labelled images per class of one set and the
unlabelled ones of its two thirds; the other third are the set's own held-out images. Printed: the
share of these that is flagged, with its interval; a line for each ordered pair of sets of another
kind; then what lies near: a class that was never named, another magnification, another laboratory
or organ, told as AUROC by both measures and as the share flagged.
"""

import argparse
import time

import numpy as np
from _embeddings import CACHE, DATA, Images, embeddings, sets
from refit import draw

from fewshot_lab.backbones import default_name, find, picture_statistics
from fewshot_lab.classifiers import Preparation
from fewshot_lab.evaluation import NEAR, Settings, fit_kind, make_reference, split_by_group
from fewshot_lab.images import read_rgb
from fewshot_lab.stats import wilson

HISTOLOGY = ("crc_he_mini", "oral_he", "osteosarcoma_mini")
MIXED = "nuclei_dsb2018"
"""Nuclei of many laboratories: one of its classes is stained tissue, as histology is."""
STAINED = "stained_purple_background"


def statistics(name: str, images: Images, most: int) -> np.ndarray:
    """Return the pictures' statistics (n, s), kept between runs."""
    backbone = find(default_name())
    kept = CACHE / f"fewshot-lab-benchmark-{name}-{backbone.fingerprint}-statistics-{most}.npy"
    if not kept.exists():
        preprocessing = backbone.preprocessing
        rows, spent = [], 0.0
        for file in images.files:
            picture = read_rgb(DATA / name / file, 0, at_least=preprocessing.at_least)
            pixels = preprocessing.array(picture)
            began = time.process_time()
            rows.append(picture_statistics(pixels))
            spent += time.process_time() - began
        print(f"{name}: statistics {1000 * spent / len(rows):.2f} ms per image", flush=True)
        np.save(kept, np.stack(rows))
    return np.load(kept)


class Flag:
    """What an export of one set tells unlike images by."""

    def __init__(self, images: Images, stats: np.ndarray, labelled, others) -> None:
        share = Settings().unlike_share
        pool = np.concatenate([labelled, others])
        prepare = Preparation.of(images.X[pool], images.parts)
        X, y = images.X.astype(np.float32), np.where(np.isin(pool, labelled), images.y[pool], -1)
        self.near = make_reference(prepare, X[labelled], X[others], share=share * NEAR)
        fitted = fit_kind(images.X[pool], stats[pool], images.parts, y, share=share * (1 - NEAR))
        assert self.near is not None and fitted is not None
        self.kind = fitted.distance

    def scores(self, X: np.ndarray, stats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both measures (n,), the higher the more unlike."""
        return -self.near.similarity(X), self.kind.score(X, stats)

    def flagged(self, X: np.ndarray, stats: np.ndarray) -> np.ndarray:
        """Return which images are flagged (n,)."""
        near, kind = self.scores(X, stats)
        return (near > -self.near.cutoff) | (kind > self.kind.cutoff)


def other_kind(home: str, other: str, images: Images) -> np.ndarray:
    """Return the rows of another set that are of another kind than the home set."""
    rows = np.arange(len(images.y))
    both = {home, other}
    if both <= set(HISTOLOGY) or (home == MIXED and other in HISTOLOGY):
        return rows[:0]
    if other == MIXED and home in HISTOLOGY:
        return rows[images.y != images.classes.index(STAINED)]
    return rows


def main() -> None:
    """Print home flags, pairs, and what lies near."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--sets", nargs="+", default=sets())
    parser.add_argument("--finals", action="store_true", help="as a backbone without stages")
    asked = parser.parse_args()
    images = {name: embeddings(name, most=asked.most) for name in asked.sets}
    stats = {name: statistics(name, each, asked.most) for name, each in images.items()}
    if asked.finals:
        images = {name: each.finals() for name, each in images.items()}
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    pairs: dict[tuple[str, str], list[float]] = {}
    own: dict[str, list[bool]] = {}
    for home, mine in images.items():
        for seed in seeds:
            labelled, others, test = drawn(mine, seed)
            flag = Flag(mine, stats[home], labelled, others)
            own.setdefault(home, []).extend(flag.flagged(mine.X[test], stats[home][test]))
            for name, other in images.items():
                rows = other_kind(home, name, other)
                if name != home and len(rows):
                    hits = flag.flagged(other.X[rows], stats[name][rows])
                    pairs.setdefault((home, name), []).append(float(hits.mean()))
        mean = np.mean([np.mean(v) for (h, _), v in pairs.items() if h == home])
        lowest = min((np.mean(v), o) for (h, o), v in pairs.items() if h == home)
        print(
            f"{home}: own flagged {in_words(own[home], len(seeds))}; of another kind "
            f"{100 * mean:.1f} %, least {100 * lowest[0]:.1f} % ({lowest[1]})",
            flush=True,
        )
    everything = [hit for hits in own.values() for hit in hits]
    means = {pair: float(np.mean(v)) for pair, v in pairs.items()}
    good = sum(value >= 0.95 for value in means.values())
    print(f"all: own flagged {in_words(everything, len(seeds))}")
    average, least = np.mean(list(means.values())), min(means.values())
    print(
        f"{len(means)} ordered pairs of another kind: on average {100 * average:.1f} % flagged, "
        f"least {100 * least:.1f} %; at least 95 % in {good}"
    )
    for (home, name), value in sorted(means.items(), key=lambda item: item[1]):
        if value < 0.95:
            each = ", ".join(f"{100 * v:.1f}" for v in pairs[home, name])
            print(f"  {home}, shown {name}: {100 * value:.1f} % ({each})")
    near(images, stats, seeds)


def near(images: dict[str, Images], stats: dict[str, np.ndarray], seeds: range) -> None:
    """Print AUROC and share flagged for what lies near."""
    for home, mine in images.items():
        rows = [
            one for k in range(len(mine.classes)) for one in left_out(mine, stats[home], k, seeds)
        ]
        if rows:
            line("a class never named", home, rows)
    if "oral_he" in images:
        for here, there in (("100x", "400x"), ("400x", "100x")):
            mine, rows = images["oral_he"], []
            at = np.array([here in mine.classes[k] for k in mine.y])
            for seed in seeds:
                labelled, others, test = drawn(mine, seed)
                flag = Flag(mine, stats["oral_he"], labelled[at[labelled]], others[at[others]])
                rows.append(compare(flag, mine, stats["oral_he"], test[at[test]], test[~at[test]]))
            line("another magnification", f"oral_he {here} to {there}", rows)
    for home in [name for name in HISTOLOGY if name in images]:
        for name in [name for name in HISTOLOGY if name in images and name != home]:
            rows = []
            for seed in seeds:
                labelled, others, test = drawn(images[home], seed)
                flag = Flag(images[home], stats[home], labelled, others)
                away = images[name].X, stats[name]
                rows.append(compared(flag, (images[home].X[test], stats[home][test]), away))
            line("another laboratory and organ", f"{home} to {name}", rows)


def left_out(images: Images, stats: np.ndarray, k: int, seeds: range) -> list[tuple[float, ...]]:
    """Return what a class that was left out looks like, for each seed."""
    rows = []
    for seed in seeds:
        labelled, others, test = drawn(images, seed)
        known = images.y != k
        labelled, others = labelled[known[labelled]], others[known[others]]
        new = test[~known[test]]
        if (
            len(np.unique(images.y[labelled])) >= 2
            and len(labelled) + len(others) >= 40
            and len(new)
        ):
            flag = Flag(images, stats, labelled, others)
            rows.append(compare(flag, images, stats, test[known[test]], new))
    return rows


def compare(flag: Flag, images: Images, stats: np.ndarray, own, new) -> tuple[float, ...]:
    """Return what :func:`compared` does, for rows of one set."""
    return compared(flag, (images.X[own], stats[own]), (images.X[new], stats[new]))


def compared(flag: Flag, own, new) -> tuple[float, ...]:
    """Return AUROC by the nearest labelled images, by kind, and the shares flagged."""
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([0, 1], [len(own[0]), len(new[0])])
    measures = zip(flag.scores(*own), flag.scores(*new), strict=True)
    aurocs = [roc_auc_score(truth, np.concatenate(pair)) for pair in measures]
    return *aurocs, float(flag.flagged(*own).mean()), float(flag.flagged(*new).mean())


def drawn(images: Images, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labelled, unlabelled and held-out rows."""
    split = split_by_group(images.y, None, seed=seed)
    labelled = draw(np.random.default_rng(seed).permutation(split.rest), images.y, 25)
    return labelled, np.setdiff1d(split.rest, labelled), split.test


def in_words(hits: list[bool], draws: int) -> str:
    """Write a share with its interval; draws of one set are worth their images once."""
    share, n = float(np.mean(hits)), len(hits) / draws
    interval = wilson(share * n, n)
    return f"{100 * share:.1f} % ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def line(what: str, where: str, rows: list[tuple[float, ...]]) -> None:
    """Print the mean of some comparisons."""
    near, kind, own, new = np.mean(rows, axis=0)
    print(
        f"{what}, {where}: AUROC {near:.3f} by nearest labelled, {kind:.3f} by kind; "
        f"flagged {100 * new:.0f} %, own {100 * own:.1f} % ({len(rows)})",
        flush=True,
    )


if __name__ == "__main__":
    main()
