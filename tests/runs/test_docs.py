"""What docs/pretraining.md writes is taken by the terminal as it stands there."""

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from fewshot_lab.cli.main import app
from fewshot_lab.pretrain import PRESETS, Recipe

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "pretraining.md").read_text("utf-8")


def commands() -> list[str]:
    lines = re.findall(r"python -m fewshot_lab ([^`\"\n]*)", TEXT)
    verbs = "pretrain|runs|stop|clone-run|delete-run|merge-adapter"
    return lines + re.findall(rf"`((?:{verbs}) [^`]*)`", TEXT)


@pytest.mark.parametrize("line", [c for c in commands() if "NAME" not in c and "FOLDER" not in c])
def test_the_terminal_takes_it(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    verb, *arguments = shlex.split(line)
    group = typer.main.get_command(app)
    with group.make_context("fewshot_lab", [verb], resilient_parsing=True) as context:
        command = group.get_command(context, verb)  # type: ignore[attr-defined]
        assert command is not None, verb
        command.make_context(verb, arguments, parent=context)


def test_it_speaks_of_what_there_is() -> None:
    assert len(commands()) >= 15
    for name in re.findall(r"--set (\w+)=", TEXT):
        assert name in {known.name for known in fields(Recipe)} | {"NAME"}
    assert all(f"*{name}*" in TEXT for name in PRESETS)
