"""How good, how sure: evaluate nshot, evaluate probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.options import Home, JobFolder, Json, ProjectName
from fewshot_lab.cli.reporting import progress, table, tell
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.errors import FewshotLabError

evaluate = typer.Typer(
    name="evaluate",
    help="Measure on reference labels how good a classifier is.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


WhichLabels = Annotated[
    str, typer.Option(help="reference: reference labels; own: what people said here.")
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.add_typer(evaluate)
    # What runs as a job is named by one word.
    app.command(name="evaluate-nshot", hidden=True)(nshot)
    app.command(name="evaluate-replay", hidden=True)(replay)
    app.command(name="evaluate-backbones", hidden=True)(backbones)


@evaluate.callback()
def _group() -> None:
    """Measure how good a classifier is, how sure that is, and what more labels are worth."""


@evaluate.command()
def nshot(
    project: ProjectName,
    shots: Annotated[
        str, typer.Option(metavar="N,N,...", help="Labels per class; paper for all of the paper's.")
    ] = "5,10,25,50,100",
    draws: Annotated[
        int | None,
        typer.Option(
            help="Draws of labels; by default the paper's: 50 up to 10 per class, 20 up to 100, "
            "5 above.",
            min=1,
            show_default=False,
        ),
    ] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            "--backbone",
            help="Backbones whose embeddings are there; may be repeated. The project's own by "
            "default.",
            show_default=False,
        ),
    ] = None,
    classifier: Annotated[
        list[str] | None,
        typer.Option(
            "--classifier",
            help="paper-svm, paper-knn, paper-logreg, default, stack, lda, logreg, rbf-svm; may "
            "be repeated.",
            show_default=False,
        ),
    ] = None,
    min_class_size: Annotated[
        int, typer.Option(help="Leave out classes with fewer images.", min=0)
    ] = 0,
    labels: WhichLabels = "reference",
    split_csv: Annotated[
        Path | None,
        typer.Option(
            help="A CSV with the columns path and split (train, test); without it the project's "
            "test set is tested on, or a third of each class.",
            show_default=False,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Which data set of the paper this is, for its published figures: bone-marrow, "
            "endoscopy, dermoscopy or none; told by the classes' names by default.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of split and draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The JSON file to write.", show_default=False)
    ] = None,
    now: Now = False,
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Draw n labels per class, train, and test on a third that is never drawn."""
    from fewshot_lab.evaluation import Protocol
    from fewshot_lab.files import to_json, write_atomically
    from fewshot_lab.project import Project, remember

    asked: dict[str, Any] = {} if classifier is None else {"classifiers": tuple(classifier)}
    protocol = Protocol(_shots(shots), draws, min_class_size, seed=seed, **asked)
    with progress(job, as_json=json, heavy=in_turn(project, job, now=now)) as report:
        opened = Project.open(project)
        try:
            found = opened.studies.few_shot(
                backbone,
                protocol=protocol,
                labels=labels,
                split_csv=split_csv,
                reference=reference,
                progress=report,
            )
            remember(opened, "nshot", found)
        finally:
            opened.close()
        # Inside: a job has ended only when its answer is there.
        if out is not None:
            write_atomically(out, to_json(found, indent=1).encode())
        tell(found, _text(found, out), as_json=json, job=job)


@evaluate.command()
def curve(project: ProjectName, home: Home = None, json: Json = False) -> None:
    """Measure the learning curve of the labels, and say what the next ones are worth."""
    from fewshot_lab.project import Project

    opened = Project.open(project)
    try:
        advice = opened.studies.advise()
    finally:
        opened.close()
    found = advice.to_dict()
    lines = []
    if advice.curve is not None:
        rows = [
            [f"{each['labels']:,}", *_figure(each["balanced_accuracy"])]
            for each in [*found["sizes"], *found["ahead"][1:]]
        ]
        lines.append(table(["labels", "balanced accuracy", "95 %"], rows))
        lines.append(
            f"By {found['classifier']}, {found['repeats']} repeats, tested on "
            f"{found['tested_on']}; from {found['labels']:,} labels on extrapolated."
        )
        lines += [each["advice"] for each in found["classes"]]
    lines.append(found["sentence"])
    tell(found, "\n".join(lines), as_json=json)


