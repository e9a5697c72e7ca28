"""The values of a recipe as the terminal takes them: options, NAME=VALUE, a file."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.options import option
from fewshot_lab.errors import FewshotLabError, as_sentence

RecipeValues = Annotated[
    list[str] | None,
    option("Any other value of the recipe; may be repeated.", "--set", metavar="NAME=VALUE"),
]
Detach = Annotated[bool, option("Start it and return; 'runs' shows its progress.")]


def values_of(pairs: list[str] | None) -> dict[str, Any]:
    """Return what ``--set NAME=VALUE`` said, by name.

    Raises
    ------
    typer.BadParameter
        For one without "=".
    """
    values = {}
    for pair in pairs or []:
        name, sign, value = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"--set takes NAME=VALUE, and {pair!r} has no '='")
        values[name.strip().replace("-", "_")] = value.strip()
    return values


def is_paper(path: Path | None) -> bool:
    """Say whether the recipe of Nielsen et al. 2023 is asked for, which follows from the images."""
    return str(path) == "paper"


def values_in(path: Path | None) -> dict[str, Any]:
    """Return the recipe in a run's card or job file.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read, or holds no recipe.
    """
    from fewshot_lab.pretrain import Recipe

    if path is None or is_paper(path):
        return {}
    with as_sentence(f"{path} cannot be read"):
        text = path.read_bytes()
    try:
        content = json.loads(text)
        values: dict[str, Any] = content.get("recipe", content)
        Recipe.from_dict(values)
        return dict(values)
    except (ValueError, AttributeError):
        raise FewshotLabError(
            f"{path} holds no recipe: give a run's card.json or spec.json."
        ) from None


def recipe_request(options: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """Put the options that a value has of its own above the same names among the other values."""
    if options["epochs"] is not None:
        values.pop("steps", None)
    asked = {name: values.pop(name, None) if v is None else v for name, v in options.items()}
    return {**asked, "start": asked["start"] or "imagenet", "values": values}
