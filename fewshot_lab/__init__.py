"""Fewshot Lab: from unlabelled medical images to a trustworthy classifier in an afternoon."""

from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.version import __version__

if TYPE_CHECKING:
    from fewshot_lab.project import Project

__all__ = ["FewshotLabError", "Project", "__version__"]


def __getattr__(name: str) -> Any:
    # The database layer is loaded only when a project is touched: --help stays quick.
    if name == "Project":
        from fewshot_lab.project import Project

        return Project
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
