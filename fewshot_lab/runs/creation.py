"""Making a run's folder: its name, its images, its recipe."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fewshot_lab.files import write_atomically
from fewshot_lab.pretrain import Advice, Recipe
from fewshot_lab.runs.folders import new_folder
from fewshot_lab.runs.json_files import SPEC, write_object
from fewshot_lab.runs.run import Run


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
