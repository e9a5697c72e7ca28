"""Everything a run needs to go on as if it had never stopped."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.pretrain.checkpoint_files import FOLDER, all_steps, newest_step, path_of
from fewshot_lab.pretrain.recipe import Recipe

# What may differ between a run and its continuation without changing what it computes.
_FREE = {"log_steps", "check_steps", "checkpoint_steps", "keep", "workers"}


def random_states() -> dict[str, Any]:
    """Return the states of this process's random generators."""
    found: dict[str, Any] = {
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state()
    return found


def restore_random_states(states: dict[str, Any]) -> None:
    """Put the random generators back; views draw from generators of their own."""
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
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            # Into memory first: torch turns a full disk into an error that hides its cause.
            buffer = io.BytesIO()
            torch.save(state, buffer)
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise FewshotLabError(
            f"The checkpoint could not be written to {path.parent} ({error.strerror}): make room "
            f"and resume the run; it goes on from step {newest_step(path.parent.parent):,}."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


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


def newest(folder: Path, recipe: Recipe) -> dict[str, Any] | None:
    """Return the newest checkpoint that can be read, or None where there is none.

    Raises
    ------
    FewshotLabError
        If it is of another recipe, or none of several can be read.
    """
    steps = all_steps(folder)
    for step in steps:
        try:
            state = torch.load(path_of(folder, step), map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
            continue
        other = differences(recipe, state["recipe"])
        if other:
            raise FewshotLabError(
                f"The checkpoint of step {step} was made with another recipe ({other[0]}): "
                "clone the run to train with other values, or put the old ones back."
            )
        return dict(state)
    if steps:
        raise FewshotLabError(
            f"None of the checkpoints in {folder / FOLDER} can be read: start a new run."
        )
    return None


def differences(recipe: Recipe, stored: dict[str, Any]) -> list[str]:
    """Return in which values that matter two recipes differ, in words."""
    return [
        f"{name} was {stored.get(name)!r} and is {value!r}"
        for name, value in recipe.to_dict().items()
        if name not in _FREE and stored.get(name) != value
    ]
