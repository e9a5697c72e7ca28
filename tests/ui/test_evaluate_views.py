"""Views of the evaluate page that rest on a study or on several people, drawn from real ones."""

from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab import jobs
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.evaluation import Protocol, ReplayPlan
from fewshot_lab.live import LiveSession, forget
from fewshot_lab.project import Project, remember, settings_of
from fewshot_lab.store import NewImage

from .conftest import fitted_session, words

pytestmark = pytest.mark.slow

N, D = 120, 12
NAMES = ("basophil", "lymphocyte", "monocyte")
IDS = [f"{i:020x}" for i in range(N)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project of three classes in twelve dimensions, labelled by two people."""
    rng = np.random.default_rng(0)
    truth = np.arange(N) % 3
    X = 1.5 * rng.normal(size=(3, D))[truth] + rng.normal(size=(N, D))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEWSHOT_LAB_HOME", str(tmp_path_factory.mktemp("views")))
        with Project.create("cells") as made:
            made.store.add_images(
                [
                    NewImage(
                        *(IDS[i], f"{i}.png", f"{i}.png", 0, 8, 8, 1, 1),
                        reference=NAMES[truth[i]],
                    )
                    for i in range(N)
                ]
            )
            print_ = made.backbone.fingerprint
            folder = made.folder / "embeddings" / print_
            write_shard(folder, IDS, X.astype(np.float16), [], fingerprint=print_, dtype="float32")
            made.store.set("audit_share", 0.0)
            made.labels.add({IDS[i]: NAMES[truth[i]] for i in range(75)}, "kim")
            # Ann sees five of twenty images otherwise.
            made.labels.add({IDS[i]: NAMES[truth[i] if i > 4 else 0] for i in range(20)}, "ann")
            yield made
        forget("cells")


def part(module: str) -> None:
    from importlib import import_module

    from fewshot_lab.ui.session import project_named

    import_module(f"fewshot_lab.ui.evaluate.{module}").show(project_named("cells"))


def view(module: str) -> AppTest:
    app = AppTest.from_function(part, kwargs={"module": module}, default_timeout=60).run()
    assert not app.exception
    assert "went wrong in the app" not in words(app)
    return app


def charts(app: AppTest) -> int:
    return len(app.get("plotly_chart"))


@pytest.mark.exhaustive
def test_a_few_shot_curve_has_its_intervals_and_says_how_it_was_measured(project: Project) -> None:
    assert "A new curve" in [fold.label for fold in view("few_shot").expander]
    protocol = Protocol(shots=(2, 5), draws=2, classifiers=("paper-knn", "lda"))
    curve = project.studies.few_shot(protocol=protocol)
    remember(project, "nshot", curve)
    app = view("few_shot")
    assert charts(app) == 1
    text = words(app)
    assert "120 images with reference labels, 3 classes, 2 draws" in text
    for row in curve["results"]:
        low, high = (f"{100 * limit:.1f}" for limit in row["interval"])
        assert f"{low}–{high}" in text


@pytest.mark.exhaustive
def test_a_replay_says_what_a_strategy_saves_and_another_can_be_chosen(project: Project) -> None:
    plan = ReplayPlan(("mixed", "cover"), draws=2, budget=24)
    result = project.studies.replay(plan=plan, labels="reference")
    app = view("replay")
    assert charts(app) == 1
    text = words(app)
    assert "120 images with reference labels labelled again 2 times, as asked" in text
    for row in result["strategies"]:
        assert row["title"] in text
    app.selectbox[0].select("cover").run()
    assert not app.exception
    assert "as chosen by hand" in words(app)


def test_backbones_are_compared_draw_by_draw(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        jobs, "start", lambda folder, verb, options: started.append((verb, options))
    )
    app = view("backbones")
    assert "The same labels drawn for each backbone" in words(app)
    own, *others = app.multiselect[0].value
    app.multiselect[0].set_value([own]).run()
    assert app.button(key="fl-compare-start").disabled
    app.multiselect[0].set_value([own, *others]).run()
    app.button(key="fl-compare-start").click().run()
    [(verb, options)] = started
    assert verb == "evaluate-backbones"
    assert all(name in options for name in (own, *others))


def test_what_people_agree_on_has_its_interval_and_leads_to_what_differs(project: Project) -> None:
    report = project.team.report()
    app = view("people")
    text = words(app)
    assert report.kappa is not None and report.kappa.n == 20
    kappa = report.kappa
    assert f"{kappa.value:.2f}" in text and f"{kappa.low:.2f}–{kappa.high:.2f}" in text
    differ = len(report.conflicts)
    assert 0 < differ <= 5
    assert f"{differ} images labelled differently" in text
    assert "Name a senior below to decide." in text
    assert "open=people%7C" in text  # a cell of the matrix leads to its images


@pytest.fixture
def fitted(project: Project) -> Iterator[LiveSession]:
    """Return the session of the project, once it has a classifier and its curve."""
    with fitted_session(project) as session:
        yield session


def test_probabilities_are_drawn_with_what_they_rest_on(
    project: Project, fitted: LiveSession
) -> None:
    said = project.studies.probabilities()["threshold"]["sentence"]
    app = view("probabilities")
    assert charts(app) == 2
    assert said.split(". ")[0] in words(app).replace("\u00a0", " ")
    assert "Sets that hold the true class" in words(app)
    # The whole page may run just then, not its fragment alone.
    app.toggle(key="fl-per-class").set_value(True).run()
    assert not app.exception
    assert settings_of(project).per_class
    assert "went wrong in the app" not in words(app)


def curve_page() -> None:
    from fewshot_lab.ui.evaluate import curve
    from fewshot_lab.ui.session import project_named

    opened = project_named("cells")
    curve.draw(opened, opened.studies.advise().to_dict())


def test_the_curve_stands_beside_what_each_class_still_gains(project: Project) -> None:
    app = AppTest.from_function(curve_page, default_timeout=60).run()
    assert not app.exception
    assert charts(app) == 1
    text = words(app)
    assert all(name in text for name in NAMES)
    assert "Random subsets of the 75 labels that train" in text
    assert "The time needed is shown after ten labels by hand." in text
    app.selectbox(key="fl-curve-class").select(app.selectbox[0].options[1]).run()
    assert not app.exception and charts(app) == 1
