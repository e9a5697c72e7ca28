"""Order of grades, costs of errors and patients, as a project's user says them."""

import csv

import numpy as np
import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import (
    ErrorCost,
    Project,
    costs_of,
    error_costs,
    grades_of,
    own_class,
    set_error_costs,
    set_grades,
    set_own_class,
)

GRADES = ["low", "middle", "high"]


@pytest.fixture
def project(home):
    made = Project.create("grades", home=home)
    made.store.add_classes(GRADES, annotator="kim")
    yield made
    made.close()


def test_an_order_names_each_class_once(project):
    with pytest.raises(FewshotLabError, match="The order has a gap: it leaves out middle"):
        set_grades(project, ["low", "high"])
    with pytest.raises(FewshotLabError, match="names low twice"):
        set_grades(project, ["low", "middle", "high", "low"])
    with pytest.raises(FewshotLabError, match="no class 'worst'"):
        set_grades(project, ["low", "worst"])
    assert grades_of(project) == ()
    set_grades(project, ["high", "middle", "low"])
    names = {row.id: row.name for row in project.store.classes()}
    assert [names[i] for i in grades_of(project)] == ["high", "middle", "low"]
    set_grades(project, [])
    assert grades_of(project) == ()


def test_a_class_that_came_later_leaves_the_order_open(project):
    set_grades(project, GRADES)
    (new,) = project.store.add_classes(["higher"], annotator="kim")
    assert grades_of(project) == ()
    project.store.retire_class(new, annotator="kim")
    assert len(grades_of(project)) == 3


def test_costs_are_kept_by_class_and_equal_ones_are_none(project):
    low, middle, high = (row.id for row in project.store.classes())
    assert costs_of(project, [low, middle, high]) is None
    set_error_costs(project, [ErrorCost(high, low, 20.0), ErrorCost(low, high, 1.0)])
    expected = np.array([[0, 1, 1], [1, 0, 1], [20, 1, 0]])
    assert np.array_equal(costs_of(project, [low, middle, high]), expected)
    assert costs_of(project, [low, middle]) is None  # that error cannot happen there
    assert own_class(project) == "worst"
    project.store.retire_class(high, annotator="kim")
    assert error_costs(project) == ()
    assert own_class(project) == "majority"
    set_error_costs(project, [ErrorCost(low, middle, 2.0)])
    project.store.restore_class(high, annotator="kim")
    assert set(error_costs(project)) == {ErrorCost(high, low, 20.0), ErrorCost(low, middle, 2.0)}
    set_error_costs(project, [])
    assert error_costs(project) == ()


@pytest.mark.parametrize(
    "table, sentence",
    [
        ([["", "low", "high"], ["low", 0, 2], ["high", 1, 0]], "a table of 2 x 2, and there are 3"),
        ([["", *GRADES], *[[g, 1, 1, 1] for g in GRADES]], "A right answer costs 0"),
        ([["", *GRADES], *[[g, "a", 1, 1] for g in GRADES]], "'a' is not a number"),
        ([], "is empty"),
        ([["", *GRADES], *[[g, 0, 1] for g in GRADES]], "The row of low has 2 costs"),
        ([["", *GRADES], *[[g, 0, 1, 1, 9] for g in GRADES]], "The row of low has 4 costs"),
    ],
)
def test_a_table_of_another_size_gets_a_sentence(project, tmp_path, capsys, table, sentence):
    path = tmp_path / "costs.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(table)
    assert run(["evaluate", "costs", "grades", "--matrix", str(path)]) == 1
    assert sentence in capsys.readouterr().err
    assert error_costs(project) == ()


def test_costs_in_words_and_as_a_table_are_the_same(project, tmp_path, capsys):
    assert run(["evaluate", "costs", "grades", "--worse", "high>low=20"]) == 0
    assert "Calling high low is 20 times worse than another error." in capsys.readouterr().out
    worded = error_costs(project)
    assert run(["evaluate", "costs", "grades", "--equal"]) == 0
    assert error_costs(project) == ()
    path = tmp_path / "costs.csv"
    table = ",high,low,middle\nlow,1,0,1\nmiddle,1,1,0\nhigh,0,20,1\n"
    for separated in (table, table.replace(",", ";")):  # as a spreadsheet's country has it
        set_error_costs(project, [])
        path.write_text(separated)
        assert run(["evaluate", "costs", "grades", "--matrix", str(path)]) == 0
        assert error_costs(project) == worded
    for bad, sentence in (
        ("high>low", "write it as TRUE>CALLED=TIMES"),
        ("high>high=2", "is not an error"),
        ("high>low=-2", "is not a cost"),
    ):
        assert run(["evaluate", "costs", "grades", "--worse", bad]) == 1
        assert sentence in capsys.readouterr().err


def test_the_own_class_of_a_patient_is_one_of_two(project):
    with pytest.raises(FewshotLabError, match="use majority or worst"):
        set_own_class(project, "best")
    set_own_class(project, "worst")
    assert own_class(project) == "worst"


def test_people_who_grade_are_compared_by_grade(project, tmp_path, home):
    from PIL import Image

    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    folder.mkdir()
    for k in range(12):
        pixels = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    project.import_images(folder)
    ids = project.store.ids()
    first = [GRADES[k % 3] for k in range(12)]
    second = [GRADES[min(k % 3 + (k % 4 == 0), 2)] for k in range(12)]
    project.team.agree("kim", rule="majority", blind=True)
    project.labels.add(dict(zip(ids, first, strict=True)), annotator="kim")
    project.labels.add(dict(zip(ids, second, strict=True)), annotator="robin")
    assert project.team.report().weighted is None
    set_grades(project, GRADES)
    report = project.team.report()
    from sklearn.metrics import cohen_kappa_score

    a, b = ([GRADES.index(name) for name in said] for said in (first, second))
    expected = cohen_kappa_score(a, b, weights="quadratic")
    assert report.weighted.value == pytest.approx(expected)
    assert report.pairs[0].weighted == report.weighted
    assert report.to_dict()["weighted"]["n"] == 12
