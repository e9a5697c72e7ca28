"""Making a run's folder: its name, its images, its recipe."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.home import RUNS, home
from fewshot_lab.pretrain import Advice, Recipe
from fewshot_lab.runs._files import SPEC, write_object
from fewshot_lab.runs._run import Run

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class RunImage:
    """An image to learn from.

    Attributes
    ----------
    id, file : str
        ``file`` is absolute.
    frame : int
    label : int or None
        For the check alone; DINO never sees it.
    group : str or None
        Patient or slide: kept on one side of every split of the check.
    project : str
    side : int
        The shorter one, in pixels; 0 if not known.
    """

    id: str
    file: str
    frame: int = 0
    label: int | None = None
    group: str | None = None
    project: str = ""
    side: int = 0


def free_name(stem: str) -> str:
    """Return the first of ``stem-1``, ``stem-2``, ... that no run has."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "run"
    number = 1
    while (home() / RUNS / f"{stem[:56]}-{number}").exists():
        number += 1
    return f"{stem[:56]}-{number}"


def new_folder(name: str) -> Path:
    """Make the folder of a new run.

    Raises
    ------
    FewshotLabError
        For a name that cannot be one or is taken.
    """
    if not _NAME.fullmatch(name):
        raise FewshotLabError(
            f"{name!r} cannot name a run: take letters, digits, dots, dashes and underscores, "
            "a letter or digit first, at most 64."
        )
    folder = home() / RUNS / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise FewshotLabError(
            f"There is a run {name!r} already: take another name, or resume it with --resume."
        ) from None
    except OSError as error:
        raise FewshotLabError(f"{folder} cannot be made: {error.strerror}.") from None
    return folder


def create_run(
    name: str,
    projects: Sequence[str],
    images: Sequence[RunImage],
    recipe: Recipe | Advice,
    *,
    classes: dict[int, str] | None = None,
    **about: Any,
) -> Run:
    """Make a run that can be launched.

    Parameters
    ----------
    name
    projects
        Where the images come from.
    images
        Each once.
    recipe
    classes
        Names of the labels.
    about
        Further facts to keep (``launcher``, ``device``, ``nproc``, ``nodes``, ...).

    Raises
    ------
    FewshotLabError
        For a bad or taken name.
    """
    folder = new_folder(name)
    advice = recipe if isinstance(recipe, Advice) else Advice(recipe, {})
    lines = "".join(json.dumps(asdict(image)) + "\n" for image in images)
    write_atomically(folder / "images.jsonl", lines.encode())
    spec = {
        "verb": "pretrain",
        "name": name,
        "project": ", ".join(projects),
        "projects": list(projects),
        "created": time.time(),
        "launcher": "local",
        "device": "cpu",
        "nproc": 1,
        "nodes": 1,
        "recipe": advice.recipe.to_dict(),
        "reasons": advice.reasons,
        "classes": {str(k): v for k, v in (classes or {}).items()},
        "images": len(images),
        **about,
    }
    write_object(folder / SPEC, spec)
    return Run(name, folder)
