"""The view on patients, grades and costs, and patients on the predict page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab.evaluation import GroupAnswers, GroupRule
from fewshot_lab.export import ImagePrediction, StoredPredictions, group_finder
from fewshot_lab.project import Project, costs_of, error_costs, grades_of, own_class
from fewshot_lab.ui import predicted_groups

from .conftest import fitted_session, words

pytestmark = pytest.mark.slow


@pytest.fixture
def slides(template: Path, home: Path) -> Iterator[Project]:
    """Return a project of cells on slides, all labelled, with a classifier."""
    copytree(template, home / "cells")
    project = Project.open("cells")
    project.splits.set_rule(GroupRule("pattern", r"(slide\d+)_", "slide"))
    rows = project.store.images()
    project.labels.add({row.id: str(row.reference) for row in rows}, annotator="kim")
    with fitted_session(project):
        yield project
    project.close()


@pytest.fixture
def view(open_app: Callable[..., AppTest], slides: Project) -> AppTest:
    """Return the view, drawn."""
    app = open_app("evaluate.py", "cells")
    app.session_state["view"] = "clinical"
    app.run()
    assert not app.exception
    return app


def test_each_slide_has_an_answer_with_its_interval(view: AppTest, slides: Project) -> None:
    said = words(view)
    assert "One answer for each slide, by" in said
    assert "slides left out in cross-validation" in said
    assert "A slide&#x27;s own class" in said or "A slide's own class" in said
    assert own_class(slides) == "majority"
    view.selectbox(key="fl-own-class-majority").select("worst").run()
    assert own_class(slides) == "worst"


def test_an_order_with_a_gap_is_refused_in_a_sentence(view: AppTest, slides: Project) -> None:
    names = [row.name for row in slides.store.classes()]
    view.multiselect(key="fl-grades-").set_value(names[:-1]).run()
    view.button(key="fl-grades-use").click().run()
    assert f"The order has a gap: it leaves out {names[-1]}" in words(view)
    view.multiselect(key="fl-grades-").set_value(names).run()
    view.button(key="fl-grades-use").click().run()
    assert len(grades_of(slides)) == len(names)
    view.run()
    assert "quadratic-weighted kappa" in words(view)
    # What the page showed before is no choice: grades make it the worst by default.
    assert slides.store.get("group_label") is None
    assert own_class(slides) == "worst"


def test_a_costly_error_is_added_and_removed_as_a_sentence(view: AppTest, slides: Project) -> None:
    assert "All errors count the same." in words(view)
    view.button(key="fl-cost-add").click().run()
    (cost,) = error_costs(slides)
    assert cost.times == 20
    assert costs_of(slides, [row.id for row in slides.store.classes()]) is not None
    view.run()
    assert "is 20 times worse than another error." in words(view)
    view.button(key="fl-cost-remove-0").click().run()
    assert error_costs(slides) == ()


def test_without_groups_the_view_says_what_to_do(
    open_app: Callable[..., AppTest], slides: Project
) -> None:
    slides.splits.set_rule(GroupRule("none"))
    app = open_app("evaluate.py", "cells")
    app.session_state["view"] = "clinical"
    app.run()
    assert "say under Groups, test set which belong to one patient" in words(app)


def test_dropped_images_of_a_patient_become_one_answer() -> None:
    def answer(path: str, p: float, unlike: bool = False) -> ImagePrediction:
        odds = {"sick": p, "well": 1 - p}
        name = "sick" if p > 0.5 else "well"
        return ImagePrediction(path, name, odds, "", (), decided=not unlike, unlike=unlike)

    answers = [answer("P1/a.png", 0.9), answer("P1/b.png", 0.2, True), answer("P2/a.png", 0.2)]
    rule = GroupAnswers("worst", (1, 0), "patient").to_dict()
    found = StoredPredictions(
        "b", ["sick", "well"], {}, answers, [("P2/c.png", "not a picture")], False, None, rule
    )
    tally = predicted_groups.tallied(found, group_finder("([^/]+)/"))
    assert tally.measured
    rows = [dict(zip(tally.header(), row, strict=True)) for row in tally.rows()]
    assert [(row["patient"], row["predicted"]) for row in rows] == [("P1", "sick"), ("P2", "well")]
    assert [(row["images"], row["unreadable"], row["referred"]) for row in rows] == [
        ("2", "0", "1"),
        ("1", "1", "0"),
    ]
    assert len(tally.rows()) == 2


def predicted_page() -> None:
    """Draw the answers for two patients; runs by itself."""
    from fewshot_lab.export import ImagePrediction, StoredPredictions
    from fewshot_lab.ui import predicted_groups

    answers = [
        ImagePrediction(path, "sick", {"sick": p, "well": 1 - p}, "", ())
        for path, p in (("P1/a.png", 0.9), ("P1/b.png", 0.8), ("P2/a.png", 0.1))
    ]
    predicted_groups.show(StoredPredictions("b", ["sick", "well"], {}, answers, [], False))


def test_the_predict_page_asks_what_tells_the_patients() -> None:
    app = AppTest.from_function(predicted_page, default_timeout=60).run()
    assert not app.exception and "nobody measured" not in words(app)
    app.selectbox(key="fl-predict-groups").select("Its folder").run()
    said = words(app)
    assert "2 patients" in said and "nobody measured how good this is" in said
    assert "<tr><td>P1" in said and "<tr><td>P2" in said
    app.selectbox(key="fl-predict-groups").select("An expression of your own").run()
    app.text_input(key="fl-predict-pattern").input("(").run()
    assert "cannot be read" in words(app)
