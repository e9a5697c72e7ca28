"""The templates of the pages' HTML: each can be read, and what is put into one is escaped."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from fewshot_lab.stats import Interval
from fewshot_lab.ui import fragments
from fewshot_lab.ui.fragments import fragment

TEMPLATES = sorted(path.stem for path in (Path(fragments.__file__).parent / "templates").iterdir())
UNKNOWN = Interval(float("nan"), 0.0, 1.0, 0)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_can_be_read(name: str) -> None:
    with pytest.raises(AttributeError):
        fragment(name, "no_such_part")


def test_the_label_page_opens_whatever_pages_send_people_to_look_at() -> None:
    ui = Path(fragments.__file__).parent
    label_page = (ui.parent / "web" / "static" / "main.js").read_text()
    sources = "".join(f.read_text() for f in [*ui.rglob("*.html"), *ui.rglob("*.py")])
    kinds = set(re.findall(r"open=([a-z]+)-", sources))
    assert {"image", "slide"} <= kinds
    assert {kind for kind in kinds if f"/^{kind}-" not in label_page} == set()


def test_whatever_a_name_holds_is_shown_as_text() -> None:
    html = fragment("projects", "files", ["File"], [["<script>'\"&"]])
    assert "<td>&lt;script&gt;&#39;&#34;&amp;</td>" in html


def test_a_threshold_that_refers_all_has_no_number() -> None:
    assured = SimpleNamespace(
        rule="assured", value=0.8, coverage=Interval(0.7, 0.6, 0.8, 90), error=UNKNOWN
    )
    none = SimpleNamespace(
        rule="none", value=None, coverage=Interval(0.0, 0.0, 0.1, 90), error=UNKNOWN
    )
    html = fragment(
        "probabilities", "thresholds", [("a", "#000000", assured), ("b", "#ffffff", none)]
    )
    assert "<td class='n'>80 %</td>" in html
    assert html.count("<td class='n'>–</td>") == 2
    assert "refers all" in html


def test_a_class_without_an_image_has_no_share_in_the_sets() -> None:
    held = Interval(0.9, 0.8, 0.95, 100)
    html = fragment(
        "probabilities", "sets", [("a", "#000000", held), ("b", "#ffffff", UNKNOWN)], 0.9
    )
    assert "nan" not in html
    assert html.count("no image yet") == 1
    assert "left:90.0%;width:1px" in html  # what was promised