@evaluate.command()
def replay(
    project: ProjectName,
    labels: WhichLabels = "own",
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            "--strategy",
            help="mixed, cover, margin, entropy, random; may be repeated. All by default.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[int, typer.Option(help="Times that all begin anew.", min=2)] = 10,
    budget: Annotated[
        int | None, typer.Option(help="Labels given in each.", min=8, show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    now: Now = False,
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Label known images again by each strategy: what it would have cost, against random."""
    from fewshot_lab.evaluation import ReplayPlan
    from fewshot_lab.project import Project, strategy_of

    asked: dict[str, Any] = {} if not strategy else {"strategies": tuple(strategy)}
    plan = ReplayPlan(draws=draws, budget=budget, seed=seed, **asked)
    with progress(job, as_json=json, heavy=in_turn(project, job, now=now)) as report:
        opened = Project.open(project)
        try:
            found = opened.studies.replay(plan=plan, labels=labels, progress=report)
            used = strategy_of(opened)
        finally:
            opened.close()
        rows = [
            [
                each["strategy"],
                f"{100 * each['than_random']['value']:+.1f}",
                "{low:+.1f} to {high:+.1f}".format(
                    **{key: 100 * v for key, v in each["than_random"].items()}
                ),
                *(_cost(cost) for cost in each["cost"]),
            ]
            for each in found["strategies"]
        ]
        head = ["strategy", "points", "95 %"]
        head += [f"labels to {c['accuracy']:.2f}" for c in found["strategies"][0]["cost"]]
        lines = [
            table(head, rows),
            f"{found['draws']} draws of {found['images']:,} images, {found['test_images']:,} for "
            f"testing, up to {found['budget']} labels; points: mean over the curve against random; "
            f"in brackets labels as a share of random's. {found['leak_check']}",
            found["verdict"]["sentence"],
            f"In use: {used['strategy']} ({used['setting']}).",
        ]
        tell(found, "\n".join(lines), as_json=json, job=job)


def _cost(cost: dict[str, Any]) -> str:
    if cost["labels"] is None:
        return "not reached"
    if cost["share"] is None:
        return f"some {cost['labels']:.0f}, too unsure"
    share = cost["share"]
    return f"{cost['labels']:.0f} ({share['value']:.2f}, {share['low']:.2f}-{share['high']:.2f})"


@evaluate.command()
def strategy(
    project: ProjectName,
    name: Annotated[
        str | None,
        typer.Argument(
            help="auto (follows the evidence of replays), mixed, cover, margin, entropy or random.",
            show_default=False,
        ),
    ] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show which strategy suggestions follow, or set it."""
    from fewshot_lab.project import Project, set_strategy, strategy_of

    opened = Project.open(project)
    try:
        if name is not None:
            set_strategy(opened, name)
        found = strategy_of(opened)
    finally:
        opened.close()
    said = found["sentence"] or f"Suggestions by {found['title']}."
    tell(found, f"{said} (Setting: {found['setting']}.)", as_json=json)


@evaluate.command()
def backbones(
    project: ProjectName,
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            "--backbone",
            help="Two or more; the others are compared with the first. Images are embedded where "
            "they are not yet.",
            show_default=False,
        ),
    ] = None,
    shots: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Labels per class; what the smallest class can give by default.",
            show_default=False,
        ),
    ] = None,
    draws: Annotated[int, typer.Option(help="Draws of labels.", min=2)] = 10,
    labels: WhichLabels = "reference",
    now: Now = False,
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Compare backbones on the same labels and draws, with intervals and cost."""
    from fewshot_lab.evaluation import Protocol
    from fewshot_lab.project import Project, backbone_shots

    with progress(job, as_json=json, heavy=in_turn(project, job, now=now)) as report:
        opened = Project.open(project)
        try:
            wanted = _shots(shots) if shots else backbone_shots(opened, labels)
            found = opened.studies.compare(
                backbone or [], protocol=Protocol(wanted, draws), labels=labels, progress=report
            )
        finally:
            opened.close()
        costs = {row["backbone"]: row for row in found["costs"]}
        gaps = {(d["backbone"], d["shots"]): d for d in found["differences"]}
        rows = [
            [
                str(each["shots"]),
                each["backbone"],
                f"{each['balanced_accuracy']:.3f}",
                "{:.3f}-{:.3f}".format(*each["interval"]),
                _gap(gaps.get((each["backbone"], each["shots"]))),
                f"{costs[each['backbone']]['embed_seconds_per_1000']:.1f}",
                f"{costs[each['backbone']]['fit_seconds']:.2f}",
            ]
            for each in found["results"]
        ]
        head = [
            "n",
            "backbone",
            "bal. acc.",
            "95 %",
            "against the first",
            "s/1,000 images",
            "s/fit",
        ]
        lines = [table(head, rows), *found["sentences"]]
        lines.append(f"{found['test_images']:,} test images. {found['leak_check']}")
        tell(found, "\n".join(lines), as_json=json, job=job)


def _gap(gap: dict[str, Any] | None) -> str:
    if gap is None:
        return ""
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(gap["difference"], *gap["interval"])


def _figure(band: dict[str, float]) -> list[str]:
    return [f"{band['value']:.3f}", f"{band['low']:.3f}-{band['high']:.3f}"]


def _shots(text: str) -> tuple[int, ...]:
    if text == "paper":
        from fewshot_lab.evaluation import SHOTS

        return SHOTS
    try:
        found = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        found = ()
    if not found or found[0] < 1:
        raise FewshotLabError(f"--shots is {text!r}: give whole numbers from 1, as in 5,25,100.")
    return found


def _text(found: dict[str, Any], out: Path | None) -> str:
    rows = [
        [
            str(each["shots"]),
            each["backbone"],
            each["classifier"],
            f"{each['balanced_accuracy']:.3f}",
            "{:.3f}-{:.3f}".format(*each["interval"]),
            f"{each['macro_f1']['value']:.3f}",
            f"{each['auroc']['value']:.3f}",
            f"{each['ece']['value']:.3f}",
        ]
        for each in found["results"]
    ]
    head = ["n", "backbone", "classifier", "bal. acc.", "95 %", "macro-F1", "AUROC", "ECE"]
    lines = [table(head, rows)]
    if found["published"] is not None:
        told = ", ".join(f"{row['name']} {row['value']}" for row in found["published"]["rows"])
        lines.append(f"Published on {found['published']['title']}: {told}.")
        lines.append(f"({found['published']['source']}.)")
    lines.append(f"{found['test_images']:,} test images ({found['split']}). {found['leak_check']}")
    lines += [
        f"At {each['shots']} per class, {each['class']} gave all it has: {each['drawn']}."
        for each in found["short"]
    ]
    if out is not None:
        lines.append(f"Written to {out}.")
    return "\n".join(lines)


@evaluate.command()
def probabilities(
    project: ProjectName,
    target_error: Annotated[
        float | None,
        typer.Option(
            help="Error wanted among the images that are decided, 0 to 1; the project's setting "
            "by default (0.05).",
            show_default=False,
        ),
    ] = None,
    per_class: Annotated[
        bool | None,
        typer.Option(
            "--per-class/--together",
            help="A threshold for each predicted class.",
            show_default=False,
        ),
    ] = None,
    assure: Annotated[
        bool | None,
        typer.Option(
            "--assure/--estimate",
            help="Assure the error with 95 % confidence where the audit set allows it.",
            show_default=False,
        ),
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(help="How often a prediction set holds the true class.", show_default=False),
    ] = None,
    sets: Annotated[
        str | None, typer.Option(help="lac (smallest sets) or aps.", show_default=False)
    ] = None,
    sets_per_class: Annotated[
        bool | None,
        typer.Option(
            "--sets-per-class/--sets-together",
            help="Each class keeps the coverage by itself.",
            show_default=False,
        ),
    ] = None,
    unlike: Annotated[
        float | None,
        typer.Option(
            help="Share of the unlabelled pool that is called unlike the labelled images.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep these settings in the project, for its exports.")
    ] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Say how far probabilities can be acted on: calibration, threshold, sets, unlike images."""
    from fewshot_lab.evaluation import Settings
    from fewshot_lab.project import Project, keep_settings, settings_of

    opened = Project.open(project)
    try:
        asked = {
            "target_error": target_error,
            "per_class": per_class,
            "assure": assure,
            "set_coverage": coverage,
            "set_method": sets,
            "set_per_class": sets_per_class,
            "unlike_share": unlike,
        }
        given = {key: value for key, value in asked.items() if value is not None}
        settings = Settings.of({**settings_of(opened).to_dict(), **given})
        found = opened.studies.probabilities(settings)
        if keep:
            keep_settings(opened, settings.to_dict())
    finally:
        opened.close()
    tell({"project": project, **found}, _acting(found), as_json=json)


def _acting(found: dict[str, Any]) -> str:
    lines = [
        found["threshold"]["sentence"],
        found["reliability"]["sentence"],
        found["calibration"]["sentence"],
        found["sets"]["sentence"],
        found["unlike"]["sentence"],
    ]
    if by_class := found["threshold"]["by_class"]:
        head = ["class", "from", "decided", "wrong", "n", "error"]
        rows = [
            [
                name,
                "-" if each["value"] is None else f"{each['value']:.3f}",
                f"{each['coverage']['value']:.3f}",
                "-" if each["value"] is None else f"{each['error']['value']:.3f}",
                str(each["error"]["n"]),
                each["rule"],
            ]
            for name, each in by_class.items()
        ]
        lines.append(table(head, rows))
    return "\n".join(lines)
