"""The house rules of docs/architecture.md, read from the code itself."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fewshot_lab"

# From the ground up. A room imports only from rooms below it.
ROOMS = [
    ["errors", "cells", "words", "acting"],
    [
        *("progress", "home", "files", "whole_files", "tables", "signals", "version"),
        *("processors", "allocator"),
    ],
    ["images"],
    ["store"],
    ["backbones"],
    ["embeddings"],
    ["classifiers"],
    ["stats"],
    ["sampling"],
    ["evaluation"],
    ["project"],
    ["pretrain"],
    ["jobs"],
    ["live"],
    ["export"],
    ["exchange"],
    ["pacs"],
    ["runs"],
    ["accounts"],
    ["operations"],
    ["web"],
    ["ui", "cli"],
]
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
# The entrances: they only point at what is above every floor.
ENTRANCES = {"__init__", "__main__"}


def modules() -> Iterator[tuple[Path, str]]:
    """Yield every module of the package with the room it is in."""
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file, file.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imports(file: Path) -> list[tuple[int, str]]:
    """Return line and full dotted name of everything that a module imports, anywhere in it.

    What is imported for type hints alone counts as well: who names a type knows it.
    """
    package = file.relative_to(ROOT).parent.parts
    lines = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            lines += [(node.lineno, name.name) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package[: len(package) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            lines += [(node.lineno, f"{base}.{name.name}") for name in node.names]
    return lines


def test_every_module_is_in_a_room_that_the_plan_knows():
    assert {room for _, room in modules()} - set(FLOOR) - ENTRANCES == set()


def test_a_room_imports_only_from_rooms_below_it():
    wrong = []
    for file, room in modules():
        if room in ENTRANCES:
            continue
        for line, name in imports(file):
            package, _, rest = name.partition(".")
            if package != "fewshot_lab" or not rest:  # the package alone is only a place
                continue
            other = rest.partition(".")[0]
            below = other == room or FLOOR.get(other, len(ROOMS)) < FLOOR[room]
            if not below:
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(["", *wrong])


def test_no_files_import_each_other_in_a_circle():
    """Within a room, too, and through whatever is imported late or for type hints."""
    files = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file, room in modules()
        if room not in ENTRANCES
    }
    below = {
        name: {found for _, said in imports(file) if (found := _module(said, files)) != name}
        for name, file in files.items()
    }
    left = set(files)
    # What imports nothing that is left, or is imported by nothing that is left, is in no circle.
    while free := {n for n in left if not below[n] & left} | (
        left - set().union(*(below[n] for n in left))
    ):
        left -= free
    assert not left


def _module(name: str, files: dict[str, Path]) -> str | None:
    """Return the module that something imported is, or lies in."""
    while name and name not in files:
        name = name.rpartition(".")[0]
    return name or None


def test_only_the_screen_knows_streamlit():
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for file, room in modules()
        if room != "ui"
        for line, name in imports(file)
        if name.partition(".")[0] == "streamlit"
    ]
    assert not wrong, "\n".join(["", *wrong])


def test_a_room_is_entered_by_its_door():
    """Another room's names come from its ``__init__``, never from a module inside it."""
    wrong = []
    for file, room in modules():
        if file.name.startswith("predict_"):
            continue  # the bundle's predict.py carries those modules as text, imports nothing
        for line, name in imports(file):
            parts = name.split(".")
            if parts[0] != "fewshot_lab" or len(parts) < 4 or parts[1] == room:
                continue
            inside = PACKAGE.joinpath(*parts[1:3])
            if not inside.is_dir() and inside.with_suffix(".py").exists():
                wrong.append(f"{file.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(["", *wrong])


def test_a_door_offers_only_what_somebody_asks_for():
    """Another file imports the name, or says it behind its room's: ``jobs.start``."""
    others = [*PACKAGE.rglob("*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"]
    others += [*ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("docs/*.md")]
    asked = {file: file.read_text(encoding="utf-8") for file in others}
    code = [file for file in others if file.suffix == ".py"]
    imported = {(name, file) for file in code for _, name in imports(file)}
    unasked = []
    for door in PACKAGE.glob("*/__init__.py*"):
        room = door.parent.name
        if room == "web":  # it makes its table of routes of them
            continue
        for node in ast.parse(door.read_text(encoding="utf-8")).body:
            for name in node.names if isinstance(node, ast.ImportFrom) else []:
                offered = name.asname or name.name
                full, behind = f"fewshot_lab.{room}.{offered}", f"{room}.{offered}"
                if not any(
                    file != door and ((full, file) in imported or behind in text)
                    for file, text in asked.items()
                ):
                    unasked.append(behind)
    assert not unasked


def test_pages_start_work_in_one_place() -> None:
    """There it is asked who may."""
    starts = {
        str(file.relative_to(PACKAGE))
        for file in (PACKAGE / "ui").rglob("*.py")
        if "jobs.start(" in file.read_text(encoding="utf-8")
    }
    assert starts == {"ui/work.py"}


HEAVY = ["numpy", "scipy", "sklearn", "torch", "timm", "umap", "faiss", "onnxruntime", "streamlit"]


@pytest.mark.parametrize("heavy", HEAVY)
def test_importing_the_package_stays_light(heavy, imported_by_the_package):
    assert heavy not in imported_by_the_package


@pytest.fixture(scope="module")
def imported_by_the_package() -> set[str]:
    """What a fresh interpreter has loaded after the terminal and ``Project`` were imported."""
    import subprocess
    import sys

    code = "import sys, fewshot_lab.cli; from fewshot_lab import Project; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_the_plan_on_paper_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = {
        room for _, room in modules() if not re.search(rf"`{room}(/|\.py)?`", text)
    } - ENTRANCES
    assert not missing


@pytest.mark.parametrize("room", ["project", "export", "pretrain"])
def test_what_a_room_offers_late_is_there(room: str) -> None:
    stub = PACKAGE / room / "__init__.pyi"
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        assert isinstance(node, ast.ImportFrom) and node.module
        text = (stub.parent / f"{node.module}.py").read_text(encoding="utf-8")
        assert all(re.search(rf"\b{name.name}\b", text) for name in node.names), node.module
