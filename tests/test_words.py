"""How numbers and times read."""

import time

import pytest

from fewshot_lab import words


@pytest.mark.parametrize(
    ("p", "text"),
    [
        *[(0, "0 %"), (1e-16, "0 %"), (0.001, "<1 %"), (0.934, "93 %"), (0.999, ">99 %")],
        *[(1 - 2**-53, "100 %"), (1, "100 %")],
    ],
)
def test_a_share_never_claims_more_than_it_is(p: float, text: str) -> None:
    assert words.percent(p) == text


def test_plural() -> None:
    assert words.plural(1, "image") == "1 image"
    assert words.plural(5119, "image") == "5,119 images"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (42, "42 s"), (95, "2 min"), (5000, "83 min"), (7000, "1.9 h")],
)
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("past", "text"),
    [(5, "just now"), (61, "1 minute ago"), (7300, "2 hours ago"), (90000, "1 day ago")],
)
def test_ago(past: float, text: str) -> None:
    assert words.ago(1_000_000 - past, now=1_000_000) == text


def test_a_moment_is_a_day_without_a_leading_zero_and_a_time() -> None:
    at = time.mktime((2026, 3, 5, 14, 5, 0, 0, 0, -1))
    assert words.moment(at) == "5 Mar 2026, 14:05"
    assert words.ago(at, now=at + 30 * 86400) == "5 Mar 2026"


@pytest.mark.parametrize(
    ("n", "text"), [(12, "12 B"), (4200, "4.2 kB"), (41_000_000, "41 MB"), (2.5e9, "2.5 GB")]
)
def test_size(n: float, text: str) -> None:
    assert words.size(n) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.42, "+0.4"), (-5.84, "−5.8"), (-0.04, "0.0"), (0.0, "0.0")]
)
def test_a_difference_has_a_true_minus(value: float, text: str) -> None:
    assert words.signed(value) == text


def test_names_that_begin_alike_stay_apart_when_they_are_cut() -> None:
    names = [f"Basophilic granulocyte, mature, type {kind}" for kind in "ABC"]
    cut = [words.shortened(name, 26) for name in names]
    assert len(set(cut)) == 3
    assert all(len(name) <= 26 for name in cut)
    assert words.shortened("monocyte", 26) == "monocyte"


def test_a_kappa_below_chance_has_a_true_minus() -> None:
    assert words.interval(-0.1, -0.42, 0.2) == "−0.10 (−0.42–0.20)"
