"""The audit of another site, by labels of images that a bundle predicted there."""

from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import ProjectName, open_project, option
from fewshot_lab.cli.reporting import tell


def site_audit(
    project: ProjectName,
    site: Annotated[str, typer.Argument(show_default=False, help="The site's name.")] = "",
    labels: Annotated[
        Path | None, option("CSV with path and label: the list of predict.py --watch, filled in.")
    ] = None,
    predictions: Annotated[Path | None, option("The predictions that predict.py wrote.")] = None,
    group_column: Annotated[
        str, option("Column of the labels that names the patient.", show_default=False)
    ] = "",
) -> None:
    """Say how right the classifier is at another site, or list what was measured so far."""
    from fewshot_lab.errors import FewshotLabError
    from fewshot_lab.project import audit_site, site_audits

    with open_project(project) as opened:
        if site:
            if labels is None or predictions is None:
                raise FewshotLabError("Give both --labels and --predictions.")
            audit_site(opened, site, labels, predictions, group_column)
        audits = site_audits(opened)
    shown = [one for one in audits if not site or one["site"] == site.strip()]
    text = "\n".join(one["sentence"] for one in shown)
    tell({"sites": shown}, text or "No other site was audited yet.")
