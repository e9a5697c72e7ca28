"""``predict.py``: the app's own decoding and preprocessing, as one file that needs no app."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeGuard

from fewshot_lab.export.predict_classifier import REQUIRES

PACKAGE = "fewshot_lab"
# Before anything that an older one would fail at.
_REFUSE_OLDER_PYTHON = f"""\
import sys

if sys.version_info < {tuple(map(int, REQUIRES["python"].split(".")))}:
    sys.exit("This classifier needs Python {REQUIRES["python"]} or later.")
"""


def predict_py() -> str:
    """Return the text of predict.py.

    It is ``predict_template.py`` with every module of the project that it imports put in its
    place, so that not a line of decoding or preprocessing is written twice.
    """
    imports: list[str] = []
    bodies: list[str] = []
    _inline("fewshot_lab.export.predict_template", imports, bodies, seen=set())
    *inlined, template = bodies
    docstring, _, rest = template.partition("\0")
    plain = sorted({line for line in imports if line.startswith("import ")})
    named = _merged(line for line in imports if not line.startswith("import "))
    parts = [
        docstring,
        "from __future__ import annotations",
        _REFUSE_OLDER_PYTHON,
        "\n".join([*plain, *named]),
    ]
    return "\n\n".join([*parts, *inlined, rest.strip()]) + "\n"


def _inline(module: str, imports: list[str], bodies: list[str], seen: set[str]) -> None:
    """Append a module's text to ``bodies``, after those it imports from the project."""
    if module in seen:
        return
    seen.add(module)
    root = Path(__file__).resolve().parent.parent
    source = root.joinpath(*module.split(".")[1:]).with_suffix(".py").read_text("utf-8")
    tree = ast.parse(source)
    lines = source.splitlines()
    docstring = ast.get_docstring(tree, clean=False)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    late = [node for each in functions for node in ast.walk(each) if _is_of_the_project(node)]
    for node in [*tree.body, *late]:
        is_docstring = docstring is not None and node is tree.body[0]
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not (is_docstring or for_types or isinstance(node, (ast.Import, ast.ImportFrom))):
            continue
        assert node.end_lineno is not None
        for number in range(node.lineno - 1, node.end_lineno):
            lines[number] = "\0gone"
        if _is_of_the_project(node):
            _inline(str(node.module), imports, bodies, seen)
        elif isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(ast.unparse(node))
    body = "\n".join(line for line in lines if line != "\0gone").strip()
    if module.endswith("predict_template"):
        bodies.append(f'"""{docstring}"""\0{body}')
    else:
        heading = f"# {'-' * 20} {module.removeprefix(PACKAGE + '.')} {'-' * 20}"
        comment = "".join(
            f"# {line}".rstrip() + "\n" for line in (docstring or "").strip().split("\n")
        )
        bodies.append(f"{heading}\n{comment}\n{body}")


def _is_of_the_project(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)


def _merged(lines: object) -> list[str]:
    """Merge ``from a import b`` lines of the same module."""
    names: dict[str, set[str]] = {}
    for line in lines:  # type: ignore[attr-defined]
        module, _, imported = line.removeprefix("from ").partition(" import ")
        names.setdefault(module, set()).update(name.strip() for name in imported.split(","))
    return [f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names)]
