"""The figures of a classifier, as they are drawn."""

import re

import numpy as np

from fewshot_lab.evaluation import CrossValidation, Interval
from fewshot_lab.live import Snapshot
from fewshot_lab.store import ClassRow
from fewshot_lab.ui.evaluate import accuracy

NONE = Interval(float("nan"), 0.0, 1.0, 0)


def classes(*names: str) -> dict[int, ClassRow]:
    return {
        i: ClassRow(id=i, name=name, color="#0072B2", position=i, retired=False, merged_into=None)
        for i, name in enumerate(names)
    }


def cross_validation(confusion: list[list[float]], recall: list[Interval]) -> CrossValidation:
    k = len(recall)
    return CrossValidation(
        balanced_accuracy=Interval(0.84, 0.80, 0.87, 420),
        recall=dict(enumerate(recall)),
        confusion=np.array(confusion, dtype=float),
        class_ids=np.arange(k),
        out_of_fold=np.zeros((0, k), dtype=np.float32),
        n=420,
        repeats=1,
    )


def snapshot(cv: CrossValidation, **more: object) -> Snapshot:
    return Snapshot(rev=1, position=1, ids=[], row={}, cv=cv, **more)  # type: ignore[arg-type]


def test_no_figure_without_its_interval_and_n() -> None:
    cv = cross_validation([[9, 1], [2, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    said = accuracy.headline(snapshot(cv, audit=Interval(0.82, 0.74, 0.88, 96)))
    assert "<b>0.84</b><span>0.80–0.87, n = 420" in said
    assert "<b>0.82</b><span>0.74–0.88, n = 96" in said
    table = accuracy.recall_table(cv, classes("a", "b"))
    assert table.count("0.90 (0.60–0.98)") == 2


def test_what_cannot_be_told_is_said_instead_of_a_number() -> None:
    cv = cross_validation([[0, 0], [0, 0]], [NONE, NONE])
    cv = CrossValidation(**{**vars(cv), "balanced_accuracy": NONE})
    said = accuracy.headline(snapshot(cv)) + accuracy.recall_table(cv, classes("a", "b"))
    assert "nan" not in said
    assert "cannot be told yet" in said
    assert said.count("too few labels") == 2


def test_a_confusion_cell_says_what_it_means() -> None:
    cv = cross_validation([[9, 1], [0, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    html = accuracy.confusion(cv, classes("a <x>", "b"), "x y")
    assert "a &lt;x&gt; predicted as b: 10 % of 10" in html
    assert "<x>" not in html
    cells = re.findall(r"<td class='([^']*)'", html)
    assert cells == ["", "wrong", "none", ""]


def test_the_audit_is_explained_before_it_can_be_told() -> None:
    cv = cross_validation([[9, 1], [2, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    assert "mark with A" in accuracy.headline(snapshot(cv))


def test_a_class_that_was_deleted_still_has_a_row() -> None:
    cv = cross_validation([[9, 1], [2, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    assert "class 1" in accuracy.recall_table(cv, classes("a"))
