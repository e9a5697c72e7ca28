"""From the command line to a verb, and from an error to one sentence."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import typer

# isort: off
# Each adds its verbs to the app, in the order in which help lists them.
from fewshot_lab.cli import projects, embeddings, similar, backbones, labels  # noqa: F401
from fewshot_lab.cli import exchange, pacs, slides, people, records, accounts  # noqa: F401
from fewshot_lab.cli import classifier, predict, evaluate, splits, pretrain  # noqa: F401
from fewshot_lab.cli import reproduce, runs, serve, operations  # noqa: F401

# isort: on
from fewshot_lab.cli.options import Home, app
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.files import disk_sentence

INTERRUPTED = 130


def _version(value: bool) -> None:
    if value:
        from fewshot_lab.version import __version__

        typer.echo(__version__)
        raise typer.Exit()


@app.callback()
def _common(
    home: Home = None,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """Turn unlabelled medical images into a trustworthy classifier."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a verb and exit."""
    os.umask(os.umask(0o077) | 0o077)  # what is stored is nobody else's on this machine
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # file names in any encoding
    code = run(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run a verb and return its exit status."""
    try:
        result = app(list(arguments), standalone_mode=False, prog_name="fewshot-lab")
        return result if isinstance(result, int) else 0
    except typer.Exit as ending:
        return int(ending.exit_code)
    except typer.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        print("Stopped; what was finished until then is kept.", file=sys.stderr)
        return INTERRUPTED
    except Stopped as stopped:
        print(str(stopped) or "Stopped; what was finished until then is kept.", file=sys.stderr)
        return INTERRUPTED
    except FewshotLabError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except MemoryError:
        print("There is not enough memory for this.", file=sys.stderr)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(disk_sentence(error) or f"{where}{error.strerror or error}.", file=sys.stderr)
        return 1
    except Exception as error:
        if os.environ.get("FEWSHOT_LAB_DEBUG"):
            raise
        if "--job" in arguments:  # stderr is the job's log there
            traceback.print_exc()
        reason = (str(error).splitlines() or [""])[0]
        print(
            f"Something went wrong in the program itself: {type(error).__name__}: {reason} "
            "(FEWSHOT_LAB_DEBUG=1 shows where).",
            file=sys.stderr,
        )
        return 1


def _usage(error: typer.TyperException) -> int:
    """Say in one line what is wrong with the command line."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return int(getattr(error, "exit_code", 2))  # the help has been shown
    message = error.format_message().replace("\n", " ").rstrip(".")
    path = context.command_path if context is not None else "fewshot-lab"
    print(f"{message}. '{path} --help' shows how it is used.", file=sys.stderr)
    return int(getattr(error, "exit_code", 2))
