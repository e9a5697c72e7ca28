"""Writing the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError, as_sentence
from fewshot_lab.export.facts import gather_facts
from fewshot_lab.export.templating import render
from fewshot_lab.files import expanded, write_atomically
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore, TrainedClassifier


def write_report(
    project: ProjectCore,
    out: Path | str,
    *,
    classifier: TrainedClassifier | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Write the report on a project's classifier as one HTML file that prints to PDF.

    Parameters
    ----------
    project : ProjectCore
    out : path
    classifier : TrainedClassifier, optional
        By default fitted on the current labels.

    Returns
    -------
    dict
        The facts in the report.

    Raises
    ------
    FewshotLabError
        No classifier can be fitted, or the file cannot be written.
    """
    path = expanded(out).absolute()
    if path.suffix.lower() not in (".html", ".htm"):
        raise FewshotLabError(f"The report is a web page: give {path.name} the extension .html.")
    if not path.parent.is_dir():
        raise FewshotLabError(f"The folder {path.parent} does not exist.")
    if classifier is None:
        progress("fitting", 0, None)
        classifier = project.fit()
    facts, _ = gather_facts(project, classifier, progress=progress)
    with as_sentence(f"{path} cannot be written"):
        write_atomically(path, render("report.html.jinja", facts).encode())
    project.store.note("export", kind="report", file=str(path))
    return facts
