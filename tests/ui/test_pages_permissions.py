"""With sign-in on: every page, tried by a reader and by somebody who is no member."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab.accounts import ACTIONS, PAGE_ACTIONS, Role, Visitor
from fewshot_lab.errors import Forbidden
from fewshot_lab.live import forget
from fewshot_lab.project import Project
from fewshot_lab.ui import session, visitor
from fewshot_lab.ui.pages import PAGES

from .conftest import words

NEEDS_PROJECT = [name for name in PAGES if name not in ("projects", "glossary")]


@pytest.fixture
def project(template: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("FEWSHOT_LAB_SIGN_IN", "accounts")
    shutil.copytree(template, home / "cells")
    with Project.open("cells") as project:
        project.store.set_member("Rea", "reader")
        project.store.set_member("Sam", "senior")
        yield project
    forget("cells")


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what says who looks; the socket that would say so is not there."""

    def as_somebody(name: str) -> None:
        monkeypatch.setattr(visitor, "visitor", lambda *, touch=False: Visitor(name))

    return as_somebody


@pytest.mark.parametrize("name", NEEDS_PROJECT)
def test_a_page_opens_for_its_least_role(
    name: str,
    project: Project,
    looks: Callable[[str], None],
    open_app: Callable[..., AppTest],
) -> None:
    looks("Rea")
    needed = PAGE_ACTIONS[name][0]
    refused = needed is not None and ACTIONS[needed][0] > Role.READER
    text = words(open_app(PAGES[name][1], "cells"))
    assert ("Only a" in text and "you are reader here" in text) == refused
    looks("Zoe")
    text = words(open_app(PAGES[name][1], "cells"))
    assert "You are not a member" in text or "Only an administrator" in text
    assert "cells" not in text


def test_what_is_changed_on_a_page_is_asked_for_where_it_is_written(
    project: Project, looks: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks("Rea")
    opened = session.project_named("cells")
    opened.store.set("a", 1)  # a route, or work behind the page: asked for there
    monkeypatch.setattr(visitor, "get_script_run_ctx", lambda **_: object())
    monkeypatch.setattr(session, "get_script_run_ctx", lambda **_: object())
    monkeypatch.setattr(visitor, "st", SimpleNamespace(session_state={visitor.PAGE: "evaluate"}))
    with pytest.raises(Forbidden, match="Only a senior or owner may change how"):
        opened.store.set("a", 2)
    looks("Sam")
    opened.store.set("a", 2)
    assert opened.store.journal()[-1].who == "Sam"
    monkeypatch.setattr(visitor, "st", SimpleNamespace(session_state={visitor.PAGE: "import"}))
    with pytest.raises(Forbidden, match="Only an owner may bring in images; you are senior here"):
        opened.store.set("a", 3)


@pytest.mark.parametrize(
    ("name", "button"), [("predict", "Export one"), ("slides", "Import slides")]
)
def test_no_empty_state_leads_where_one_may_not_go(
    name: str,
    button: str,
    project: Project,
    looks: Callable[[str], None],
    open_app: Callable[..., AppTest],
) -> None:
    project.store.set_member("Olga", "owner")
    for person, offered in (("Rea", False), ("Olga", True)):
        looks(person)
        labels = [each.label for each in open_app(PAGES[name][1], "cells").button]
        assert (button in labels) == offered
