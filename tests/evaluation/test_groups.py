"""Where groups come from, and what hangs together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    GroupRule,
    TestRule,
    group_keys,
    near_threshold,
    preview_groups,
    test_rows,
    together,
)
from fewshot_lab.store import ImageColumns


def columns(*paths, metas=None):
    """Return images without a group, with metadata each where it is given."""
    n = len(paths)
    return ImageColumns([f"i{k}" for k in range(n)], list(paths), [None] * n, metas or [{}] * n)


@pytest.mark.parametrize(
    ("pattern", "path", "group"),
    [
        (r"^(\d+)_", "17_03.png", "17"),
        (r"P\d+", "site/P004_x.png", "P004"),
        (r"([^/]+)/[^/]+$", "a/b/c.png", "b"),
        (r"^(\d+)_", "x_03.png", None),
        (r"(x?)\.png", "a.png", None),
    ],
)
def test_a_pattern_finds_the_group_in_the_path(pattern, path, group):
    assert group_keys(columns(path), GroupRule("pattern", pattern)) == [group]


def test_a_column_of_numbers_reads_as_a_person_would_write_it():
    told = columns("a", "b", "c", metas=[{"patient": 7.0}, {"patient": "x"}, {}])
    assert group_keys(told, GroupRule("column", "patient")) == ["7", "x", None]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (GroupRule("pattern", "("), "cannot be read"),
        (GroupRule("pattern", ""), "expression"),
        (GroupRule("column", "patent"), "there are: age"),
        (GroupRule("star", ""), "not a source of groups"),
    ],
)
def test_a_rule_that_cannot_work_is_a_sentence(rule, said):
    with pytest.raises(FewshotLabError, match=said):
        group_keys(columns("a.png", metas=[{"age": 3}]), rule)


def test_the_preview_tells_what_a_rule_would_do():
    found = preview_groups(
        columns("1_a.png", "1_b.png", "2_a.png", "other.png"),
        GroupRule("pattern", r"^(\d)", "slide"),
    )
    assert found.sentence == (
        "2 slides in 4 images, 1 to 2 images each; 1 image without one (each counts for itself)."
    )
    assert found.examples[0] == ("1_a.png", "1")
    assert found.unmatched == ("other.png",)
    assert found.largest[0] == ("1", 2)
    assert found.warning == ""
    assert (
        "nothing could be held out"
        in preview_groups(columns("1_a.png", "1_b.png"), GroupRule("pattern", r"^(\d)")).warning
    )


def test_groups_and_near_duplicates_hang_together():
    ids = list("abcdef")
    keys = ["p", "p", "q", None, None, None]
    found = together(ids, keys, np.array([[1, 3], [4, 5]]))
    assert found.code.tolist() == [0, 0, 1, 0, 2, 2]
    assert found.names == ("p", "q", "near:e")
    assert found.named.tolist() == [True, True, False]
    alone = together(ids, [None] * 6)
    assert alone.names == tuple(f"image:{i}" for i in ids)


def test_look_alikes_do_not_melt_all_patients_into_one():
    ids = [str(i) for i in range(40)]
    keys = [f"p{i // 10}" for i in range(40)]
    chain = np.array([[9, 10], [19, 20], [29, 30], [0, 1]])
    found = together(ids, keys, chain)
    assert len(found.names) == 4
    assert found.apart.tolist() == [0, 1, 2]
    few = together(ids, [f"p{i // 2}" for i in range(40)], chain[:1])
    assert not len(few.apart)
    assert "p4 + p5" in few.names


@given(
    st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8),
)
def test_what_is_linked_is_always_together(keys, pairs):
    n = len(keys)
    links = np.array([p for p in pairs if max(p) < n], np.int64).reshape(-1, 2)
    found = together([str(i) for i in range(n)], keys, links)
    joined = np.ones(len(links), dtype=bool)
    joined[found.apart] = False
    assert all(found.code[a] == found.code[b] for a, b in links[joined])
    for key in set(keys) - {None}:
        assert len({int(found.code[i]) for i in range(n) if keys[i] == key}) == 1
    assert len(found.names) == len(set(found.code.tolist())) == len(set(found.names))


def test_the_threshold_follows_the_pool():
    rng = np.random.default_rng(0)
    varied = 1 - np.exp(rng.normal(np.log(0.3), 0.3, 2000))
    alike = 1 - np.exp(rng.normal(np.log(0.04), 0.3, 2000))
    copies = np.full(500, 0.9999)
    low, middle, high = (near_threshold(x) for x in (varied, alike, copies))
    assert low.value == 0.95
    assert 0.95 < middle.value < 0.99
    assert high.value == 0.99
    assert "96.0 %" in middle.sentence


def test_the_test_set_is_found_by_column_and_by_folder():
    split = columns("x.png", "y.png", metas=[{"Split": "train"}, {"Split": "Test"}])
    found, by = test_rows(split, TestRule())
    assert found.tolist() == [False, True]
    assert by == "column Split = test"
    assert test_rows(split, TestRule("none"))[1] == ""
    found, by = test_rows(columns("train/a.png", "test/b.png", "test.png"), TestRule())
    assert found.tolist() == [False, True, False]
    assert by == "folder test"
    assert not test_rows(columns("test/a.png", "test/b.png"), TestRule())[0].any()
    with pytest.raises(FewshotLabError, match="All images"):
        test_rows(columns("test/a.png"), TestRule("folder", folder="test"))
