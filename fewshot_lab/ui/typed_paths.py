"""What may be typed on a page to name something on the machine that runs the app: one rule."""

from pathlib import Path

from fewshot_lab.backbones import file_named
from fewshot_lab.images import import_roots
from fewshot_lab.ui import visitor


def confine(path: Path) -> None:
    """Refuse a path outside the folders that ``--import-root`` opened, wherever links lead.

    Where none was opened, people who sign in must administer the server.

    Raises
    ------
    FewshotLabError
    """
    visitor.require_browsing()
    import_roots().check(path)


def confine_backbone(text: str) -> None:
    """Refuse a file with weights that :func:`confine` refuses; names of backbones pass.

    Raises
    ------
    FewshotLabError
    """
    if (file := file_named(text)) is not None:
        confine(file)
