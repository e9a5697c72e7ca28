"""The backbone page: what is in use, and switching without a network."""

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab import FewshotLabError, jobs
from fewshot_lab.backbones import cards, default_name, find
from fewshot_lab.project import Project
from fewshot_lab.ui.backbone_cards import facts, switch

from .conftest import words


def test_the_backbone_in_use_is_shown_in_full(open_app: Callable[..., AppTest], home: Path) -> None:
    Project.create("blood").close()
    app = open_app("backbone.py", "blood")
    said = words(app)
    card = find(default_name()).card
    for fact in (card.licence, card.training, card.fingerprint, f"{card.dimensions:,}"):
        assert fact in said
    assert len(app.expander) == len(cards()) - 1


def test_opening_the_page_asks_nothing_of_the_network(
    open_app: Callable[..., AppTest], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *a, **k: asked.append(a))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    Project.create("blood").close()
    open_app("backbone.py", "blood")
    assert asked == []


def test_an_unknown_backbone_is_said(open_app: Callable[..., AppTest], home: Path) -> None:
    Project.create("blood").close()
    app = open_app("backbone.py", "blood")
    app.text_input(key="fl-backbone").set_value("no-such-backbone").run()
    assert "There is no backbone" in words(app)
    assert not app.exception


def test_what_needs_a_download_says_so_before_anything_starts(home: Path) -> None:
    project = Project.create("blood")
    missing = next(card for card in cards() if not card.offline)
    with pytest.raises(FewshotLabError, match="network"):
        switch(project, find(missing.name))
    assert project.backbone_name == default_name()
    assert jobs.list_jobs(project.folder) == []
    project.close()


def test_facts_are_escaped() -> None:
    assert "<script" not in facts(find(default_name()))
