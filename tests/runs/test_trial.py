"""A run's backbone beside the one in use, before anybody switches."""

import pytest

from fewshot_lab.project import Project
from fewshot_lab.runs import read_trial, run_rank, try_backbone

from .conftest import NewRun

pytestmark = pytest.mark.slow


def test_both_are_seen_on_the_same_labels_and_nothing_is_switched(
    project: Project, new_run: NewRun
) -> None:
    run_rank(new_run("first", steps=2).folder)
    before = project.backbone_name
    assert read_trial(project, "run:first") is None
    # Nothing is embedded yet, not even by the backbone in use.
    made = try_backbone(project, "run:first")
    found = read_trial(project, "run:first")
    assert found is not None
    assert found["made"] == made["made"]
    assert project.backbone_name == before
    for name in (before, "run:first"):
        view = project.through(name)
        assert view.map is not None
        assert len(view.map.ids) == 48
        view.close()
    curve = found["curve"]
    assert curve["labels"] == "reference"
    assert {row["backbone"] for row in curve["results"]} == {before, "run:first"}
    shots = {(row["backbone"], row["shots"]) for row in curve["results"]}
    assert shots == {(name, n) for name in (before, "run:first") for n in (1, 2)}
