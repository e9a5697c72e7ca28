"""Starting a job in a process of its own that outlives the page and the server."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import fewshot_lab
from fewshot_lab.acting import VARIABLE, actor
from fewshot_lab.errors import FewshotLabError, as_sentence
from fewshot_lab.files import write_json
from fewshot_lab.jobs.job import Job
from fewshot_lab.jobs.job_folder import LOG, NOW, PROCESS, STATUS, STOP, change_spec
from fewshot_lab.jobs.processes import ProcessId


def start(
    folder: Path, verb: str, args: Sequence[str] = (), *, command: Sequence[str] | None = None
) -> Job:
    """Start a verb on a project, in a process that outlives this one.

    Runs ``python -m fewshot_lab VERB PROJECT ARGS... --job RUNFOLDER``.

    Parameters
    ----------
    folder : Path
        The project's folder.
    verb : str
        A verb of the terminal.
    args : sequence of str
        Its further arguments.
    command : sequence of str, optional
        What to run in place of ``python -m fewshot_lab``.

    Raises
    ------
    FewshotLabError
        Where the process cannot be started.
    """
    folder = Path(folder).absolute()
    run = _make_run_folder(folder / "jobs", verb)
    program = [sys.executable, "-m", "fewshot_lab"] if command is None else list(command)
    full = [*program, verb, folder.name, *map(str, args), "--job", str(run)]
    words = tuple(map(str, args))
    try:
        about = {"verb": verb, "project": folder.name, "args": words, "command": full}
        change_spec(run, **about, created=time.time())
        launch(run, full, home=folder.parent)
    except FewshotLabError:
        shutil.rmtree(run, ignore_errors=True)
        raise
    return Job(run.name, verb, run, words)


def launch(
    run: Path, command: Sequence[str], *, home: Path, environment: Mapping[str, str] | None = None
) -> int:
    """Start the process of a run folder, detached; its words go to the log there.

    Parameters
    ----------
    run : Path
        Holds ``spec.json``; what an earlier process of it said last is forgotten.
    command : sequence of str
    home : Path
        Where the projects live.
    environment : mapping, optional
        Variables beside those of this process.

    Returns
    -------
    int
        The process's number.

    Raises
    ------
    FewshotLabError
        Where it cannot be started.
    """
    reset_folder(run)
    package = str(Path(fewshot_lab.__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    variables = {
        **os.environ,
        **(environment or {}),
        "FEWSHOT_LAB_HOME": str(home),
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        VARIABLE: actor(),
    }
    with as_sentence(f"“{run.name}” could not be started"), (run / LOG).open("ab") as log:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,  # Ctrl+C at the server does not reach it
        )
    write_json(run / PROCESS, ProcessId.of(process.pid).stored(), lasting=False)
    # Whoever started it takes note of its end, so that no zombie is left.
    threading.Thread(target=process.wait, name=f"reap {run.name}", daemon=True).start()
    return process.pid


def reset_folder(run: Path) -> None:
    """Forget what an earlier process of a run folder said last, so that another can begin."""
    for name in (STATUS, PROCESS, STOP, NOW):
        (run / name).unlink(missing_ok=True)
    change_spec(run, created=time.time())


def _make_run_folder(runs: Path, verb: str) -> Path:
    while True:
        now = datetime.now(UTC)
        run = runs / f"{now:%Y%m%d-%H%M%S}-{now.microsecond:06d}-{verb}"
        with as_sentence(f"{runs} cannot be written"), suppress(FileExistsError):
            run.mkdir(parents=True)
            return run
