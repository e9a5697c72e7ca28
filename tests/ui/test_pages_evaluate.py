"""The figures of a classifier, as they are drawn."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from fewshot_lab.evaluation import (
    AuditCounts,
    AuditReport,
    CrossValidation,
    LeakCheck,
    TestFigures,
    test_figures,
)
from fewshot_lab.evaluation.leaks import Leak
from fewshot_lab.live import Snapshot
from fewshot_lab.stats import Interval
from fewshot_lab.store import ClassRow
from fewshot_lab.ui.evaluate import accuracy, audit_part, curve, few_shot, few_shot_figures

from .conftest import unmarked

pytestmark = pytest.mark.slow

NONE = Interval(float("nan"), 0.0, 1.0, 0)


def classes(*names: str) -> dict[int, ClassRow]:
    return {
        i: ClassRow(id=i, name=name, color="#0072B2", position=i, retired=False, merged_into=None)
        for i, name in enumerate(names)
    }


def cross_validation(confusion: list[list[int]], recall: list[Interval]) -> CrossValidation:
    k = len(recall)
    return CrossValidation(
        balanced_accuracy=Interval(0.84, 0.80, 0.87, 420),
        recall=dict(enumerate(recall)),
        confusion=np.array(confusion),
        class_ids=np.arange(k),
        out_of_fold=np.zeros((0, k), dtype=np.float32),
        n=420,
        repeats=1,
    )


def figures_of(y: np.ndarray, predicted: np.ndarray, **more: np.ndarray) -> TestFigures:
    return test_figures(y, predicted, [0, 1], pool=5000, **more)  # type: ignore[arg-type]


def snapshot(cv: CrossValidation, **more: object) -> Snapshot:
    return Snapshot(rev=1, position=1, ids=[], row={}, cv=cv, **more)  # type: ignore[arg-type]


def test_no_figure_without_its_interval_and_n() -> None:
    cv = cross_validation([[9, 1], [2, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    said = accuracy.headline(snapshot(cv), {}, "group")
    assert "<b>84 %</b><span>80–87, n = 420" in unmarked(said)
    table = accuracy.recall_table(cv, classes("a", "b"))
    assert table.count("90 % (60–98)") == 2


def test_what_cannot_be_told_is_said_instead_of_a_number() -> None:
    cv = cross_validation([[0, 0], [0, 0]], [NONE, NONE])
    cv = CrossValidation(**{**vars(cv), "balanced_accuracy": NONE})
    said = accuracy.headline(snapshot(cv), {0: "a", 1: "b"}, "patient")
    said += accuracy.recall_table(cv, classes("a", "b"))
    assert "nan" not in unmarked(said)
    assert "yet: a, b could not be tested." in unmarked(said)
    assert "of two patients" in unmarked(said)
    assert said.count("too few labels") == 2


def test_a_confusion_cell_says_what_it_means() -> None:
    cv = cross_validation([[9, 1], [0, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    html = accuracy.confusion(cv, classes("a <x>", "b"), "x y")
    assert "a &lt;x&gt; predicted as b: 10 % of 10" in html
    assert "<x>" not in html
    cells = re.findall(r"<td class='([^']*)'", html)
    assert cells == ["", "wrong", "none", ""]
    assert re.findall(r"open=cell-(\d-\d)", html) == ["0-0", "0-1", "1-1"]
    assert "repeats" not in html
    thrice = CrossValidation(**{**vars(cv), "repeats": 3})
    assert "by its mean over 3 repeats" in accuracy.confusion(thrice, classes("a", "b"), "x")


def test_the_audit_says_what_it_rests_on() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    predicted = np.where(rng.random(60) < 0.8, y, 1 - y)
    found = figures_of(y, predicted, groups=np.arange(60) // 3)
    counts = AuditCounts(500, 70, 60, 4, 1, 5, 12)
    report = AuditReport(counts, found, LeakCheck(20, noun="patient"))
    said = audit_part.headline(found, "patient")
    assert "60 images of 20 patients" in unmarked(said)
    limits = (100 * found.balanced_accuracy.low, 100 * found.balanced_accuracy.high)
    assert "{:.0f}–{:.0f}".format(*limits) in unmarked(said)
    assert "4 unsure, 1 unusable (in no figure), 5 still without a label" in audit_part.standing(
        report, "patient"
    )
    # What the label page says is lacking, and no figure that catches the eye until it is there.
    assert found.until_narrow
    assert f"{found.until_narrow} more label" in audit_part.outlook(found, {}, "patient")
    assert "tentative" in said
    enough = figures_of(np.tile(y, 5), np.tile(predicted, 5), groups=np.arange(300) // 3)
    assert "more audit labels of further patients" in audit_part.outlook(enough, {}, "patient")
    assert "tentative" not in audit_part.headline(enough, "patient")
    assert "20 patients; none on both sides." in audit_part.leak_line(report.leaks)
    table = audit_part.by_class(found, classes("a <x>", "b"))
    assert "a &lt;x&gt;" in table
    assert table.count("<td class='n'>") == 6


def test_the_audit_says_when_classes_are_missing_from_its_balanced_accuracy() -> None:
    y = np.zeros(12, dtype=int)
    said = audit_part.headline(figures_of(y, y), "group")
    assert "<dt>Balanced accuracy of 1 of 2 classes</dt>" in unmarked(said)
    y = np.arange(12) % 2
    said = audit_part.headline(figures_of(y, y), "group")
    assert "<dt>Balanced accuracy</dt>" in unmarked(said)


def test_a_leak_is_shown_as_one_with_the_patient() -> None:
    leak = Leak("anna", ("i1",), ("i2",))
    said = audit_part.leak_line(LeakCheck(2, leaks=(leak,), excluded=1, noun="patient"))
    assert "fl-alert" in unmarked(said)
    assert "anna: i2 tested, i1 trained on" in unmarked(said)


def test_a_class_that_was_deleted_still_has_a_row() -> None:
    cv = cross_validation([[9, 1], [2, 8]], [Interval(0.9, 0.6, 0.98, 10)] * 2)
    assert "class 1" in accuracy.recall_table(cv, classes("a"))


def test_shots_that_no_class_has_any_more_are_not_drawn_twice() -> None:
    short = [
        {"shots": n, "class": name, "drawn": size}
        for n in (25, 50, 100)
        for name, size in (("a", 39), ("b", 40), ("c", 20))
        if size < n
    ]
    results = [{"shots": n} for n in (10, 25, 50, 100)]
    found = {"classes": ["a", "b", "c"], "results": results, "differences": [], "short": short}
    assert few_shot.exhausted(found) == [100]
    left = few_shot.without(found, [100])
    assert [row["shots"] for row in left["results"]] == [10, 25, 50]
    assert few_shot_figures.shortage(left) == (
        " Fewer than 25 labels to draw: c (20)."
        " Fewer than 50 labels to draw: 3 of 3 classes (20 to 40)."
    )


def test_a_class_that_is_hardly_recognised_is_not_called_done() -> None:
    def row(class_id: int, recall: float) -> dict:
        band = {"value": recall, "low": 0.0, "high": 1.0}
        said = {"class_id": class_id, "name": "ab"[class_id], "labels": 20, "recall": [band]}
        return said | {"flat": True, "done": recall > 0.5, "next": None}

    project = SimpleNamespace(store=SimpleNamespace(classes=lambda include_retired: []))
    advice = {"sizes": [{"labels": 32}], "classes": [row(0, 0.05), row(1, 0.93)]}
    html = curve.table(project, advice)  # type: ignore[arg-type]
    assert "recall at 32 labels" in unmarked(html)
    assert html.count("no gain expected") == 1
    assert html.index("no gain expected") < html.index(">done<")
