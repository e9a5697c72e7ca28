import pytest

from fewshot_lab.jobs.rate import WINDOW_SECONDS, Rate


def test_a_steady_pace_is_told_exactly() -> None:
    rate = Rate(0.0, 0)
    for step in range(1, 200):
        rate.add(step * 0.1, step)
    assert rate.per_second == pytest.approx(10)
    assert rate.seconds_left(199, 399) == pytest.approx(20)


def test_what_an_earlier_run_finished_does_not_count() -> None:
    rate = Rate(0.0, 90_000)
    rate.add(2.0, 90_100)
    assert rate.per_second == pytest.approx(50)


def test_it_says_nothing_too_early_or_without_a_total() -> None:
    rate = Rate(0.0, 0)
    rate.add(0.5, 100)
    assert rate.per_second is None and rate.seconds_left(100, 1000) is None
    rate.add(2.0, 100)
    assert rate.seconds_left(100, None) is None


def test_a_change_of_pace_is_believed_after_the_window() -> None:
    rate, now, done = Rate(0.0, 0), 0.0, 0
    for _ in range(300):
        now, done = now + 0.1, done + 10
        rate.add(now, done)
    for _ in range(int(WINDOW_SECONDS / 0.1) + 10):
        now, done = now + 0.1, done + 1
        rate.add(now, done)
    assert rate.per_second == pytest.approx(10, rel=0.05)


def test_what_is_passed_over_at_the_start_does_not_count_for_long() -> None:
    rate, now, done = Rate(0.0, 0), 0.0, 0
    for _ in range(10):
        now, done = now + 0.1, done + 500
        rate.add(now, done)
    for _ in range(45):
        now, done = now + 0.1, done + 3
        rate.add(now, done)
    assert rate.per_second == pytest.approx(30, rel=0.1)


def test_one_slow_batch_does_not_make_it_jump() -> None:
    rate = Rate(0.0, 0)
    for step in range(1, 151):
        rate.add(step * 0.1, step)
    rate.add(18.0, 151)
    assert rate.per_second == pytest.approx(151 / 18)
