"""Checkpoints: everything a run needs to go on as if it had never stopped.

torch is imported where it is needed: a list of runs asks for their newest step alone.
"""

import io
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically

FOLDER = "checkpoints"
_NAME = re.compile(r"step-(\d{9})\.pt")
# What may differ between a run and its continuation without changing what it computes.
_FREE = {"log_steps", "check_steps", "checkpoint_steps", "keep", "workers"}


def path_of(folder: Path, step: int) -> Path:
    """Return where a run keeps the checkpoint of a step."""
    return folder / FOLDER / f"step-{step:09d}.pt"


def all_steps(folder: Path) -> list[int]:
    """Return the steps of a run's checkpoints, the newest first."""
    place = folder / FOLDER
    if not place.is_dir():
        return []
    matches = (_NAME.fullmatch(path.name) for path in place.iterdir())
    return sorted((int(match[1]) for match in matches if match), reverse=True)


def newest_step(folder: Path) -> int:
    """Return the step of a run's newest checkpoint, 0 where there is none."""
    return next(iter(all_steps(folder)), 0)


def random_states() -> dict[str, Any]:
    """Return the states of this process's random generators."""
    import torch

    states: dict[str, Any] = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """Put the random generators back; views draw from generators of their own."""
    import torch

    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"].cpu())


def write(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all.

    Raises
    ------
    FewshotLabError
        If the disk is full or cannot be written; earlier checkpoints stay as they are.
    """
    import torch

    # Into memory first: torch turns a full disk into an error that hides its cause.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    try:
        write_atomically(path, buffer.getbuffer())
    except OSError as error:
        raise FewshotLabError(
            f"The checkpoint could not be written to {path.parent} ({error.strerror}): make room "
            f"and resume the run; it goes on from step {newest_step(path.parent.parent):,}."
        ) from error


def tidy(folder: Path, keep: int, *, good_until: int | None = None) -> None:
    """Delete all but the newest `keep` checkpoints, and what killed processes left behind.

    Parameters
    ----------
    good_until
        Where the run is in trouble, the step at which that began: the newest checkpoint from
        before stays, too.
    """
    steps = all_steps(folder)
    good = [step for step in steps if good_until is not None and step <= good_until][:1]
    for step in steps[keep:]:
        if step not in good:
            path_of(folder, step).unlink(missing_ok=True)
    for part in (folder / FOLDER).glob(".*.part"):
        part.unlink(missing_ok=True)


def roll_back(folder: Path, step: int) -> int | None:
    """Delete the checkpoints after a step, if an earlier one stays; return that one's step."""
    steps = all_steps(folder)
    good = next((one for one in steps if one <= step), None)
    if good is not None:
        for one in steps:
            if one > step:
                path_of(folder, one).unlink(missing_ok=True)
    return good


def newest(folder: Path, recipe: dict[str, Any]) -> dict[str, Any] | None:
    """Return the newest checkpoint that can be read, or None where there is none.

    Parameters
    ----------
    folder
    recipe
        The recipe's values, as the checkpoint holds them, too.

    Raises
    ------
    FewshotLabError
        If it is of another recipe, or none of several can be read.
    """
    for step, state in stored_checkpoints(folder):
        other = recipe_differences(recipe, state["recipe"])
        if other:
            raise FewshotLabError(
                f"The checkpoint of step {step} was made with another recipe ({other[0]}): "
                "clone the run to train with other values, or put the old ones back."
            )
        return state
    if all_steps(folder):
        raise FewshotLabError(
            f"None of the checkpoints in {folder / FOLDER} can be read: start a new run."
        )
    return None


def stored_checkpoints(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield step and content of the checkpoints that can be read, the newest first."""
    import torch

    for step in all_steps(folder):
        try:
            state = torch.load(path_of(folder, step), map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
            continue
        yield step, dict(state)


def recipe_differences(recipe: dict[str, Any], stored: dict[str, Any]) -> list[str]:
    """Return in which values that matter two recipes differ, in words."""
    return [
        f"{name} was {stored.get(name)!r} and is {value!r}"
        for name, value in recipe.items()
        # A checkpoint of before does not know the newest fields: it was made with their defaults.
        if name not in _FREE and name in stored and stored[name] != value
    ]
