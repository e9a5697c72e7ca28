"""The classifier: fit, predictions, export, report."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.acting import system_user
from fewshot_lab.cli.options import CsvOut, NoMark, ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import progress, tell, tell_table
from fewshot_lab.words import plural, share_of

ClassifierName = Annotated[
    str | None,
    option(
        "auto, stack, logreg, lda, rbf-svm, paper-svm, paper-logreg or paper-knn; "
        "the project's choice by default.",
    ),
]


@app.command()
def fit(project: ProjectName, classifier: ClassifierName = None) -> None:
    """Fit a classifier on the labels and say how good it is."""
    import time

    from fewshot_lab.export import figures

    with open_project(project) as opened:
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
            lines.append(f"{title} by {what}: {share_of(value, 1)}, n = {value['n']:,}.")
        else:
            reason = str(part["reason"])
            lines.append(f"{what.capitalize()}: {reason[:1].lower()}{reason[1:]}")
    tell(result, "\n".join(lines))


@app.command()
def predictions(
    project: ProjectName,
    out: CsvOut = None,
    classifier: ClassifierName = None,
    no_bom: NoMark = False,
) -> None:
    """Write labels and predictions of all images as CSV."""
    import csv
    import io

    from fewshot_lab.export import predictions_csv

    with open_project(project) as opened:
        text = predictions_csv(opened, classifier=opened.fit(classifier))
        opened.store.note("export", kind="predictions")
    tell_table(text, out, lambda: {"predictions": list(csv.DictReader(io.StringIO(text)))})


@app.command()
def export(
    project: ProjectName,
    bundle: Annotated[Path, typer.Argument(help="The folder to write, or NAME.zip.")],
    zip: Annotated[bool, option("Also write BUNDLE.zip.")] = False,
    force: Annotated[bool, option("Replace a bundle.")] = False,
    licence_accepted: Annotated[
        bool,
        option(
            "You know the backbone's licence and comply with it; needed if it forbids passing the "
            "bundle on or commercial use.",
        ),
    ] = False,
    accepted_by: Annotated[
        str | None, option("Who accepts it; the system's user by default.")
    ] = None,
    file_names: Annotated[bool, option("Name the image files in labels.csv.")] = False,
    classifier: ClassifierName = None,
) -> None:
    """Write the classifier as a bundle that works without this app, and check it."""
    from fewshot_lab.export import check_backbone, export_bundle

    with progress() as report, open_project(project) as opened:
        check_backbone(opened.backbone.card, licence_accepted)  # or refuse, before the fit
        report("fitting", 0, None)
        done = export_bundle(
            opened,
            bundle,
            classifier=opened.fit(classifier),
            zip=zip,
            force=force,
            licence_accepted=licence_accepted,
            accepted_by=system_user() if accepted_by is None else accepted_by,
            file_names=file_names,
            progress=report,
        )
        result = asdict(done) | {"seconds": round(done.seconds, 3)}
        result["zip"] = result.pop("zip_path")
        places = " and ".join(str(p) for p in (done.folder, done.zip_path) if p)
        text = (
            f"Written to {places}. Its probabilities differ from the app's by at most "
            f"{done.max_difference:.1g} on {plural(done.n_images, 'stored image')}."
        )
        tell(result, f"{text} {done.note}".strip())


@app.command()
def report(
    project: ProjectName,
    out: Annotated[Path, option("The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write a report on the classifier as one HTML page, to read, print and cite."""
    from fewshot_lab.export import write_report

    with progress() as report, open_project(project) as opened:
        facts = write_report(opened, out, progress=report)
        result = {"out": str(out.absolute()), **facts}
        audit = facts["metrics"]["audit"].get("balanced_accuracy")
        text = f"Written to {out}."
        if audit and audit["value"] is not None:
            text += f" Balanced accuracy on audit images {share_of(audit)}, n = {audit['n']:,}."
        tell(result, text)
