"""Forms that change a project, each drawn without the page around it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.evaluation import GroupRule
from fewshot_lab.live import forget
from fewshot_lab.project import Project
from fewshot_lab.store import NewImage

from .conftest import words

pytestmark = pytest.mark.slow

N = 20
IDS = [f"{i:020x}" for i in range(N)]


@pytest.fixture
def project(home: Path) -> Iterator[Project]:
    """Return a project of 20 images of five patients at two sites, which lie nowhere."""
    with Project.create("cells") as made:
        made.store.add_images(
            [
                NewImage(
                    *(IDS[i], f"P{i // 4}/{i}.png", f"{i}.png", 0, 8, 8, 1, 1),
                    meta={"site": "AB"[i % 2]},
                )
                for i in range(N)
            ]
        )
        yield made
    forget("cells")


def part(module: str) -> None:
    from importlib import import_module

    from fewshot_lab.ui.session import project_named

    import_module(f"fewshot_lab.ui.{module}").show(project_named("cells"))


@pytest.fixture
def drawn(project: Project) -> Callable[[str], AppTest]:
    """Return what draws the part of a page that a module shows."""

    def draw(module: str) -> AppTest:
        app = AppTest.from_function(part, kwargs={"module": module}, default_timeout=60).run()
        assert not app.exception
        return app

    return draw


def press(app: AppTest, label: str) -> None:
    """Press the button of a label."""
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_how_people_share_a_project_is_agreed_and_what_cannot_be_is_said(
    project: Project, drawn: Callable[[str], AppTest]
) -> None:
    for name in ("ann", "kim"):
        project.labels.add({IDS[0]: "a"}, name)
    app = drawn("team_form")
    app.multiselect[0].set_value(["ann", "kim"])
    app.number_input[0].set_value(20.0)
    app.selectbox[0].select("majority")
    press(app, "Save")
    team = project.store.team()
    assert (team.annotators, team.double, team.rule) == (("ann", "kim"), 0.2, "majority")
    assert "annotators: ann, kim; 20 % labelled by 2" in words(app)
    app.selectbox[0].select("senior")
    press(app, "Save")
    assert "The rule “senior” needs the name of a senior." in words(app)
    assert project.store.team() == team


def test_groups_test_set_and_site_are_previewed_and_used(
    project: Project, drawn: Callable[[str], AppTest]
) -> None:
    app = drawn("evaluate.splits")
    assert "They are found once the images are embedded." in words(app)
    app.selectbox(key="fl-groups-kind").select("pattern").run()
    assert "5 groups in 20 images, 4 images each." in words(app)
    assert project.splits.rule == GroupRule()  # only looked at
    press(app, "Use these groups")
    assert project.splits.rule == GroupRule("pattern", r"([^/]+)/[^/]+$")
    app.selectbox(key="fl-groups-what").select("An expression of your own").run()
    app.text_input(key="fl-groups-pattern").set_value("(").run()
    assert "cannot be read" in words(app)
    app.selectbox(key="fl-groups-what").select("Its folder").run()

    app.selectbox(key="fl-test-kind").select("folder").run()
    next(field for field in app.text_input if field.label == "Folder").set_value("P3").run()
    press(app, "Use this test set")
    assert project.splits.test_ids() == set(IDS[12:16])
    assert "4 images</b> (folder P3)" in words(app)
    app.selectbox(key="fl-site").select("site").run()
    assert project.splits.sites.column == "site"


def test_a_pair_is_released_and_joined_again_and_the_threshold_moved(
    project: Project, drawn: Callable[[str], AppTest]
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 16))
    X[9] = X[1] + 0.01 * rng.normal(size=16)
    fingerprint = project.backbone.fingerprint
    folder = project.folder / "embeddings" / fingerprint
    write_shard(folder, IDS, X.astype(np.float16), [], fingerprint=fingerprint, dtype="float32")
    app = drawn("evaluate.splits")
    press(app, "Not the same: release")
    [pair] = project.splits.grouping.pairs
    assert ({pair.a, pair.b}, pair.state) == ({IDS[1], IDS[9]}, "released")
    app.get("button_group")[0].set_value("released").run()
    press(app, "Join again")
    assert [pair.state for pair in project.splits.grouping.pairs] == ["joined"]
    app.number_input(key="fl-near-threshold").set_value(0.85).run()
    press(app, "Use")
    assert project.splits.chosen_threshold == 0.85
    press(app, "As the pool says")
    assert project.splits.chosen_threshold is None


def test_labels_of_a_table_are_counted_stored_and_taken_back(
    project: Project, drawn: Callable[[str], AppTest]
) -> None:
    app = drawn("label_import")
    table = "path,label\nP0/0.png,Polyp\nP0/1.png,polyp\nelsewhere.png,Polyp\n"
    app.file_uploader[0].set_value(("findings.csv", table.encode(), "text/csv")).run()
    assert not app.exception
    assert "2 of 3 rows match" in words(app)
    assert "elsewhere.png" in words(app)
    assert project.store.labels() == {}
    press(app, "Label 2 images")
    assert set(project.store.labels()) == set(IDS[:2])
    press(app, "Undo")
    assert project.store.labels() == {}


def test_a_members_role_is_changed_and_taken_away(
    project: Project, drawn: Callable[[str], AppTest]
) -> None:
    app = drawn("members")
    assert "Nobody is a member of this project yet" in words(app)
    for name, role in (("ann", "owner"), ("kim", "reader")):
        project.store.set_member(name, role)
    app.run()
    app.selectbox(key="fl-role-kim-reader").select("senior").run()
    assert project.store.members() == {"ann": "owner", "kim": "senior"}
    app.button(key="fl-remove-kim").click().run()
    assert not app.exception
    assert project.store.members() == {"ann": "owner"}
    assert "kim" in str(app.dataframe[0].value)  # what was done in the project stays there
