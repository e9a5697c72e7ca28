"""The terminal's app, and options that many of its verbs share."""

import inspect
import os
import re
from collections.abc import Callable
from functools import wraps
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


class Verbs(typer.Typer):
    """Verbs that all take ``--home``: it is for what they call, so none has it as a parameter."""

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Return what adds a verb."""
        add = super().command(name, **settings)

        def register(verb: Any) -> Any:
            add(with_home(verb))
            return verb

        return register


def with_home(verb: Callable[..., None]) -> Callable[..., None]:
    """Return a verb that takes ``--home``, too."""

    @wraps(verb)
    def run(*, home: Path | None = None, **options: Any) -> None:
        verb(**options)

    signature = inspect.signature(verb, eval_str=True)
    own = inspect.signature(run, follow_wrapped=False).parameters["home"]
    parameters = [*signature.parameters.values(), own.replace(annotation=Home)]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {**verb.__annotations__, "home": Home}
    run.__doc__ = _paragraphs(verb.__doc__ or "")
    return run


def _paragraphs(text: str) -> str:
    """Return a docstring with a line for each paragraph, which the terminal wraps by its width."""
    return re.sub(r"(?<=\S)\n(?=[^\s-])", " ", inspect.cleandoc(text)).replace("``", "`")


app = Verbs(
    name="fewshot-lab",
    help="Turn unlabelled medical images into a trustworthy classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
