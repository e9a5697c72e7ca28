"""Labels: label, labels, history."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fewshot_lab.cli.options import CsvOut, NoMark, ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import table, tell, tell_table
from fewshot_lab.words import first_few, plural


@app.command()
def label(
    project: ProjectName,
    csv: Annotated[Path, option("A CSV with the columns path and label, or usual names for them.")],
    annotator: Annotated[str, option("Who labelled.")],
) -> None:
    """Label images from a CSV.

    Classes that do not exist yet are added; "unsure" and "reject" mark an image, an empty label
    clears it. Paths that are not in the project are listed and the exit status is 1; the others
    are still labelled. A file that gives an image two labels is refused.
    """
    with open_project(project) as opened:
        done = opened.labels.add_csv(csv, annotator)
        opened.touch()
    text = f"{plural(done.labelled, 'image')} labelled. {done.sentence}".strip()
    tell(done._asdict(), text)
    tell_unmatched(project, done.unmatched)


def tell_unmatched(project: str, unmatched: list[str]) -> None:
    """List paths that are not in the project and end with status 1, where there are any."""
    if unmatched:
        paths, are = plural(len(unmatched), "path"), "is" if len(unmatched) == 1 else "are"
        print(f"{paths} {are} not in {project!r}: {first_few(unmatched)}", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def labels(
    project: ProjectName,
    out: CsvOut = None,
    at: Annotated[
        str | None,
        option("Labels as of a position of the log or a time.", metavar="POSITION|TIME"),
    ] = None,
    opinions: Annotated[bool, option("A row for each annotator's own opinion.")] = False,
    no_bom: NoMark = False,
) -> None:
    """Write the labels as CSV, as of now or of a past moment."""
    from fewshot_lab.export import labels_csv, opinions_csv, parse_moment

    moment = parse_moment(at) if at is not None else None
    with open_project(project) as opened:
        opened.store.note("export", kind="opinions" if opinions else "labels", at=at)
        if opinions:
            text, rows = opinions_csv(opened, at=moment), opened.store.export_opinions
        else:
            text, rows = labels_csv(opened, at=moment), opened.store.export_labels
        name = "opinions" if opinions else "labels"
        tell_table(text, out, lambda: {"at": at, name: rows(moment)})


@app.command()
def history(
    project: ProjectName,
    limit: Annotated[int, option("How many actions.", min=1)] = 20,
) -> None:
    """Show the last actions, the newest first."""
    from dataclasses import asdict

    with open_project(project) as opened:
        rows = opened.store.history(limit)
    result = {"history": [{**asdict(row), "time": row.time.isoformat()} for row in rows]}
    if not rows:
        tell(result, "Nothing has been labelled yet.")
        return
    shown = [
        [
            str(row.action_id),
            row.time.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            row.annotator,
            row.sentence + (" (undone)" if row.undone else ""),
        ]
        for row in rows
    ]
    tell(result, table(["position", "time", "annotator", "what"], shown))
