"""How good, how sure: the verbs of evaluate."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.backbone_comparison import backbones
from fewshot_lab.cli.clinical import costs, grades, patients
from fewshot_lab.cli.few_shot import nshot
from fewshot_lab.cli.options import ProjectName, Verbs, app, open_project, option, options_set
from fewshot_lab.cli.replay import replay, strategy
from fewshot_lab.cli.reporting import share_cell, table, tell
from fewshot_lab.words import percent

evaluate = Verbs(
    name="evaluate",
    help="Measure on reference labels how good a classifier is.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def curve(project: ProjectName) -> None:
    """Measure the learning curve of the labels, and say what the next ones are worth."""
    with open_project(project) as opened:
        advice = opened.studies.advise()
    result = advice.to_dict()
    lines = []
    if advice.curve is not None:
        rows = [
            [f"{each['labels']:,}", *_figure(each["balanced_accuracy"])]
            for each in [*result["sizes"], *result["ahead"][1:]]
        ]
        lines.append(table(["labels", "balanced accuracy", "95 %"], rows))
        lines.append(
            f"By {result['classifier']}, {result['repeats']} repeats, tested on "
            f"{result['tested_on']}; from {result['labels']:,} labels on extrapolated."
        )
        lines += [each["advice"] for each in result["classes"]]
    lines.append(result["sentence"])
    tell(result, "\n".join(lines))


def _figure(band: dict[str, float]) -> list[str]:
    return [percent(band["value"], 1), f"{100 * band['low']:.1f}–{100 * band['high']:.1f}"]


@dataclass(frozen=True)
class DecisionOptions:
    """What of a project's settings is tried otherwise."""

    target_error: Annotated[
        float | None,
        option(
            "Target error among decided images, 0 to 1; the project's setting by default (0.05)."
        ),
    ] = None
    per_class: Annotated[
        bool | None, option("A threshold for each predicted class.", "--per-class/--together")
    ] = None
    assure: Annotated[
        bool | None,
        option(
            "Assure the error with 95 % confidence where the audit set allows it.",
            "--assure/--estimate",
        ),
    ] = None
    set_coverage: Annotated[
        float | None, option("How often a prediction set holds the true class.", "--coverage")
    ] = None
    set_method: Annotated[str | None, option("lac (smallest sets) or aps.", "--sets")] = None
    set_per_class: Annotated[
        bool | None,
        option("Hold the coverage for each class separately.", "--sets-per-class/--sets-together"),
    ] = None
    unlike_share: Annotated[
        float | None,
        option(
            "Share of the pool's own images that is called unlike anything labelled.", "--unlike"
        ),
    ] = None


def probabilities(
    project: ProjectName,
    decision_options: DecisionOptions,
    keep: Annotated[bool, option("Keep these settings in the project, for its exports.")] = False,
) -> None:
    """Say how far probabilities can be acted on: calibration, threshold, sets, unlike images."""
    from fewshot_lab.project import keep_settings, settings_of

    with open_project(project) as opened:
        settings = replace(settings_of(opened), **options_set(decision_options))
        result = opened.studies.probabilities(settings)
        if keep:
            keep_settings(opened, settings.to_dict())
    tell({"project": project, **result}, _probability_text(result))


def _probability_text(result: dict[str, Any]) -> str:
    parts = ("threshold", "referred", "reliability", "calibration", "sets", "unlike")
    lines = [result[part]["sentence"] for part in parts]
    if by_class := result["threshold"]["by_class"]:
        head = ["class", "from", "decided", "wrong", "n", "error"]
        rows = [
            [
                name,
                "-" if each["value"] is None else percent(each["value"], 1),
                percent(each["coverage"]["value"], 1),
                "-" if each["value"] is None else percent(each["error"]["value"], 1),
                str(each["error"]["n"]),
                each["rule"],
            ]
            for name, each in by_class.items()
        ]
        lines.append(table(head, rows))
    return "\n".join(lines)


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


def confounders(
    project: ProjectName,
    column: Annotated[
        list[str] | None,
        option(
            "A metadata column: site, scanner, stain, batch, age, sex; may be repeated. By "
            "default those named in the project.",
        ),
    ] = None,
    keep: Annotated[bool, option("Name these columns in the project, for its reports.")] = False,
    forget: Annotated[bool, option("Remove all named columns from the project.")] = False,
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
    text = "\n\n".join(_confounders_text(each) for each in reports)
    tell({"project": project, "confounders": reports}, text)


def _confounders_text(report: dict[str, Any]) -> str:
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


verbs = (nshot, curve, replay, strategy, backbones, probabilities, confounders, site_audit)
for verb in (*verbs, patients, grades, costs):
    evaluate.command()(verb)
app.add_typer(evaluate)
# What runs as a job is named by one word.
for job in (nshot, replay, backbones):
    app.command(name=f"evaluate-{job.__name__}", hidden=True)(job)
