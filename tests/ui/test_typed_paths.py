"""Every field of the pages that may name a file of the server keeps to ``--import-root``."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from fewshot_lab.backbones import cards, file_named
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.ui import sources
from fewshot_lab.ui.typed_paths import confine_backbone

from .conftest import words

ROOT = Path(__file__).resolve().parents[2]

# Every field of text, by the module it is in and the words beside it. "text" names nothing on the
# machine; of the others each is refused below. A new field fails until it stands here.
FIELDS = {
    ("backbone_cards", "A file with weights on the server, or a model of timm"): "weights",
    ("import_form", "Click to the folder with your images, or type its path"): "images",
    ("new_run", "A file on this machine, or a model of timm"): "start",
    ("new_run", "Architecture, as timm names it"): "start",
    ("new_run", "Name of the run"): "text",
    ("report_form", "Folder for the reports, outside of the project"): "reports",
    ("run_recipe", "shown"): "start",  # the table of the recipe: its rows backbone and start
}
TEXT = {
    "cards",  # names and titles of projects
    "header",  # who labels
    "pacs_form",  # what is searched for
    "predicted_groups",  # an expression
    "run_target",  # Slurm's names
}


def _fields() -> Iterator[tuple[str, str]]:
    for file in sorted([*ROOT.glob("fewshot_lab/ui/*.py"), *ROOT.glob("pages/*.py")]):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("text_input", "text_area", "chat_input", "data_editor")
            ):
                yield file.stem, ast.unparse(node.args[0]).strip("'") if node.args else ""


def test_every_field_of_the_pages_is_known() -> None:
    met = set(_fields())
    assert {field for field in met if field[0] not in TEXT} == set(FIELDS)


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file outside the only root, with a link to it inside."""
    (tmp_path / "open").mkdir()
    file = tmp_path / "secret.pth"
    file.write_bytes(b"weights")
    (tmp_path / "open" / "link.pth").symlink_to(file)
    monkeypatch.setenv("FEWSHOT_LAB_IMPORT_ROOTS", str(tmp_path / "open"))
    return file


def test_weights_outside_are_refused_whatever_way_they_are_written(
    outside: Path, home: Path
) -> None:
    link = outside.parent / "open" / "link.pth"
    for text in (str(outside), f"{outside}::vit_tiny_patch16_224", f"{outside}+stages", str(link)):
        with pytest.raises(FewshotLabError, match="cannot be used here"):
            confine_backbone(text)
    with pytest.raises(FewshotLabError, match="cannot be used here"):
        confine_backbone(str(outside.parent / "no" / "where"))  # nor is it said what there is
    with pytest.raises(FewshotLabError, match="cannot be used here"):
        sources.look(str(outside))
    (outside.parent / "open" / "own.pth").write_bytes(b"weights")
    confine_backbone(str(outside.parent / "open" / "own.pth"))


def test_names_of_backbones_are_no_files() -> None:
    names = [card.name for card in cards()]
    names += ["timm:resnet50.a1_in1k", "run:first", "vit_tiny_patch16_224", f"{names[0]}+stages"]
    assert [name for name in names if file_named(name) is not None] == []


def test_the_page_of_backbones_says_where_files_may_lie(
    open_app: Callable[..., AppTest], home: Path, outside: Path
) -> None:
    Project.create("cells").close()
    app = open_app("backbone.py", "cells")
    (field,) = (each for each in app.text_input if each.key == "fl-backbone")
    field.set_value(str(outside)).run()
    assert f"choose something in {outside.parent / 'open'}" in words(app)
    assert str(outside) in words(app) and not app.exception


def _start_of_a_run() -> None:
    from fewshot_lab.pretrain import PRESETS, ModalityProposal
    from fewshot_lab.ui import new_run
    from fewshot_lab.ui.on_error import sentences

    with sentences():
        new_run._recommended(10, ModalityProposal(next(iter(PRESETS)), ""))


def test_a_run_does_not_start_from_a_file_outside(home: Path, outside: Path) -> None:
    app = AppTest.from_function(_start_of_a_run, default_timeout=60)
    app.session_state["fl-run-start"] = "file"
    app.run()
    app.text_input(key="fl-run-file").set_value(str(outside)).run()
    assert "choose something in" in words(app)
