"""The bundles that were written from a project."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fewshot_lab.project import Project


@dataclass(frozen=True)
class WrittenBundle:
    """A bundle that was written before."""

    folder: Path
    created: float
    difference: float
    n_images: int
    classifier: str

    @property
    def zip_path(self) -> Path:
        """The bundle as a ZIP; may not exist."""
        return self.folder.with_name(f"{self.folder.name}.zip")


def exports_folder(project: Project) -> Path:
    """Return where a project's bundles lie."""
    return project.folder / "exports"


def written_bundles(project: Project) -> list[WrittenBundle]:
    """Return the bundles written so far, the newest first."""
    bundles = []
    for about in exports_folder(project).glob("*/bundle.json"):
        if about.parent.name.startswith("."):
            continue
        try:
            facts = json.loads(about.read_text("utf-8"))
            parity = facts["parity"]
            bundles.append(
                WrittenBundle(
                    about.parent,
                    datetime.fromisoformat(facts["created"]).timestamp(),
                    float(parity["max_difference"]),
                    int(parity["n_images"]),
                    str(facts["classifier"]["title"]),
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a bundle of this version
    return sorted(bundles, key=lambda bundle: -bundle.created)
