"""What README and docs show works as it stands there."""

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot_lab.cli.main import run as verb
from fewshot_lab.images.demo import draw_demo

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "engineers.md").read_text(encoding="utf-8")
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]


def blocks(text: str, language: str) -> list[str]:
    """Return a document's code blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with what the examples speak of: cells/ and labels.csv."""
    folder = tmp_path_factory.mktemp("readme")
    draw_demo(folder / "drawn", n=48, seed=5)
    (folder / "cells").mkdir()
    pictures = sorted((folder / "drawn").glob("*/*.png"))
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "label"])
        for number, picture in enumerate(pictures):
            name = {0: "a.png", 1: "b.png"}.get(number, picture.name)
            picture.rename(folder / "cells" / name)
            if number % 6 < 4:
                rows.writerow([name, picture.parent.name])
    return folder


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "FEWSHOT_LAB_HOME": str(folder / "projects"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_terminal_example_works(folder, environment, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FEWSHOT_LAB_HOME", environment["FEWSHOT_LAB_HOME"])
    lines = [line for block in blocks(GUIDE, "sh") for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        python, module, name, *arguments = shlex.split(line, comments=True)
        assert (python, module, name) == ("python", "-m", "fewshot_lab")
        assert verb(arguments) == 0, line
    with (folder / "predictions.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 48
    assert {row["path"] for row in rows} == {p.name for p in (folder / "cells").iterdir()}


def test_the_notebook_examples_work(folder, environment):
    source = "\n".join(blocks(GUIDE, "python"))
    assert blocks(README, "python")[0] in source  # the README shows a part of it
    said = run([sys.executable, "-c", source], folder, environment)
    assert "cells/a.png" in said
    assert (folder / "marrow-classifier" / "model.onnx").stat().st_size > 1_000_000


def test_the_bundles_own_script_works_as_shown(folder, environment):
    command = re.search(r"`python (marrow-classifier/predict\.py [^`]+)`", GUIDE)
    assert command
    out = folder / "predictions.csv"
    out.unlink(missing_ok=True)
    run([sys.executable, *shlex.split(command[1])], folder, environment)
    assert len(out.read_text().splitlines()) == 49


def test_the_first_two_commands_are_start_and_check():
    plain = blocks(README, "")
    assert plain[0] == "python start.py\n"
    assert plain[1] == "python check.py\n"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_inside_the_project_leads_somewhere(document):
    file = ROOT / document
    text = file.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    missing = [target for target in targets if not (file.parent / target).exists()]
    assert not missing
