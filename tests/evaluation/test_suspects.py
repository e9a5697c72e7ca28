"""Wrong labels planted among right ones of real blood cells come first among the suspects."""

from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.backbones import default_name, find
from fewshot_lab.classifiers import fit
from fewshot_lab.embeddings import ImageItem, embed, open_embeddings
from fewshot_lab.evaluation import suspects

PER_CLASS = 50


@pytest.fixture(scope="module")
def cells(pbc8: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings and classes of some of the images."""
    backbone = find(default_name())
    folders = sorted(folder for folder in pbc8.iterdir() if folder.is_dir())
    files = [(f, k) for k, d in enumerate(folders) for f in sorted(d.iterdir())[:PER_CLASS]]
    items = [ImageItem(f"{i:020x}", f, 0) for i, (f, _) in enumerate(files)]
    folder = tmp_path_factory.mktemp("cells")
    embed(items, backbone, folder)
    found = open_embeddings(folder)
    return found.matrix(), np.array([files[int(i, 16)][1] for i in found.ids])


def test_half_of_the_planted_errors_are_among_the_first_hundred(cells):
    X, truth = cells
    caught = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        wrong = rng.permutation(len(truth))[: round(0.05 * len(truth))]
        y = truth.copy()
        y[wrong] = (y[wrong] + rng.integers(1, 8, len(wrong))) % 8
        first = suspects(fit(X, y, quick=True), [str(i) for i in range(len(y))])[:100]
        caught.append(np.isin([int(s.image_id) for s in first], wrong).sum() / len(wrong))
    assert np.mean(caught) >= 0.5
    # As many at random would hold a quarter.
    assert np.mean(caught) > 2 * 100 / len(truth)
