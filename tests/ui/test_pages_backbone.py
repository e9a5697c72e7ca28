"""The backbone page: what is in use, and switching without a network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from fewshot_lab import FewshotLabError, jobs
from fewshot_lab.backbones import EMBEDDED, cards, default_name, find
from fewshot_lab.project import Project, candidates, remember
from fewshot_lab.ui.backbone_cards import facts, groups, headline, switch
from fewshot_lab.ui.backbone_verdict import cost
from fewshot_lab.words import duration

from .conftest import words

pytestmark = pytest.mark.slow


def test_the_backbone_in_use_is_shown_in_full(open_app: Callable[..., AppTest], home: Path) -> None:
    Project.create("blood").close()
    app = open_app("backbone.py", "blood")
    said = words(app)
    card = find(default_name()).card
    for fact in (card.licence, card.training, card.fingerprint, f"{card.dimensions:,}"):
        assert fact in said
    assert "Technical facts" in said
    assert len(app.expander) == len(cards()) - 1


def test_cards_stand_under_where_they_are_and_say_what_to_mind(
    open_app: Callable[..., AppTest], home: Path
) -> None:
    titles = [title for title, _ in groups(cards())]
    assert titles[0] == "Comes with the app" and "To download, for histology" in titles
    known = {card.name: headline(card) for card in cards()}
    dino = known["efficientnet-lite0-dino"]
    assert "Single blood cells" in dino and "a benchmark set was in its training data" in dino
    assert "open licence" in known["midnight-12k"]
    assert "access must be requested" in known["uni2-h"]
    assert "must not be passed on" in known["uni2-h"]
    assert "to download" in known["uni2-h"] and "to download" not in dino


def test_use_it_reads_inner_stages_too(open_app: Callable[..., AppTest], home: Path) -> None:
    Project.create("blood").close()
    app = open_app("backbone.py", "blood")
    name = "efficientnet-lite0-imagenet"
    app.session_state[f"fl-backbone-{name}"] = True
    app.run()
    app.button(key=f"fl-use-{name}").click().run()
    project = Project.open("blood")
    assert project.backbone_name == f"{name}+stages"
    project.store.set("backbone", name)
    app = open_app("backbone.py", "blood")
    assert "Only its last layer is read" in words(app)
    app.button(key="fl-stages").click().run()
    assert project.backbone_name == f"{name}+stages"
    project.store.set("backbone", default_name())
    app = open_app("backbone.py", "blood")
    assert "Only its last layer is read" not in words(app)
    project.close()


def test_the_comparison_is_drawn_and_can_be_started(
    open_app: Callable[..., AppTest], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.create("blood")
    app = open_app("backbone.py", "blood")
    assert "switches nothing" in words(app)
    assert app.button(key="fl-compare-labels").disabled  # no image yet
    Image.new("RGB", (8, 8)).save(home / "one.png")
    project.import_images([home / "one.png"])
    remember(project, "better_backbone", found(project))
    app = open_app("backbone.py", "blood")
    assert "+4.0 points (1.0 to 7.0)" in words(app) and "takes about 9 min" in words(app)
    began = []
    monkeypatch.setattr(jobs, "start", lambda *args: began.append(args))
    app.button(key="fl-compare-labels").click().run()
    assert began == [(project.folder, "compare-backbones", [])]
    project.close()


def found(project: Project) -> dict[str, Any]:
    """Return a comparison in which the second backbone is better."""
    name = EMBEDDED[1]
    own = {
        "title": "Now",
        "backbone": project.backbone_name,
        "balanced_accuracy": [0.9] * 3,
    }
    better = {
        "title": "New", "backbone": name, "balanced_accuracy": [0.94] * 3, "gain": 0.04,
        "low": 0.01, "high": 0.07, "missing": 10, "seconds_per_image": 0.1,
    }  # fmt: skip
    return {
        "in_use": project.backbone_name, "fingerprint": project.backbone.fingerprint,
        "labels": 60, "compared": 60, "classes": 2, "rows": [own, better], "better": name,
        "left_out": [{"title": "Slow", "backbone": "slow", "reason": "It takes about 9 min."}],
        "sentence": "New tells your classes apart better than Now: +4.0 points (1.0 to 7.0).",
    }  # fmt: skip


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


def test_a_comparison_says_what_it_costs_as_this_machine_measured_it(home: Path) -> None:
    project = Project.create("blood")
    assert cost(project) == "Each of them embeds 0 images."
    run = project.folder / "jobs" / "20260101-000000-prepare"
    run.mkdir(parents=True)
    (run / "spec.json").write_text(json.dumps({"verb": "prepare", "project": "blood", "args": []}))
    (run / "report.json").write_text(json.dumps({"embed": {"images_per_second": 0.01}}))
    rng = np.random.default_rng(0)
    for number in range(3):
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(home / f"{number}.png")
    project.import_images([home / f"{number}.png" for number in range(3)])
    seconds = 3 * len(candidates(project)) / 0.01
    assert f"about {duration(seconds)}, at the speed of the last embedding" in cost(project)
    comparison = {"fingerprint": project.backbone.fingerprint, "seconds": 77.0, "compared": 40}
    remember(project, "better_backbone", comparison)
    assert cost(project) == f"The last comparison took {duration(77.0)}, with 40 labels."
    project.close()
