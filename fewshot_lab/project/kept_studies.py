"""The newest result of each study, kept in the project's folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fewshot_lab.files import read_json, write_json

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore


def remember(project: ProjectCore, name: str, result: dict[str, Any]) -> None:
    """Write the newest result where the page finds it."""
    write_json(project.folder / "evaluations" / f"{name}.json", result)


def newest(project: ProjectCore, name: str) -> dict[str, Any] | None:
    """Return the newest result of "nshot", "replay" or "backbones"; None where there is none."""
    return read_json(project.folder / "evaluations" / f"{name}.json")
