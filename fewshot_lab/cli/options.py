"""Options that many verbs share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cells import CSV_MARK


def optional(help: str, *names: str, metavar: str | None = None, **limits: Any) -> Any:
    """Return an option without a default of its own to show."""
    return typer.Option(*names, help=help, metavar=metavar, show_default=False, **limits)


def _use_home(home: Path | None) -> Path | None:
    """Set the folder for everything in this process, and for what it starts."""
    if home is not None:
        os.environ["FEWSHOT_LAB_HOME"] = str(home.expanduser().absolute())
    return home


Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="The folder that holds the projects.", callback=_use_home, show_default=False
    ),
]


def _leave_out_mark(no: bool) -> bool:
    if no:
        os.environ[CSV_MARK] = "0"
    return no


NoMark = Annotated[
    bool,
    typer.Option(
        "--no-bom",
        help="Leave out the mark that tells spreadsheets that a CSV file is UTF-8.",
        callback=_leave_out_mark,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
JobFolder = Annotated[Path | None, typer.Option("--job", hidden=True)]
ProjectName = Annotated[
    str, typer.Argument(metavar="PROJECT", help="The project's name.", show_default=False)
]
WhichLabels = Annotated[
    str, typer.Option(help="reference: reference labels; own: what people said here.")
]
