"""Whether a classifier goes by the disease or by the site: evaluate confounders."""

from typing import Annotated, Any

from fewshot_lab.cli.options import ProjectName, open_project, option
from fewshot_lab.cli.reporting import share_cell, table, tell


def confounders(
    project: ProjectName,
    column: Annotated[
        list[str] | None,
        option(
            "A metadata column: site, scanner, stain, batch, age, sex; may be repeated. By "
            "default those named in the project.",
            "--column",
        ),
    ] = None,
    keep: Annotated[
        bool, option("Name these columns in the project, for its reports.", "--keep")
    ] = False,
    forget: Annotated[
        bool, option("Remove all named columns from the project.", "--forget")
    ] = False,
) -> None:
    """Say whether the classifier goes by the disease or by the site, scanner or stain."""
    from fewshot_lab.project import set_confounders

    with open_project(project) as opened:
        if forget:
            set_confounders(opened, [])
            text = "No column is named as suspected confounder now."
            tell({"project": project, "confounders": []}, text)
            return
        if keep and column:
            set_confounders(opened, column)
        reports = opened.studies.confounding(column or None)
    text = "\n\n".join(_text(each) for each in reports)
    tell({"project": project, "confounders": reports}, text)


def _text(report: dict[str, Any]) -> str:
    lines = [f"{report['column']}: {report['sentence']}", *report["findings"], *report["warnings"]]
    for part in ("telling", "robustness"):
        if report[part] is not None and report[part]["sentence"] not in lines:
            lines.append(report[part]["sentence"])
    head = [report["column"], "images", "accuracy", "calibration error"]
    head += ["left out", "among", "gain"]
    rows = []
    for each in report["values"]:
        row = [each["value"], f"{each['images']:,}"]
        if "reason" in each:
            rows.append([*row, "-", "-", "-", "-", "-"])
            continue
        loss = each["left_out"] or {}
        row += [share_cell(each["accuracy"]), share_cell(each["calibration_error"])]
        rows.append(row + [share_cell(loss.get(key)) for key in ("without", "among", "gain")])
    lines += [table(head, rows), *report["notes"]]
    return "\n".join(lines)
