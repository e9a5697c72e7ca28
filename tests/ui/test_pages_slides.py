"""The page of slides: shares for whoever may see them, none for whoever labels blind."""

import shutil
from pathlib import Path

import pytest

from fewshot_lab.live import forget
from fewshot_lab.project import Project, slides_of, tiles_of

from .conftest import words

pytestmark = pytest.mark.slow


@pytest.fixture
def project(slide_template: Path, home: Path):
    shutil.copytree(slide_template, home / "slides")
    with Project.open("slides") as project:
        yield project
    forget("slides")


def test_shares_come_with_the_classifier_and_nobody_blind_sees_them(project, open_app) -> None:
    text = words(open_app("slides.py", "slides"))
    assert "long name.svs" in text and "healthy/" not in text
    assert "Shares and answers come with the classifier" in text
    for slide in slides_of(project)[:2]:
        tiles = tiles_of(project, slide)
        project.labels.add({t.image_id: "fine" if t.x < 256 else "coarse" for t in tiles}, "kim")
    text = words(open_app("slides.py", "slides"))
    assert "Predictions are corrected by 32 labelled tiles" in text
    assert "95 % interval" in text
    project.team.agree("kim", blind=1.0)
    text = words(open_app("slides.py", "slides"))
    assert "You label blind" in text and "95 %" not in text and "corrected" not in text
