"""The classifier: fit, predictions, export, predict."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from fewshot_lab.cli.labels import CsvOut, write_csv
from fewshot_lab.cli.options import Home, JobFolder, Json, NoMark, ProjectName, optional
from fewshot_lab.cli.reporting import listed, progress, tell
from fewshot_lab.cli.shards import Shard, part_file, shard_of
from fewshot_lab.words import plural, share

ClassifierName = Annotated[
    str | None,
    typer.Option(
        "--classifier",
        help="auto, stack, logreg, lda, rbf-svm, paper-svm, paper-logreg or paper-knn; "
        "the project's choice by default.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the verbs to the app."""
    app.command()(fit)
    app.command()(predictions)
    app.command()(export)
    app.command()(report)
    app.command()(predict)
    app.command(name="predict-dropped", hidden=True)(predict_dropped)


def fit(
    project: ProjectName,
    classifier: ClassifierName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Fit a classifier on the labels and say how good it is."""
    import time

    from fewshot_lab.export import figures
    from fewshot_lab.project import Project

    with Project.open(project) as opened:
        began = time.monotonic()
        fitted = opened.fit(classifier)
        seconds = time.monotonic() - began
        measured = figures(opened, fitted)
        names = {row.id: row.name for row in opened.store.classes(include_retired=True)}
    result = {
        "name": fitted.fitted.name,
        "title": fitted.fitted.title,
        "sentence": fitted.sentence,
        "classes": [names[int(i)] for i in fitted.fitted.class_ids],
        "labels": len(fitted.training.ids),
        "seconds": round(seconds, 3),
        **measured,
    }
    lines = [fitted.sentence or f"{fitted.fitted.title}."]
    for key, what in (("cross_validation", "cross-validation"), ("audit", "audit")):
        part = measured[key]
        value = part.get("balanced_accuracy")
        if value:
            title = part.get("balanced_title", "Balanced accuracy")
            lines.append(
                f"{title} by {what}: {share(value['value'], value['low'], value['high'], 1)}, "
                f"n = {value['n']:,}."
            )
        else:
            reason = str(part["reason"])
            lines.append(f"{what.capitalize()}: {reason[:1].lower()}{reason[1:]}")
    tell(result, "\n".join(lines), as_json=json)


def predictions(
    project: ProjectName,
    out: CsvOut = None,
    classifier: ClassifierName = None,
    no_bom: NoMark = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Write labels and predictions of all images as CSV."""
    import csv
    import io

    from fewshot_lab.export import predictions_csv
    from fewshot_lab.project import Project

    with Project.open(project) as opened:
        text = predictions_csv(opened, classifier=opened.fit(classifier))
        opened.store.note("export", kind="predictions")
    if json and out is None:
        rows = list(csv.DictReader(io.StringIO(text)))
        tell({"predictions": rows}, "", as_json=True)
    else:
        write_csv(text, out, as_json=json)


def export(
    project: ProjectName,
    bundle: Annotated[
        Path, typer.Argument(help="The folder to write, or NAME.zip.", show_default=False)
    ],
    zip: Annotated[bool, typer.Option("--zip", help="Also write BUNDLE.zip.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle.")] = False,
    licence_accepted: Annotated[
        bool,
        typer.Option(
            "--licence-accepted",
            help="You know the backbone's licence and keep to it; asked for where it forbids to "
            "pass the bundle on, or to use it in trade.",
        ),
    ] = False,
    accepted_by: Annotated[
        str | None,
        typer.Option(help="Who accepts it; the system's user by default.", show_default=False),
    ] = None,
    file_names: Annotated[
        bool, typer.Option("--file-names", help="Name the image files in labels.csv.")
    ] = False,
    classifier: ClassifierName = None,
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Write the classifier as a bundle that works without this app, and check it."""
    from fewshot_lab.export import check_backbone, export_bundle
    from fewshot_lab.project import Project

    with progress(job, as_json=json) as report, Project.open(project) as opened:
        check_backbone(opened.backbone.card, licence_accepted)  # or refuse, before the fit
        report("fitting", 0, None)
        done = export_bundle(
            opened,
            bundle,
            classifier=opened.fit(classifier),
            zip=zip,
            force=force,
            licence_accepted=licence_accepted,
            accepted_by=_user() if accepted_by is None else accepted_by,
            file_names=file_names,
            progress=report,
        )
        result: dict[str, Any] = {
            "folder": str(done.folder) if done.folder else None,
            "zip": str(done.zip_path) if done.zip_path else None,
            "max_difference": done.max_difference,
            "n_images": done.n_images,
            "seconds": round(done.seconds, 3),
            "note": done.note,
        }
        places = " and ".join(str(p) for p in (done.folder, done.zip_path) if p)
        text = (
            f"Written to {places}. Its probabilities differ from the app's by at most "
            f"{done.max_difference:.1g} on {plural(done.n_images, 'stored image')}."
        )
        tell(result, f"{text} {done.note}".strip(), as_json=json, job=job)


def _user() -> str:
    """Return the name of the operating system's user, empty where there is none."""
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError):
        return ""


def report(
    project: ProjectName,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Write what is known of the classifier as one HTML page, to read, print and cite."""
    from fewshot_lab.export import write_report
    from fewshot_lab.project import Project

    with progress(job, as_json=json) as report, Project.open(project) as opened:
        facts = write_report(opened, out, progress=report)
        result = {"out": str(out.absolute()), **facts}
        audit = facts["metrics"]["audit"].get("balanced_accuracy")
        text = f"Written to {out}."
        if audit and audit["value"] is not None:
            text += (
                f" Balanced accuracy on audit images "
                f"{share(audit['value'], audit['low'], audit['high'])}, n = {audit['n']:,}."
            )
        tell(result, text, as_json=json, job=job)


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder or ZIP.", show_default=False)],
    folder: Annotated[
        Path,
        typer.Argument(help="Images: a folder (recursive), a ZIP, a file.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="The CSV to write.")] = Path("predictions.csv"),
    group_pattern: Annotated[
        str | None,
        optional(
            "One row for each patient, too: an expression that finds the patient in a path, by "
            "its first bracketed part.",
            metavar="REGEX",
        ),
    ] = None,
    group_column: Annotated[
        str | None, optional("The same by a column of the manifest.", metavar="COLUMN")
    ] = None,
    manifest: Annotated[
        Path | None, optional("A CSV with a column path and that column; FOLDER if it is one.")
    ] = None,
    groups_out: Annotated[
        Path | None, optional("The CSV of patients; beside --out as NAME.groups.csv by default.")
    ] = None,
    shard: Shard = None,
    no_bom: NoMark = False,
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Predict the classes of images with an exported classifier.

    Files that cannot be read are listed, also in NAME.errors.csv; the exit status is 1 where
    there is no other.
    """
    from fewshot_lab.export import Bundle, group_finder, predict_folder

    if manifest is None and folder.suffix.lower() in (".csv", ".tsv"):
        manifest = folder
    find = group_finder(group_pattern, group_column, manifest)
    part = shard_of(shard)
    with progress(job, as_json=json) as report, Bundle.open(bundle) as opened:
        done = predict_folder(
            opened,
            folder,
            part_file(out, part),
            find=find,
            groups_out=groups_out,
            part=part,
            progress=report,
        )
        result = {
            "predicted": done.predicted,
            "errors": done.errors,
            "out": str(done.out),
            "errors_file": str(done.errors_file) if done.errors_file else None,
            "referred": done.referred,
            "unlike": done.unlike,
            "groups_out": str(done.groups_out) if done.groups_out else None,
        }
        text = f"{plural(done.predicted, 'image')} predicted: {done.out}."
        if done.referred is not None:
            text += f" {done.predicted - done.referred:,} decided, {done.referred:,} referred."
        if done.unlike:
            text += f" {plural(done.unlike, 'image')} unlike anything labelled."
        if done.errors:
            text += f" {plural(len(done.errors), 'file')} could not be read: {done.errors_file}."
        tell(result, f"{text} {done.groups}".strip(), as_json=json, job=job)
        listed(done.errors)
    if not done.predicted and part == (0, 1):
        raise typer.Exit(1)


def predict_dropped(
    project: Annotated[str, typer.Argument()],
    folder: Annotated[Path, typer.Argument()],
    bundle: Annotated[Path, typer.Argument()],
    home: Home = None,
    json: Json = False,
    job: JobFolder = None,
) -> None:
    """Predict what was dropped on the page; PROJECT may be the folder of none."""
    from fewshot_lab.export import predict_dropped as predict_them
    from fewshot_lab.project import Project

    with progress(job, as_json=json) as report:
        with nullcontext() if project.startswith(".") else Project.open(project) as opened:
            done = predict_them(bundle, folder, opened, progress=report)
        result = {"predicted": len(done.answers), "errors": done.refused}
        tell(result, f"{plural(len(done.answers), 'image')} predicted.", as_json=json, job=job)
