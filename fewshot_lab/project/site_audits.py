"""Audits of other sites: labels of images that an exported classifier predicted elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import SiteAudit, site_audit
from fewshot_lab.tables import plain_path, read_columns, read_rows

if TYPE_CHECKING:
    from fewshot_lab.project.project import Project

SETTING = "site_audits"
NO_CLASS = ("", "unsure", "reject")


def audit_site(
    project: Project, site: str, labels: Path, predictions: Path, group_column: str = ""
) -> SiteAudit:
    """Take labels of another site's images as an audit of it, and keep what they say.

    Parameters
    ----------
    project : Project
    site : str
        Its name; a later audit of the same name takes the place of the first.
    labels : path
        CSV with the columns path and label, as predict.py --watch writes it; rows without a label,
        and those that are "unsure" or "reject", are left out.
    predictions : path
        CSV with the columns path and predicted, as predict.py writes it.
    group_column : str
        Column of ``labels`` that names the patient.

    Raises
    ------
    FewshotLabError
        For a missing column, or where no labelled image was predicted.
    """
    if not site.strip():
        raise FewshotLabError("Give the site a name.")
    wanted = ("path", "label", group_column) if group_column else ("path", "label")
    rows = [row for _, row in read_columns(labels, wanted)]
    named = [row for row in rows if row["label"].casefold() not in NO_CLASS]
    labelled = {plain_path(row["path"]): row["label"] for row in named}
    groups = None
    if group_column:
        groups = {plain_path(row["path"]): row[group_column] for row in rows if row[group_column]}
    written = read_columns(predictions, ("path", "predicted"))
    predicted = {plain_path(row["path"]): row["predicted"] for _, row in written}
    if not labelled.keys() & predicted.keys():
        raise FewshotLabError(
            f"No image labelled in {labels.name} is in {predictions.name}: both name images by "
            "the column path, as predict.py writes it, and label must be filled in."
        )
    report, _ = project.audit.measure(project.fit())
    home = report.figures.accuracy if report.figures is not None else None
    header = [cell.strip() for cell in read_rows(predictions)[0][1]]
    classes = [name.removeprefix("p_") for name in header if name.startswith("p_")]
    classes = classes or [row.name for row in project.store.classes()]
    audit = site_audit(site.strip(), labelled, predicted, home, groups, classes)
    kept = [one for one in site_audits(project) if one["site"] != audit.site]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    one = {**asdict(audit), "sentence": audit.sentence, "at": at}
    project.store.set(SETTING, [*kept, one])
    return audit


def site_audits(project: Any) -> list[dict[str, Any]]:
    """Return what other sites' images said, as it was kept."""
    return list(project.store.get(SETTING) or [])
