"""The one rule of which images must not train, on groupings written out by hand."""

import numpy as np
import pytest

from fewshot_lab.evaluation import together
from fewshot_lab.project.grouping import Grouping, group
from fewshot_lab.project.held_out import held_out
from fewshot_lab.project.near_duplicates import NOTHING, Near

IDS = [f"{i}" for i in range(8)]
KEYS = ["p", "p", "q", "q", "r", "r", None, None]


def grouping(apart=(), test=()):
    joined = together(IDS, KEYS, np.empty((0, 2), np.int64))
    rows = {image_id: k for k, image_id in enumerate(IDS)}
    mask = np.isin(np.arange(8), list(test))
    pairs = np.array(list(apart), np.int64).reshape(-1, 2)
    return Grouping(IDS, rows, joined, [], pairs, None, mask, "")


@pytest.mark.parametrize(
    ("audit", "test", "apart", "held"),
    [
        ((), (), (), ()),
        (("0",), (), (), (0, 1)),  # its patient
        (("6",), (), (), (6,)),  # it stands alone
        ((), (2,), (), (2, 3)),  # a test image, and its patient
        (("0",), (4,), (), (0, 1, 4, 5)),
        (("0",), (), ((0, 4),), (0, 1, 4)),  # the twin of an audit image, of another patient
        (("4",), (), ((0, 4),), (0, 4, 5)),  # and the other way round
        ((), (0,), ((4, 0),), (0, 1, 4)),
        (("1",), (), ((0, 4),), (0, 1)),  # the twin of what only stays with it may train
        (("nowhere",), (), (), ()),
    ],
)
def test_what_must_not_train(audit, test, apart, held):
    assert np.flatnonzero(held_out(grouping(apart, test), audit)).tolist() == list(held)


def test_an_image_the_project_does_not_have_stands_alone():
    whole = grouping()
    codes = whole.codes(whole.rows(["0", "nowhere", "1", "elsewhere"]))
    assert codes[0] == codes[2]
    assert len(set(codes.tolist())) == 3


def test_pairs_of_images_that_have_gone_are_left_out():
    near = Near(
        ["0", "gone", "4"],
        np.array([0.99, 0.99, 0.99], np.float32),
        np.array([[0, 1], [1, 2], [0, 2]]),
        np.array([0.99, 0.99, 0.98], np.float32),
        np.zeros(3, dtype=bool),
    )
    found = group(IDS, KEYS, near, 0.9, set(), (np.zeros(8, dtype=bool), ""))
    assert [(pair.a, pair.b) for pair in found.pairs] == [("0", "4")]
    none = group(IDS, KEYS, NOTHING, None, set(), (np.zeros(8, dtype=bool), "")).pairs
    assert list(none) == []
