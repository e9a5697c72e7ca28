"""Options that many verbs share."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cells import CSV_MARK


def option(help: str, *names: str, **settings: Any) -> Any:
    """Return an option of a verb: its help, its names where the parameter's does not do."""
    return typer.Option(*names, help=help, **settings)


def _use_home(home: Path | None) -> Path | None:
    """Set the folder for everything in this process, and for what it starts."""
    if home is not None:
        os.environ["FEWSHOT_LAB_HOME"] = str(home.expanduser().absolute())
    return home


Home = Annotated[
    Path | None, option("The folder that holds the projects.", "--home", callback=_use_home)
]


def _leave_out_mark(no: bool) -> bool:
    if no:
        os.environ[CSV_MARK] = "0"
    return no


NoMark = Annotated[
    bool,
    option(
        "Leave out the mark that tells spreadsheets that a CSV file is UTF-8.",
        "--no-bom",
        callback=_leave_out_mark,
    ),
]
Json = Annotated[bool, option("One JSON object on stdout.", "--json")]
JobFolder = Annotated[Path | None, typer.Option("--job", hidden=True)]
ProjectName = Annotated[
    str, typer.Argument(metavar="PROJECT", show_default=False, help="The project's name.")
]
WhichLabels = Annotated[str, option("reference: reference labels; own: what people said here.")]
