"""Schedules against closed forms."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewshot_lab.pretrain import Recipe
from fewshot_lab.pretrain import schedules as schedules

steps = st.integers(2, 5000)


@given(steps, st.floats(0, 1), st.floats(0, 1), st.data())
def test_a_cosine_is_half_a_wave_from_first_to_last(n, first, last, data):
    step = data.draw(st.integers(0, n - 1))
    phase = math.pi * step / (n - 1)
    # The same curve by the half-angle formula.
    expected = first * math.cos(phase / 2) ** 2 + last * math.sin(phase / 2) ** 2
    assert schedules.cosine(step, n, first, last) == pytest.approx(expected, abs=1e-9)


@given(st.integers(12, 2000), st.integers(1, 9), st.floats(1e-6, 1e-2))
def test_the_learning_rate_rises_in_a_line_then_falls(n, warmup, peak):
    recipe = Recipe(steps=n, warmup_steps=warmup, learning_rate=peak, final_learning_rate=1e-7)
    rates = [schedules.learning_rate(recipe, step) for step in range(n)]
    assert rates[0] == pytest.approx(peak / warmup)
    assert rates[warmup - 1] == pytest.approx(peak)
    rises = [b - a for a, b in pairwise(rates[:warmup])]
    assert rises == pytest.approx([peak / warmup] * (warmup - 1))
    assert all(a >= b for a, b in zip(rates[warmup:], rates[warmup + 1 :], strict=False))
    assert rates[-1] == pytest.approx(min(1e-7, peak))


def test_the_backbone_rests_while_the_head_learns_alone():
    recipe = Recipe(steps=100, head_only_steps=20, warmup_steps=10)
    assert [schedules.learning_rate(recipe, s) for s in (0, 19)] == [0, 0]
    assert schedules.learning_rate(recipe, 20) == pytest.approx(recipe.learning_rate / 10)
    assert schedules.head_learning_rate(recipe, 0) > 0


def test_the_teachers_temperature_is_linear_then_constant():
    recipe = Recipe(
        teacher_temperature_start=0.04, teacher_temperature=0.07, teacher_temperature_warmup=30
    )
    found = [schedules.teacher_temperature(recipe, s) for s in (0, 10, 30, 999)]
    assert found == pytest.approx([0.04, 0.05, 0.07, 0.07])


def test_momentum_ends_at_its_end():
    recipe = Recipe(steps=50, ema_start=0.9, ema_end=1.0, weight_decay=0.04, final_weight_decay=0.4)
    assert schedules.momentum(recipe, 0) == pytest.approx(0.9)
    assert schedules.momentum(recipe, 49) == pytest.approx(1.0)
    assert schedules.weight_decay(recipe, 49) == pytest.approx(0.4)
