"""How much of what is suggested is drawn for the audit set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore

USUAL = 0.2


def audit_share(project: ProjectCore) -> float:
    """Return the part of each batch of suggestions that is drawn at random, 0 to 1."""
    chosen = project.store.get("audit_share")
    return USUAL if chosen is None else min(max(float(chosen), 0.0), 1.0)
