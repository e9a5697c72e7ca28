"""How good, how sure: the verbs of evaluate; here its curve and its probabilities."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fewshot_lab.cli.backbone_comparison import backbones
from fewshot_lab.cli.clinical import costs, grades, patients
from fewshot_lab.cli.confounders import confounders
from fewshot_lab.cli.few_shot import nshot
from fewshot_lab.cli.options import ProjectName, Verbs, app, given, open_project, option
from fewshot_lab.cli.replay import replay, strategy
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.cli.site_audit import site_audit
from fewshot_lab.words import percent

evaluate = Verbs(
    name="evaluate",
    help="Measure on reference labels how good a classifier is.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@evaluate.callback()
def _group() -> None:
    """Measure how good a classifier is, how certain that is, and what more labels would bring."""


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
    keep: Annotated[
        bool, option("Keep these settings in the project, for its exports.", "--keep")
    ] = False,
) -> None:
    """Say how far probabilities can be acted on: calibration, threshold, sets, unlike images."""
    from fewshot_lab.project import keep_settings, settings_of

    with open_project(project) as opened:
        settings = replace(settings_of(opened), **given(decision_options))
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


verbs = (nshot, curve, replay, strategy, backbones, probabilities, confounders, site_audit)
for verb in (*verbs, patients, grades, costs):
    evaluate.command()(verb)
app.add_typer(evaluate)
# What runs as a job is named by one word.
for job in (nshot, replay, backbones):
    app.command(name=f"evaluate-{job.__name__}", hidden=True)(job)
