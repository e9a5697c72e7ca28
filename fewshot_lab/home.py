"""Where projects live."""

import os
from pathlib import Path

MARKER = "project.json"
"""The file that marks a folder as a project."""
RUNS = ".runs"
"""Folder for pretraining runs, beside the projects."""


def home() -> Path:
    """Return the folder that holds the projects.

    Returns
    -------
    Path
        ``$FEWSHOT_LAB_HOME``, else ``data/projects`` beside the package's checkout when the
        package runs from one, else ``data/projects`` under the working folder. Not created here.
    """
    if chosen := os.environ.get("FEWSHOT_LAB_HOME"):
        return Path(chosen).expanduser().absolute()
    checkout = Path(__file__).resolve().parent.parent
    base = checkout if (checkout / "app.py").exists() else Path.cwd()
    return base / "data" / "projects"
