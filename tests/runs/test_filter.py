"""A run on some of the images: chosen by one column, on the page and at the terminal alike."""

import json

import pytest

from fewshot_lab.cli.main import run as verb
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project import Project
from fewshot_lab.runs import filter_columns, find_run, parse_filter, run_images

from .test_cli_pretrain import TINY


def test_what_is_written_means_what_is_chosen_on_the_page(project: Project) -> None:
    values = filter_columns([project])["reference label"]
    some = values[:2]
    where = parse_filter([project], [f"reference label={value}" for value in some])
    assert where == ("reference label", set(some))
    found, _ = run_images([project], where=where)
    wanted = {row.id for row in project.store.images() if row.reference in some}
    assert {image.id for image in found} == wanted
    assert 0 < len(wanted) < 48
    assert parse_filter([project], []) is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["reference label"], "written COLUMN=VALUE, and 'reference label' has no '='"),
        (["referenc label=x"], "no column 'referenc label'; did you mean reference label?"),
        (["reference label=lymphocite"], "did you mean lymphocyte"),
        (["stain=HE"], "no column 'stain': there is reference label."),
        (["reference label=99"], "No image has the reference label '99': there are basophil,"),
    ],
)
def test_what_no_image_has_is_named(project: Project, asked: list[str], words: str) -> None:
    with pytest.raises(FewshotLabError) as found:
        parse_filter([project], asked)
    assert words in str(found.value)


@pytest.mark.usefixtures("project")
def test_a_run_at_the_terminal_learns_from_the_chosen_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = ("monocyte", "platelet")
    chosen = [part for kind in kinds for part in ("--only-where", f"reference label={kind}")]
    line = ["pretrain", "cells", *TINY, "--steps", "2", "--name", "some"]
    assert verb([*line, *chosen]) == 0
    lines = (find_run("some").folder / "images.jsonl").read_text().splitlines()
    assert {json.loads(line)["file"].split("/")[-2] for line in lines} == set(kinds)
    capsys.readouterr()
    assert verb(["runs", "some"]) == 0
    of = f"Learns from {len(lines)} images of cells (reference label: monocyte, platelet)."
    assert of in capsys.readouterr().out
    # Resumed, a run has the images it has.
    assert verb([*line, *chosen, "--resume"]) == 1
    assert "finished its 2 steps" in capsys.readouterr().err
    assert verb([*line, *chosen[:2], "--resume"]) == 1
    assert "continues with its own images" in capsys.readouterr().err
