"""The terminal's app, and options that many of its verbs share."""

import inspect
import os
import re
from collections.abc import Callable
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass, fields, is_dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from fewshot_lab.cells import CSV_MARK
from fewshot_lab.files import expanded

if TYPE_CHECKING:
    from fewshot_lab.project import Project


def option(help: str, *names: str, **settings: Any) -> Any:
    """Return an option of a verb: its help, its names where the parameter's does not do."""
    return typer.Option(*names, help=help, **settings)


def _use_home(home: Path | None) -> Path | None:
    """Set the folder for everything in this process, and for what it starts."""
    if home is not None:
        os.environ["FEWSHOT_LAB_HOME"] = str(expanded(home).absolute())
    return home


Home = Annotated[Path | None, option("The folder that holds the projects.", callback=_use_home)]
Json = Annotated[bool, option("One JSON object on stdout.")]
JobFolder = Annotated[Path | None, typer.Option(hidden=True)]


@dataclass(frozen=True)
class Answer:
    """How the verb in hand answers.

    Attributes
    ----------
    as_json : bool
        One JSON object on stdout instead of words, and nothing on the way.
    job : Path or None
        The run folder of a job, where the page reads how far it is and what came out.
    """

    as_json: bool = False
    job: Path | None = None


_WORDS = Answer()
_answer = ContextVar("answer", default=_WORDS)


def answer() -> Answer:
    """Return how the verb in hand answers, by ``--json`` and ``--job``."""
    return _answer.get()


class Verbs(typer.Typer):
    """Verbs that all take ``--json``, ``--job`` and ``--home``.

    These are for what verbs call, so none has them as parameters.
    """

    def command(
        self, name: str | None = None, *, json: bool = True, **settings: Any
    ) -> Callable[[Any], Any]:
        """Return what adds a verb; with ``json`` False one that has no answer of its own."""
        add = super().command(name, **settings)

        def register(verb: Any) -> Any:
            add(with_common_options(verb, json=json))
            return verb

        return register


def with_common_options(verb: Callable[..., None], *, json: bool = True) -> Callable[..., None]:
    """Return a verb that takes what all take, and the fields of its dataclasses one by one."""
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    signature = inspect.signature(verb, eval_str=True)
    for each in signature.parameters.values():
        group = each.annotation
        if isinstance(group, type) and is_dataclass(group):
            groups[each.name] = group
            parameters += inspect.signature(group, eval_str=True).parameters.values()
        else:
            parameters.append(each)

    def run(
        *, json: Json = False, job: JobFolder = None, home: Home = None, **options: Any
    ) -> None:
        for name, group in groups.items():
            options[name] = group(**{f.name: options.pop(f.name) for f in fields(group)})
        before = _answer.set(Answer(json, job))
        try:
            verb(**options)
        finally:
            _answer.reset(before)

    own = inspect.signature(run).parameters
    update_wrapper(run, verb)
    parameters += [own[name] for name in ("json", "job", "home") if json or name != "json"]
    parameters = [_without_opposite(each).replace(kind=each.KEYWORD_ONLY) for each in parameters]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__doc__ = _paragraphs(verb.__doc__ or "")
    return run


def _without_opposite(parameter: inspect.Parameter) -> inspect.Parameter:
    """Return a parameter; a switch that is off by default as ``--copy`` without ``--no-copy``."""
    if parameter.default is not False:
        return parameter
    _, declared = get_args(parameter.annotation)
    switch = copy(declared)
    if switch.default is ...:  # typer keeps the first name there
        switch.default = f"--{parameter.name.replace('_', '-')}"
    return parameter.replace(annotation=Annotated[bool, switch])


def open_project(name: str) -> "Project":
    """Open a project; what a project needs is loaded only now, and not for a mere ``--help``."""
    from fewshot_lab.project import Project

    return Project.open(name)


def options_set(options: Any) -> dict[str, Any]:
    """Return those options of a dataclass that were given a value."""
    values = {field.name: getattr(options, field.name) for field in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


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
        callback=_leave_out_mark,
    ),
]
CsvOut = Annotated[Path | None, option("The CSV to write; the screen by default.")]
ProjectName = Annotated[
    str, typer.Argument(metavar="PROJECT", show_default=False, help="The project's name.")
]
WhichLabels = Annotated[str, option("reference: reference labels; own: labels of the annotators.")]
