"""Shares of classes on a slide: what is known counts, errors are corrected, intervals hold."""

import numpy as np
import pytest

from fewshot_lab.evaluation import SeenTiles, class_shares

RATES = np.array([[0.9, 0.1], [0.3, 0.7]])


def drawn(rng: np.random.Generator, n: int, share: float, sway: float):
    """Return tiles of one slide: predicted, and what they are by the slide's own rates."""
    odds = np.log(RATES) + rng.normal(0, sway, RATES.shape)
    rates = np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True)
    predicted = (rng.random(n) < share).astype(np.int64)
    return predicted, (rng.random(n) < rates[predicted, 1]).astype(np.int64)


def seen_tiles(rng: np.random.Generator, slides: int, each: int, sway: float) -> SeenTiles:
    parts = [drawn(rng, each, rng.beta(2, 2), sway) for _ in range(slides)]
    predicted, truth = (np.concatenate(part) for part in zip(*parts, strict=True))
    return SeenTiles(predicted, truth, np.repeat(np.arange(slides), each))


def test_a_slide_labelled_throughout_is_what_its_labels_say() -> None:
    labelled = np.array([0, 0, 0, 1])
    seen = SeenTiles(labelled, labelled, np.arange(4))
    shares = class_shares(np.full((4, 2), 0.5), 1 - labelled, labelled, seen)
    assert [(s.value, s.low, s.high, s.n) for s in shares] == [
        (0.75, 0.75, 0.75, 4),
        (0.25, 0.25, 0.25, 4),
    ]


def test_the_share_is_corrected_by_how_often_predictions_are_right() -> None:
    """By hand, equation 9 of Olofsson: of 100 tiles predicted as 0, 90 are, of 100 as 1, 70."""
    rng = np.random.default_rng(0)
    predicted = np.repeat([0, 1], 100_000)
    truth = np.concatenate([rng.random(100_000) < 0.1, rng.random(100_000) < 0.7]).astype(np.int64)
    seen = SeenTiles(predicted, truth, np.arange(200_000) % 50)
    of_slide = np.repeat([0, 1], [600, 400])
    shares = class_shares(RATES[of_slide], of_slide, np.full(1000, -1), seen)
    assert shares[0].value == pytest.approx(0.6 * 0.9 + 0.4 * 0.3, abs=0.005)
    assert sum(s.value for s in shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("slides", "each", "sway", "widest"),
    [(6, 20, 0.0, 0.45), (12, 20, 0.0, 0.35), (12, 20, 0.5, 0.5), (12, 5, 0.5, 0.65)],
)
def test_intervals_hold_the_share_of_a_new_slide(slides, each, sway, widest) -> None:
    """More designs and draws: benchmarks/class_shares.py."""
    rng = np.random.default_rng(7)
    held, widths = [], []
    for _ in range(150):
        seen = seen_tiles(rng, slides, each, sway)
        predicted, truth = drawn(rng, 200, rng.beta(2, 2), sway)
        share = class_shares(RATES[predicted], predicted, np.full(200, -1), seen)[1]
        held.append(share.low <= truth.mean() <= share.high)
        widths.append(share.high - share.low)
    assert np.mean(held) > 0.9
    assert np.mean(widths) < widest


def test_labels_of_one_slide_alone_give_a_wide_interval() -> None:
    rng = np.random.default_rng(1)
    predicted, _ = drawn(rng, 200, 0.5, 0)
    one, many = seen_tiles(rng, 1, 240, 0), seen_tiles(rng, 12, 20, 0)
    widths = [
        shares[1].high - shares[1].low
        for seen in (one, many)
        for shares in [class_shares(RATES[predicted], predicted, np.full(200, -1), seen)]
    ]
    assert widths[0] > 2 * widths[1]
