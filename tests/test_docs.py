"""What the docs write is taken by the terminal, and what they name is there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from fewshot_lab.cli.main import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page.name: page.read_text("utf-8").replace("\\\n", " ") for page in PAGES}
VERB = re.compile(r"python -m fewshot_lab ([a-z][^`|<\n]*)")
SCRIPT = re.compile(r"python (benchmarks/\w+\.py)([^`|;\n]*)")
FILE = re.compile(r"(?:benchmarks|tests|docs|deploy)/[\w/-]+\.(?:py|json|js|toml|yaml)")


def commands() -> list[tuple[str, str]]:
    found = []
    for page, text in TEXTS.items():
        for line in VERB.findall(text):
            line = re.sub(r"\s+#.*", "", line).strip()
            # A script in quotes ends with the verb's line.
            found.append((page, line.removesuffix('"') if line.count('"') % 2 else line))
    return found


def test_the_terminal_takes_every_command_of_the_docs() -> None:
    assert len(commands()) > 100
    terminal = get_command(app)
    for page, line in commands():
        command, words = terminal, shlex.split(line)
        context = command.make_context("fewshot-lab", [words[0]], resilient_parsing=True)
        while hasattr(command, "get_command") and words:
            verb = words.pop(0)
            inner = command.get_command(context, verb)
            if inner is None and command.invoke_without_command:  # projects, and projects relink
                words.insert(0, verb)
                break
            assert inner is not None, f"{page}: there is no verb {verb!r} ({line})"
            command = inner
            mere_name = not words or hasattr(command, "get_command")
            try:
                context = command.make_context(
                    verb, list(words), parent=context, resilient_parsing=mere_name
                )
            except Exception as error:
                pytest.fail(f"{page}: {line}: {error}")


def test_every_file_and_option_of_a_benchmark_that_the_docs_name_is_there() -> None:
    named = [(page, file) for page, text in TEXTS.items() for file in FILE.findall(text)]
    assert len(named) > 50
    for page, file in named:
        assert (ROOT / file).exists(), f"{page} names {file}"
    for page, text in TEXTS.items():
        for script, options in SCRIPT.findall(text):
            code = (ROOT / script).read_text("utf-8")
            for option in re.findall(r"(?<!\S)--[\w-]+", options):
                assert f'"{option}"' in code, f"{page}: {script} has no {option}"
