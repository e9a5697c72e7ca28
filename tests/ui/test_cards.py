"""Names that people type become folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import NAME
from fewshot_lab.ui.cards import card_title, folder_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("blood", "blood"),
        ("Köln, run #2", "Koln run 2"),
        ("../../etc/passwd", "etc passwd"),
        ("  Blood   smears 2026 ", "Blood smears 2026"),
    ],
)
def test_a_title_becomes_a_folder_name(title: str, name: str) -> None:
    assert folder_name(title) == name


@given(st.text(max_size=80))
def test_every_name_is_one_that_a_project_may_have(title: str) -> None:
    try:
        name = folder_name(title)
    except FewshotLabError:
        return
    assert NAME.fullmatch(name)
    assert not name.endswith((" ", "."))


def test_markdown_in_a_title_is_shown_as_typed() -> None:
    assert card_title("a*b*") == r"a\*b\*"
    assert len(card_title("x" * 200)) == 44
