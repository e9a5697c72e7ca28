"""Starting a run on this machine: one process, or several by torchrun."""

import os
import sys
from dataclasses import dataclass

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.home import home
from fewshot_lab.jobs import launch
from fewshot_lab.processors import processors
from fewshot_lab.runs.run import Run
from fewshot_lab.runs.slurm import (
    SlurmOptions,
    slurm_options_of,
    submit_to_slurm,
    write_slurm_settings,
)


@dataclass(frozen=True)
class ComputeTarget:
    """The machine, GPUs or cluster that trains a run.

    Attributes
    ----------
    device : str
        "cpu", "cuda", or "cuda:1".
    gpus : tuple of int
        Several GPUs of this machine, a process for each.
    slurm : SlurmOptions or None
        Ask a cluster instead.
    by_hand : bool
        Only write ``job.sbatch``.
    """

    device: str = "cpu"
    gpus: tuple[int, ...] = ()
    slurm: SlurmOptions | None = None
    by_hand: bool = False

    @property
    def processes(self) -> int:
        """In all."""
        return self.slurm.processes if self.slurm else max(1, len(self.gpus))


def start_run(run: Run, target: ComputeTarget) -> str:
    """Start a new run where it is to be trained.

    What a cluster was asked for is kept for the next time.

    Returns
    -------
    str
        A sentence of Slurm's answer, else empty.

    Raises
    ------
    FewshotLabError
        If Slurm is not here, or refuses the job.
    """
    if target.slurm is None:
        launch_run(run)
        return ""
    write_slurm_settings(target.slurm)
    return submit_new_run(run, target.slurm, by_hand=target.by_hand)


def submit_new_run(run: Run, options: SlurmOptions, *, by_hand: bool = False) -> str:
    """Hand a new run to Slurm; one that it refuses leaves nothing behind, not even its name.

    See :func:`fewshot_lab.runs.submit_to_slurm`.
    """
    try:
        return submit_to_slurm(run, options, by_hand=by_hand)
    except FewshotLabError:
        run.delete()
        raise


def launch_run(run: Run, *, device: str | None = None, nproc: int | None = None) -> None:
    """Start or resume a run in processes that outlive this one.

    Raises
    ------
    FewshotLabError
        If it is running, or has come to its end.
    """
    run.make_ready(device=device, nproc=nproc)
    nproc = int(run.spec.get("nproc", 1))
    command = torchrun_command(run, nproc) if nproc > 1 else _rank_command(run)
    launch(run.folder, command, home=home(), environment=process_environment(run))


def relaunch_run(run: Run) -> None:
    """Start or resume a run as it was started before: here, or by Slurm.

    Raises
    ------
    FewshotLabError
        If it is running, has come to its end, or Slurm refuses it.
    """
    options = slurm_options_of(run)
    if options is not None and run.spec.get("launcher") == "slurm":
        submit_to_slurm(run, options)
    else:
        launch_run(run)


def process_environment(run: Run) -> dict[str, str]:
    """Return the variables that show a run's processes their GPUs and their share of the cores."""
    spec = run.spec
    gpus, nproc = spec.get("gpus") or [], int(spec.get("nproc", 1))
    variables = {"CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in gpus)} if gpus else {}
    if nproc > 1 and "OMP_NUM_THREADS" not in os.environ:  # else torchrun gives each one thread
        variables["OMP_NUM_THREADS"] = str(max(1, processors() // nproc))
    return variables


def torchrun_command(run: Run, nproc: int) -> list[str]:
    """Return the command line for several processes on this machine."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*torchrun, f"--nproc-per-node={nproc}", "--no-python", *_rank_command(run)]


def _rank_command(run: Run) -> list[str]:
    return [sys.executable, "-m", "fewshot_lab", "pretrain-rank", str(run.folder)]
