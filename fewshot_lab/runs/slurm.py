"""Starting a run by Slurm: a readable ``job.sbatch`` that a person can edit and submit by hand."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import fewshot_lab
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json, write_json
from fewshot_lab.home import RUNS, home
from fewshot_lab.jobs import change_spec
from fewshot_lab.runs.run import Run
from fewshot_lab.runs.squeue import forget_job_id, keep_job_id, nodes_of

SCRIPT = "job.sbatch"
SETTINGS = "slurm.json"
"""In the folder of all runs: what this cluster wants, for the page and the terminal."""


@dataclass(frozen=True)
class SlurmOptions:
    """What to ask the cluster for.

    Attributes
    ----------
    nodes : int
    gpus : int
        For each node; 0 trains on CPUs.
    nproc : int
        Processes on each node; as many as GPUs where there are any.
    partition, time, account : str
        As sbatch takes them; empty for the cluster's own.
    cpus : int
        For each node; 0 for this run's share of one.
    extra : tuple of str
        Further lines for the script: ``#SBATCH ...`` or commands (``module load ...``). Also
        taken from the environment variable FEWSHOT_LAB_SBATCH, separated by ``;``.
    """

    nodes: int = 1
    gpus: int = 0
    nproc: int = 1
    partition: str = ""
    time: str = ""
    account: str = ""
    cpus: int = 0
    extra: tuple[str, ...] = ()

    @property
    def processes(self) -> int:
        """On all nodes."""
        return self.nodes * (self.gpus or self.nproc)


def read_slurm_settings() -> SlurmOptions:
    """Return what was kept for this cluster; what is missing or makes no sense is the default."""
    stored = read_json(home() / RUNS / SETTINGS) or {}
    usual = SlurmOptions()
    options: dict[str, Any] = {}
    for known in fields(SlurmOptions):
        value = stored.get(known.name, getattr(usual, known.name))
        if known.name == "extra":
            value = tuple(str(line) for line in value) if isinstance(value, list | tuple) else ()
        elif type(value) is not type(getattr(usual, known.name)):
            value = getattr(usual, known.name)
        options[known.name] = value
    return SlurmOptions(**options)


def write_slurm_settings(options: SlurmOptions) -> None:
    """Keep what this cluster wants for the next time."""
    (home() / RUNS).mkdir(parents=True, exist_ok=True)
    write_json(home() / RUNS / SETTINGS, asdict(options))


def slurm_options_of(run: Run) -> SlurmOptions | None:
    """Return what the cluster was asked for a run the last time; None if it never was."""
    stored = run.spec.get("slurm")
    if not stored:
        return None
    return SlurmOptions(**{**stored, "extra": tuple(stored.get("extra", ()))})


def submit_to_slurm(run: Run, options: SlurmOptions, *, by_hand: bool = False) -> str:
    """Write a run's ``job.sbatch`` and hand it to Slurm.

    Parameters
    ----------
    by_hand
        Only write the script.

    Returns
    -------
    str
        A sentence: the job's number, or how to submit the script.

    Raises
    ------
    FewshotLabError
        If Slurm is not here, or refuses the job.
    """
    if not by_hand and shutil.which("sbatch") is None:
        raise FewshotLabError(
            "There is no Slurm here (no sbatch): start from a login node of the cluster, or "
            "leave out --slurm."
        )
    run.make_ready(device="cuda" if options.gpus else "cpu", nproc=options.processes)
    change_spec(run.folder, launcher="slurm", nodes=options.nodes, slurm=asdict(options))
    script = run.folder / SCRIPT
    script.write_text(render(run, options), encoding="utf-8")
    # An earlier job says nothing of this one.
    forget_job_id(run.folder)
    if by_hand:
        return f"Submit it with: sbatch {shlex.quote(str(script))}"
    return _sbatch(run.folder, script)


def _sbatch(folder: Path, script: Path) -> str:
    asked = subprocess.run(
        ["sbatch", "--parsable", str(script)], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise FewshotLabError(f"Slurm did not take the job: {reason}")
    number = asked.stdout.strip().split(";")[0]
    keep_job_id(folder, number)
    return f"Slurm has it as job {number}."


def cpus_of_process(options: SlurmOptions, workers: int) -> int:
    """Return how many processors to ask for each process; 0 leaves it to the cluster.

    What is said, else a process's share of the smallest node that `sinfo` names: a GPU's share,
    but no more than it has work for; on CPUs all of it.

    Parameters
    ----------
    options
    workers
        Of the recipe: the processes that make views for one GPU.
    """
    on_node = options.gpus or options.nproc
    if options.cpus:
        return max(1, options.cpus // on_node)
    nodes = nodes_of(options.partition)
    if options.gpus:
        shares = [cpus // gpus for cpus, gpus in nodes if gpus]
        return max(1, min([*shares, workers + 2]))
    return max(1, min(cpus for cpus, _ in nodes) // on_node) if nodes else 0


def render(run: Run, options: SlurmOptions) -> str:
    """Return the text of ``job.sbatch``."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["quoted"] = lambda path: shlex.quote(str(path))
    extra = [*options.extra, *os.environ.get("FEWSHOT_LAB_SBATCH", "").split(";")]
    return environment.get_template(f"{SCRIPT}.jinja").render(
        name=run.name,
        folder=run.folder,
        options=options,
        resources={
            "cpus-per-task": cpus_of_process(options, run.recipe.workers),
            "gpus-per-node": options.gpus,
            "partition": options.partition,
            "time": options.time,
            "account": options.account,
        },
        extra=[line.strip() for line in extra],
        home=home(),
        package=Path(fewshot_lab.__file__).resolve().parent.parent,
        python=sys.executable,
    )
