"""Verbs of evaluate: one answer for each patient, grades, what errors cost."""

from pathlib import Path
from typing import Annotated, Any

from fewshot_lab.cli.options import ProjectName, open_project, option
from fewshot_lab.cli.reporting import share_cell, table, tell
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import percent


def patients(
    project: ProjectName,
    own_class: Annotated[
        str | None,
        option(
            "A patient's own class: that of most of its labelled images, or the worst of them; "
            "kept in the project. By default the worst if classes are grades or errors have costs.",
            metavar="majority|worst|auto",
        ),
    ] = None,
) -> None:
    """Say how good one answer for each patient (slide, video) is, and by which rule it is made."""
    from fewshot_lab.project import patient_figures, set_own_class

    with open_project(project) as opened:
        if own_class is not None:
            set_own_class(opened, None if own_class == "auto" else own_class)
        classifier = opened.fit()
        figures = patient_figures(opened, classifier.fitted, classifier.training.ids).to_dict()
    lines = [figures[key] for key in ("sentence", "truth", "on_audit", "caution")]
    rows = [[name, share_cell(each, 1), str(each["n"])] for name, each in figures["recall"].items()]
    lines.append(table(["class", "recall", "n"], rows))
    tell({"project": project, **figures}, "\n".join(filter(None, lines)))


def grades(
    project: ProjectName,
    order: Annotated[
        str | None,
        option(
            "The classes from the lowest grade to the highest; none if they are not grades.",
            metavar="A,B,C|none",
        ),
    ] = None,
) -> None:
    """Declare classes to be grades, or say how far predicted grades are from the true ones."""
    from fewshot_lab.project import clinical_report, grades_of, set_grades

    with open_project(project) as opened:
        names = {row.id: row.name for row in opened.store.classes()}
        if order is not None:
            set_grades(opened, [] if order == "none" else _split(order))
            ordered = [names[i] for i in grades_of(opened)]
            text = f"Grades: {' < '.join(ordered)}." if ordered else "The classes are no grades."
            tell({"project": project, "order": ordered}, text)
            return
        figures = clinical_report(opened, opened.fit())["grades"]
    if "reason" in figures:
        raise FewshotLabError(f"{figures['reason']} Declare them with --order.")
    head = ["at least", "mean probability", "share that was", "off by"]
    rows = [
        [
            level["grade"],
            percent(level["expected"], 1),
            share_cell(level["observed"], 1),
            share_cell(level["error"], 1),
        ]
        for level in figures["at_least"]
    ]
    tell({"project": project, **figures}, f"{figures['sentence']}\n{table(head, rows)}")


def costs(
    project: ProjectName,
    worse: Annotated[
        list[str] | None,
        option(
            "An error that is worse than others, by how many times; may be repeated.",
            metavar="TRUE>CALLED=TIMES",
        ),
    ] = None,
    matrix: Annotated[
        Path | None,
        option("All costs as a CSV: true classes in rows, what they are called in columns."),
    ] = None,
    equal: Annotated[bool, option("All errors count the same.")] = False,
) -> None:
    """Say which errors are worse than others, or how often they happen.

    The least expected cost then decides, in the app and in bundles.
    """
    from fewshot_lab.project import (
        clinical_report,
        cost_words,
        error_costs,
        parse_cost,
        read_cost_table,
        set_error_costs,
    )

    if sum((bool(worse), matrix is not None, equal)) > 1:
        raise FewshotLabError("Give one of --worse, --matrix and --equal.")
    with open_project(project) as opened:
        names = {row.id: row.name for row in opened.store.classes()}
        if worse or matrix is not None or equal:
            chosen: Any = [parse_cost(opened, text) for text in worse or []]
            if matrix is not None:
                chosen = read_cost_table(opened, matrix)
            set_error_costs(opened, chosen)
            says = [
                cost_words(names[c.true], names[c.called], c.times) for c in error_costs(opened)
            ]
            text = "\n".join(says) or "All errors count the same."
            tell({"project": project, "costs": says}, text)
            return
        figures = clinical_report(opened, opened.fit())["costs"]
    lines = [each["sentence"] for each in figures.get("errors", ())]
    lines.append(figures.get("decides") or figures["reason"])
    tell({"project": project, **figures}, "\n".join(lines))


def _split(order: str) -> list[str]:
    return [name.strip() for name in order.replace("<", ",").split(",")]
