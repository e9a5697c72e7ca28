"""The home page: create, open, rename, delete; and addresses that lead nowhere."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import cards

from .conftest import words

pytestmark = pytest.mark.slow


def test_a_home_without_projects_offers_a_new_one(open_app: Callable[..., AppTest]) -> None:
    app = open_app()
    assert "No project yet." in words(app)
    assert [b.label for b in app.button] == ["New project", "Make the demo project"]


def test_creating_a_project_leads_to_its_import(
    open_app: Callable[..., AppTest], home: Path
) -> None:
    app = open_app()
    app.button[0].click().run()
    app.text_input(key="fl-new-name").set_value("Köln #1")
    next(b for b in app.button if b.label == "Create").click().run()
    assert (home / "Koln 1" / "project.json").exists()
    assert Project.open("Koln 1").title == "Köln #1"
    assert app.title[0].value == "Import images"
    assert app.query_params["project"] in ("Koln 1", ["Koln 1"])


def test_a_name_that_is_taken_is_said(open_app: Callable[..., AppTest], home: Path) -> None:
    Project.create("blood").close()
    app = open_app()
    next(b for b in app.button if b.label == "New project").click().run()
    app.text_input(key="fl-new-name").set_value("blood")
    next(b for b in app.button if b.label == "Create").click().run()
    assert "already a project named" in words(app)


def test_each_project_has_a_card_with_its_title_unchanged(
    open_app: Callable[..., AppTest], home: Path
) -> None:
    for name in ("a", "b"):
        project = Project.create(name)
        project.rename(f"<b>{name}</b>")
        project.close()
    app = open_app()
    assert not app.exception
    titles = {link.proto.label for link in app.get("page_link")}
    assert titles >= {cards.card_title(f"<b>{name}</b>") for name in ("a", "b")}
    assert len([b for b in app.button if b.label == "Edit"]) == 2


@pytest.mark.parametrize(
    ("page", "sentence", "button"),
    [
        ("import_images.py", "Click to the folder with your images", "Import"),
        ("backbone.py", "It needs five labels of every class", "Compare on my labels"),
        ("evaluate.py", "This project has no images yet.", "Import images"),
        ("export.py", "This project has no images yet.", "Import images"),
        ("predict.py", "No bundle has been exported from this project yet.", "Export one"),
    ],
)
def test_a_page_of_an_empty_project_says_what_to_do(
    open_app: Callable[..., AppTest], home: Path, page: str, sentence: str, button: str
) -> None:
    Project.create("blood").close()
    app = open_app(page, "blood")
    assert not app.exception
    assert sentence in words(app) + "".join(field.label for field in app.text_input)
    assert button in [each.label for each in app.button]
    assert "went wrong in the app" not in words(app)


@pytest.mark.parametrize("page", ["import_images.py", "backbone.py", "evaluate.py", "export.py"])
def test_a_project_that_does_not_exist_is_said(
    open_app: Callable[..., AppTest], home: Path, page: str
) -> None:
    app = open_app(page, "nowhere")
    assert not app.exception
    assert "There is no project named 'nowhere'" in words(app).replace("&#x27;", "'")
    assert [b.label for b in app.button] == ["Choose a project"]


def test_deleting_leaves_images_in_their_place(home: Path, pictures: Path) -> None:
    project = Project.create("blood", images=pictures)
    project.close()
    cards.delete("blood")
    assert not (home / "blood").exists()
    assert len(list(pictures.rglob("*.png"))) == 7


def test_a_project_made_anew_under_an_old_name_starts_empty(home: Path, pictures: Path) -> None:
    from fewshot_lab.ui import session

    Project.create("blood", images=pictures).close()
    assert len(session.project_named("blood").store.ids()) == 6
    cards.delete("blood")
    Project.create("blood").close()
    assert session.project_named("blood").store.ids() == []


def test_a_title_must_not_be_empty(home: Path) -> None:
    Project.create("blood").close()
    with pytest.raises(FewshotLabError, match="needs a title"):
        cards.rename("blood", "  ")
    cards.rename("blood", " Blood   smears ")
    assert Project.open("blood").info().title == "Blood smears"
