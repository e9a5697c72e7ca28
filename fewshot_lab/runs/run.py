"""A pretraining run; everything about it is in the files of its folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json
from fewshot_lab.home import RUNS, home
from fewshot_lab.jobs import Job, Status, change_spec, read_spec, reset_folder
from fewshot_lab.pretrain import (
    BACKBONE,
    UNREADABLE,
    Recipe,
    newest_step,
    read_health,
    read_metrics,
    recipe_differences,
)
from fewshot_lab.runs.rank_notes import first_ending, forget_endings
from fewshot_lab.runs.run_folder import IMAGES, new_folder, read_images, write_images
from fewshot_lab.runs.squeue import SUBMITTED, cancel_queued, in_queue, launch_error, queue_state
from fewshot_lab.words import did_you_mean


@dataclass(frozen=True)
class Run:
    """A run, by its folder.

    Attributes
    ----------
    name : str
    folder : Path
    """

    name: str
    folder: Path

    @property
    def spec(self) -> dict[str, Any]:
        """What it was started with."""
        return read_spec(self.folder) or {}

    @property
    def recipe(self) -> Recipe:
        """Its recipe."""
        return Recipe.from_dict(self.spec.get("recipe", {}))

    @property
    def source(self) -> str:
        """Its projects, with the filter of their images in brackets."""
        spec = self.spec
        where = spec.get("where")
        chosen = f" ({where['column']}: {', '.join(where['values'])})" if where else ""
        return ", ".join(spec.get("projects", [])) + chosen

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """The files that could not be read when the run began, with the reason."""
        reasons = read_json(self.folder / UNREADABLE)
        if not reasons:
            return []
        images = read_images(self.folder)
        return [(str(each.file), reasons[each.id]) for each in images if each.id in reasons]

    @property
    def job(self) -> Job:
        """The process behind it."""
        return Job(self.name, "pretrain", self.folder)

    def status(self) -> Status:
        """Return its progress (steps done of all) and state.

        A run whose process ended without a message is "failed", with what to do; one that waits
        for Slurm is "queued".
        """
        status = self.job.status()
        step = newest_step(self.folder)
        if not self._has_run:
            # Slurm may have refused to go on with it, after its last state was forgotten.
            status = Status("stopped") if step else Status("queued", message="Not started yet.")
        rows = read_metrics(self.folder)
        done = max([step, *(row["step"] for row in rows if row.get("kind") == "step")])
        total = self.recipe.steps
        if status.stage != "pretraining" or status.state not in ("running", "queued"):
            status = replace(status, done=done, total=total)
        if (
            status.state in ("running", "queued", "lost", "stopped")
            and self.spec.get("launcher") == "slurm"
        ):
            status = queue_state(self.folder, status)
        if status.state == "lost":
            again = f"from step {step:,}" if step else "from the start"
            why = (
                first_ending(self.folder)
                or launch_error(self.folder, self.log())
                or "The process was ended from outside."
            )
            if "resumed, it goes on" not in why:
                why = f"{why.rstrip('.')}; resumed, it goes on {again}."
            status = replace(status, state="failed", message=why)
        return status

    @property
    def started(self) -> bool:
        """Whether a process of it has ever been started, or Slurm has been asked for one."""
        return self._has_run or (self.folder / SUBMITTED).exists()

    @property
    def _has_run(self) -> bool:
        return any((self.folder / name).exists() for name in ("status.json", "process.json"))

    @property
    def underway(self) -> bool:
        """Whether processes of it run, or wait here or in Slurm's queue."""
        if self.spec.get("launcher") == "slurm" and in_queue(self.folder):
            return True
        return self.started and self.status().active

    def metrics(self) -> list[dict[str, Any]]:
        """Return its metrics, one row per event, oldest first."""
        return read_metrics(self.folder)

    def checks(self) -> list[dict[str, Any]]:
        """Return the answers to “is it helping?”; the first is of the frozen start."""
        return [row for row in self.metrics() if row.get("kind") == "check"]

    def health(self) -> dict[str, Any] | None:
        """Return the newest health check."""
        return read_health(self.folder)

    @property
    def ailment(self) -> str:
        """Finding of its health check in a few words; empty if all is well."""
        health = self.health() or {}
        name = str(health.get("name") or "")
        return f"perhaps {name}" if health.get("state") == "watch" else name

    def log(self, last: int = 200) -> str:
        """Return the last lines that it wrote."""
        return self.job.log(last)

    @property
    def backbone(self) -> Path | None:
        """The backbone made so far: the best, or the newest without labels to judge by."""
        path = self.folder / BACKBONE
        return path if path.is_file() else None

    def update_recipe(self, **values: Any) -> None:
        """Change values that may change when a run is resumed, such as ``checkpoint_steps``.

        Raises
        ------
        FewshotLabError
            Another value differs from the run's own.
        """
        changed = self.recipe.changed(**values)
        other = recipe_differences(changed.to_dict(), self.recipe.to_dict())
        if other:
            raise FewshotLabError(
                f"The run {self.name!r} goes on with the recipe it has ({other[0]}): leave that "
                f"out, or train with other values by 'clone-run {self.name}'."
            )
        change_spec(self.folder, recipe=changed.to_dict())

    def make_ready(self, *, device: str | None = None, nproc: int | None = None) -> None:
        """Make the folder ready for a new process, here unless Slurm is asked after that.

        Raises
        ------
        FewshotLabError
            The run is running, or finished.
        """
        status = self.status()
        if self.underway:
            raise FewshotLabError(
                f"The run {self.name!r} is {status.state} already."
                if status.active
                else f"Slurm is still ending the run {self.name!r}: try again in a few seconds."
            )
        if status.state == "finished":
            raise FewshotLabError(
                f"The run {self.name!r} has finished its {status.total:,} steps: clone it with "
                f"more steps, or start another from it (--start {self.name})."
            )
        facts = {"device": device, "nproc": nproc}
        given = {name: value for name, value in facts.items() if value is not None}
        change_spec(self.folder, launcher="local", **given)
        reset_folder(self.folder)
        forget_endings(self.folder)

    def stop(self) -> None:
        """Ask it to write a checkpoint and stop.

        Raises
        ------
        FewshotLabError
            It is not running.
        """
        status = self.status()
        if not status.active:
            raise FewshotLabError(f"The run {self.name!r} is not running: it has {status.state}.")
        self.job.ask_to_stop()
        if self.spec.get("launcher") == "slurm":
            cancel_queued(self.folder)

    def delete(self) -> None:
        """Delete the run with its checkpoints and its backbone.

        Raises
        ------
        FewshotLabError
            It is running.
        """
        if self.underway:
            raise FewshotLabError(f"The run {self.name!r} is still running: stop it first.")
        shutil.rmtree(self.folder, ignore_errors=True)

    def clone(self, name: str, *, without: Sequence[str] = (), **changes: Any) -> Run:
        """Make a new run of the same images with some values of the recipe changed.

        Parameters
        ----------
        name
            Name of the new run.
        without
            Names of image files to leave out.
        changes
            Values of the recipe; strings are allowed, as on a command line.

        Raises
        ------
        FewshotLabError
            The name is taken or not allowed, a value is invalid, or the run has no such image.
        """
        recipe = self.recipe.changed(**changes)
        images = read_images(self.folder)
        left = [image for image in images if image.file.name not in without]
        if without and len(left) == len(images):
            raise FewshotLabError(f"The run {self.name!r} has no image {' or '.join(without)}.")
        was = self.recipe.to_dict()
        reasons = {
            key: f"Changed from {was[key]!s} in the clone of {self.name}."
            for key, value in recipe.to_dict().items()
            if value != was[key]
        }
        spec = self.spec
        spec |= {"name": name, "recipe": recipe.to_dict(), "images": len(left)}
        spec |= {"reasons": {**spec.get("reasons", {}), **reasons}, "clone_of": self.name}
        with new_folder(name) as folder:
            write_images(folder, left)
            change_spec(folder, **spec)
        return find_run(name)


def list_runs() -> list[Run]:
    """Return all runs, the newest first."""
    folder = home() / RUNS
    if not folder.is_dir():
        return []
    named = (path for path in folder.iterdir() if not path.name.startswith("."))
    folders = [path for path in named if read_spec(path) is not None]
    return [Run(path.name, path) for path in sorted(folders, key=_created, reverse=True)]


def _created(folder: Path) -> float:
    try:
        return (folder / IMAGES).stat().st_mtime
    except OSError:
        return 0.0


def find_run(name: str) -> Run:
    """Return a run by its name; ``run:`` before it is allowed.

    Raises
    ------
    FewshotLabError
        If there is none; the closest names are given.
    """
    name = name.removeprefix("run:")
    runs = {run.name: run for run in list_runs()}
    if name in runs:
        return runs[name]
    otherwise = "." if runs else ": there are none yet."
    raise FewshotLabError(f"There is no run {name!r}{did_you_mean(name, runs, otherwise)}")
