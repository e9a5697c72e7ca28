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


def test_pairs_of_different_groups_are_named_by_their_place_among_the_images_asked():
    whole = grouping(apart=((0, 4), (2, 6), (1, 7)))
    rows = whole.rows(["6", "0", "nowhere", "2", "4", "1"])
    assert whole.apart_pairs(rows).tolist() == [[1, 4], [3, 0]]
    assert whole.in_named_group(rows).tolist() == [False, True, False, True, True, True]


def test_what_stays_with_the_test_set_is_counted_apart():
    assert grouping(test=(2, 6, 7)).test_set() == {"by": "", "images": 3, "kept_out_with_it": 1}


def test_near_duplicates_copies_and_frames_of_one_video():
    pairs = [(0, 1, 0.97), (0, 2, 0.95), (3, 2, 0.80), (4, 0, 0.89), (5, 6, 0.99), (1, 5, 0.93)]
    near = Near(
        ["4", "0", "6", "7", "3", "1", "5"],
        np.full(7, 0.9, np.float32),
        np.array([pair[:2] for pair in pairs]),
        np.array([pair[2] for pair in pairs], np.float32),
        np.arange(len(pairs)) == 2,
    )
    nothing = (np.zeros(8, dtype=bool), "")
    videos = {"1": "clip", "5": "clip"}
    found = group(IDS, [None] * 8, near, 0.9, {("4", "6"), ("8", "9")}, nothing, videos)
    # Below the threshold only the copy; no pair of two frames, but one of a frame and another.
    assert [(p.a, p.b, p.state, p.copy) for p in found.pairs] == [
        ("7", "6", "joined", True),
        ("4", "0", "joined", False),
        ("4", "6", "released", False),
        ("0", "1", "joined", False),
    ]
    assert found.pairs.images(copies=True).tolist() == [6, 7]
    assert found.pairs.images(copies=False).tolist() == [0, 1, 4, 6]
    assert found.codes(np.arange(8)).tolist() == [0, 0, 1, 2, 0, 0, 3, 3]
    summary = found.near_duplicates()
    counted = ("joined", "released", "not_joined", "sets", "videos", "video_frames")
    assert [summary[name] for name in counted] == [3, 1, 0, 2, 1, 2]


def test_how_close_frames_are_tells_nothing_of_other_images():
    """A frame is nearest to the one before; of the others 0.95 is closer than is usual."""
    ids = [f"{i}" for i in range(60)]
    nearest = np.array([0.999] * 35 + [0.6, 0.65, 0.7, 0.75, 0.8] * 5, np.float32)
    near = NOTHING._replace(ids=ids, nearest=nearest)
    videos = dict.fromkeys(ids[:35], "clip")
    nothing = (np.zeros(60, dtype=bool), "")
    assert group(ids, [None] * 60, near, None, set(), nothing, videos).threshold.value == 0.95
    assert group(ids, [None] * 60, near, None, set(), nothing).threshold.value == 0.99
