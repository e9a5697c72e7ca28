"""Which backbone a project uses, under a name that stays what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically

if TYPE_CHECKING:
    from fewshot_lab.project.base import ProjectFolder


def put_into_use(project: ProjectFolder, name: str) -> None:
    """Keep which backbone is in use, and which was before: there is a way back."""
    before, lasting = project.store.get("backbone"), _lasting_name(project, name)
    project.store.set("backbone", lasting)
    if before and before != lasting:
        project.store.set("backbone_before", before)


def _lasting_name(project: ProjectFolder, name: str) -> str:
    """Return a name that stays what it is: a run goes on learning, and may be deleted."""
    from fewshot_lab.backbones import find

    if not name.startswith("run:"):
        return name
    backbone = find(name)
    weights = backbone.weights()
    if weights is None:
        raise FewshotLabError(f"The weights of {name} have just disappeared.")
    folder = project.folder / "backbones"
    folder.mkdir(exist_ok=True)
    copy = folder / f"{name.removeprefix('run:')}-{backbone.fingerprint[:8]}.safetensors"
    if not copy.exists():
        write_atomically(copy, weights.read_bytes())
    return str(copy)
