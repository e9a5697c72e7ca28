"""Starting a run on this machine: one process, or several by torchrun."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.home import home
from fewshot_lab.jobs import launch
from fewshot_lab.runs.readiness import ready
from fewshot_lab.runs.run import Run
from fewshot_lab.runs.slurm import SlurmOptions, keep_slurm_settings, submit, submitted_with


@dataclass(frozen=True)
class Place:
    """Where a run is trained.

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


def start_at(run: Run, place: Place) -> str:
    """Start a new run at a place; what a cluster was asked for is kept for the next time.

    Returns
    -------
    str
        A sentence of Slurm's answer, else empty.

    Raises
    ------
    FewshotLabError
        If Slurm is not here, or refuses the job.
    """
    if place.slurm is None:
        launch_run(run)
        return ""
    keep_slurm_settings(place.slurm)
    return submit_new(run, place.slurm, by_hand=place.by_hand)


def submit_new(run: Run, options: SlurmOptions, *, by_hand: bool = False) -> str:
    """Hand a new run to Slurm; one that it refuses leaves nothing behind, not even its name.

    See :func:`fewshot_lab.runs.submit`.
    """
    try:
        return submit(run, options, by_hand=by_hand)
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
    ready(run, device=device, nproc=nproc)
    launch(run.folder, command(run), home=home(), environment=environment(run))


def launch_again(run: Run) -> None:
    """Start or resume a run as it was started before: here, or by Slurm.

    Raises
    ------
    FewshotLabError
        If it is running, has come to its end, or Slurm refuses it.
    """
    options = submitted_with(run)
    if options is not None and run.spec.get("launcher") == "slurm":
        submit(run, options)
    else:
        launch_run(run)


def command(run: Run) -> list[str]:
    """Return the command line that trains a run here."""
    spec = run.spec
    nproc = int(spec.get("nproc", 1))
    if nproc > 1:
        return torchrun(run, nproc)
    return [sys.executable, "-m", "fewshot_lab", "pretrain-rank", str(run.folder)]


def environment(run: Run) -> dict[str, str]:
    """Return the variables that show a run's processes its chosen GPUs alone."""
    gpus = run.spec.get("gpus") or []
    return {"CUDA_VISIBLE_DEVICES": ",".join(str(gpu) for gpu in gpus)} if gpus else {}


def torchrun(run: Run, nproc: int) -> list[str]:
    """Return the command line for several processes on this machine."""
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={nproc}",
        "--no-python",
        sys.executable,
        "-m",
        "fewshot_lab",
        "pretrain-rank",
        str(run.folder),
    ]
