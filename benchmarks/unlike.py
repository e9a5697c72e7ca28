"""Are images of another kind flagged as unlike anything labelled? Every ordered pair of sets.

    python benchmarks/unlike.py [--most 150] [--sets NAME ...]

A classifier's reference is made from 25 labelled images per class of one set, its cutoff from the
unlabelled ones, as an export makes it. Printed, by the part of the default backbone's embedding
that is compared: share of the set's own held-out third that is flagged, share of the images of
other sets, and how well the similarity tells the two apart (AUROC); means over the pairs.
"""

import argparse

import numpy as np
from _embeddings import embeddings, sets
from refit import draw

from fewshot_lab.backbones import Parts
from fewshot_lab.classifiers import Preparation
from fewshot_lab.evaluation import split_by_group
from fewshot_lab.evaluation.out_of_distribution import make_reference, nearest


def main() -> None:
    """Print a line for each part."""
    from sklearn.metrics import roc_auc_score

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=150)
    parser.add_argument("--sets", nargs="+", default=sets())
    asked = parser.parse_args()
    images = {name: embeddings(name, most=asked.most) for name in asked.sets}
    for part, columns in next(iter(images.values())).parts.slices.items():
        if not part.startswith("final"):
            continue
        parts = Parts.final(columns.stop - columns.start)
        rows = []
        for home, mine in images.items():
            X = mine.X[:, columns]
            split = split_by_group(mine.y, None, seed=1)
            labelled = draw(np.random.default_rng(1).permutation(split.rest), mine.y, 25)
            others = np.setdiff1d(split.rest, labelled)
            prepare = Preparation.of(X[split.rest], parts)
            reference = make_reference(prepare, X[labelled], X[others])
            assert reference is not None
            own = nearest(reference, X[split.test])
            for name, other in images.items():
                if name != home:
                    far = nearest(reference, other.X[:, columns])
                    truth = np.repeat([0, 1], [len(own), len(far)])
                    flagged = (own < reference.cutoff).mean(), (far < reference.cutoff).mean()
                    rows.append([*flagged, roc_auc_score(truth, -np.concatenate([own, far]))])
        own_share, other_share, auroc = np.mean(rows, axis=0)
        print(
            f"{part}: {len(rows)} pairs; own images flagged {100 * own_share:.1f} %, of another "
            f"set {100 * other_share:.0f} %, AUROC {auroc:.3f}; at least 95 % flagged in "
            f"{100 * np.mean([row[1] >= 0.95 for row in rows]):.0f} % of the pairs",
            flush=True,
        )


if __name__ == "__main__":
    main()
