"""Writing the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.facts import gather_facts
from fewshot_lab.export.templating import render
from fewshot_lab.files import write_atomically
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
    """Write what is known of a project's classifier as one HTML file; it prints well to PDF.

    Parameters
    ----------
    project : ProjectCore
    out : path
    classifier : TrainedClassifier, optional
        Fitted on the labels as they are where it is not given.

    Returns
    -------
    dict
        The facts that the report draws.

    Raises
    ------
    FewshotLabError
        Where no classifier can be fitted, or the file cannot be written.
    """
    path = Path(out).expanduser().absolute()
    if path.suffix.lower() not in (".html", ".htm"):
        raise FewshotLabError(f"The report is a web page: give {path.name} the extension .html.")
    if not path.parent.is_dir():
        raise FewshotLabError(f"The folder {path.parent} does not exist.")
    if classifier is None:
        progress("fitting", 0, None)
        classifier = project.fit()
    facts, _ = gather_facts(project, classifier, progress=progress)
    try:
        write_atomically(path, render("report.html.jinja", facts).encode())
    except OSError as error:
        raise FewshotLabError(f"{path} cannot be written: {error.strerror or error}.") from None
    project.store.note("export", kind="report", file=str(path))
    return facts
