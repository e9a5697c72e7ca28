"""“Is it helping?”: paired, group-safe, with an interval that holds what it says."""

import numpy as np
import pytest
import torch

from fewshot_lab.pretrain import Recipe
from fewshot_lab.pretrain.image_cache import RunImage
from fewshot_lab.pretrain.label_check import LabelCheck, gain

pytestmark = pytest.mark.slow


def test_the_gain_is_the_difference_of_balanced_accuracies():
    labels = np.array([0, 0, 0, 0, 1, 1])
    before = np.array([1, 0, 0, 0, 1, 0], bool)
    after = np.array([1, 1, 1, 0, 1, 0], bool)
    found = gain(before, after, labels, np.arange(6))
    assert found["value"] == pytest.approx((0.75 + 0.5) / 2 - (0.25 + 0.5) / 2)
    same = gain(after, after, labels, np.arange(6))
    assert (same["low"], same["value"], same["high"]) == (0, 0, 0)


@pytest.mark.parametrize("per_group", [1, 4])
def test_the_intervals_of_the_gain_hold_the_truth_as_often_as_they_say(per_group):
    random = np.random.default_rng(per_group)
    labels = np.repeat([0, 1, 2], [200, 120, 80])
    groups = np.arange(400) // per_group
    hits = 0
    for _ in range(400):
        # Images of a patient rise and fall together.
        easy = np.repeat(random.random(400 // per_group), per_group)
        before, after = easy < 0.5, np.repeat(random.random(400 // per_group), per_group) < 0.6
        found = gain(before, after, labels, groups)
        hits += found["low"] <= 0.1 <= found["high"]
    assert 0.92 <= hits / 400 <= 0.98


class _Data:
    """Images whose class is their brightness, two to a patient."""

    def __init__(self, n: int) -> None:
        random = np.random.default_rng(0)
        self.labels = random.integers(0, 2, n)
        noise = random.integers(0, 40, (n, 8, 8, 3))
        self.pixels = (noise + 150 * self.labels[:, None, None, None]).astype(np.uint8)
        self.images = tuple(
            RunImage(str(i), None, label=int(label), group=f"p{i // 2}")
            for i, label in enumerate(self.labels)
        )


def blind(pixels: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(len(pixels), 4, generator=generator)


def seeing(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float().mean((2, 3)) - 100


def test_it_tells_a_gain_from_none_and_goes_on_after_a_resume():
    data = _Data(120)
    check = LabelCheck(data, Recipe())
    first = check(blind)
    assert (first["knn_gain"]["value"], first["logistic_gain"]["value"]) == (0, 0)
    resumed = LabelCheck(data, Recipe())
    resumed.load_state_dict(check.state_dict())
    for each in (check, resumed):
        found = each(seeing)
        assert found["knn"]["value"] == 1.0
        assert found["knn_gain"]["low"] > 0.2
        assert found["knn_gain"]["value"] == pytest.approx(1 - first["knn"]["value"])


def test_images_of_a_patient_are_never_on_both_sides():
    data = _Data(120)

    def by_heart(pixels: torch.Tensor) -> torch.Tensor:
        # An embedding that knows the patient and nothing else.
        number = torch.arange(len(pixels)) // 2
        return torch.nn.functional.one_hot(number, 60).float()

    found = LabelCheck(data, Recipe())(by_heart)
    assert found["knn"]["value"] < 0.7


def test_without_labels_nothing_decides_which_backbone_is_best():
    data = _Data(120)
    data.images = tuple(RunImage(image.id, image.file) for image in data.images)
    check = LabelCheck(data, Recipe())
    found = check(seeing)
    assert (found["knn"], found["logistic"]) == (None, None)
    assert found["rank"] > 0 and check.measure(found) is None
