"""What stays together and what measures: groups, audit."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from fewshot_lab.cli.options import ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import share_of

if TYPE_CHECKING:
    from fewshot_lab.evaluation import GroupPreview, TestRule
    from fewshot_lab.project import Project
    from fewshot_lab.stats import Interval


@app.command()
def groups(
    project: ProjectName,
    pattern: Annotated[
        str | None,
        option("A regular expression on the path; its first bracketed part is the group."),
    ] = None,
    column: Annotated[str | None, option("A metadata column.")] = None,
    imported: Annotated[
        bool,
        option("Use the groups of the import (a manifest's column or a DICOM field)."),
    ] = False,
    none: Annotated[bool, option("No groups.")] = False,
    noun: Annotated[str | None, option("What a group is: patient, slide, video.")] = None,
    preview: Annotated[bool, option("Show the result; change nothing.")] = False,
    threshold: Annotated[
        str | None,
        option("Cosine from which two images are near-duplicates.", metavar="COSINE|auto"),
    ] = None,
    release: Annotated[
        list[str] | None,
        option(
            "Two images, by path or id, that are not the same; may be repeated.",
            metavar="IMAGE,IMAGE",
        ),
    ] = None,
    test_set: Annotated[
        str | None,
        option(
            "The reference test set: it never trains and is never suggested.",
            metavar="COLUMN=VALUE|FOLDER|auto|none",
        ),
    ] = None,
    site: Annotated[
        str | None,
        option(
            "The column that says site, scanner or laboratory: inner stages of the network "
            "are then read only if they are as good on sites left out.",
            metavar="COLUMN|auto|none",
        ),
    ] = None,
) -> None:
    """Show or choose what stays on one side of every split: groups, near-duplicates, test set."""
    from fewshot_lab.evaluation import GroupRule, noun_of

    with open_project(project) as opened:
        splits = opened.splits
        sources = [
            ("pattern", pattern), ("column", column), ("import", "" if imported else None),
            ("none", "" if none else None),
        ]  # fmt: skip
        chosen = [(kind, value) for kind, value in sources if value is not None]
        if len(chosen) > 1:
            raise FewshotLabError("Give one of --pattern, --column, --imported and --none.")
        old = splits.rule
        kind, value = chosen[0] if chosen else (old.kind, old.value)
        guessed = noun_of(value) if kind == "column" and value != old.value else old.noun
        rule = GroupRule(kind, value, noun or guessed)
        if preview:
            report = splits.preview(rule)
            tell(report.to_dict(), _preview(report))
            return
        report = splits.set_rule(rule) if rule != old else splits.preview()
        if threshold is not None:
            splits.set_threshold(_cosine(threshold))
        if release:
            splits.release([_two(opened, text) for text in release])
        if test_set is not None:
            splits.set_test_rule(_test_rule(test_set))
        if site is not None:
            splits.sites.choose({"auto": None, "none": ""}.get(site, site))
        result = splits.to_dict() | {"groups": report.to_dict()}
        tell(result, _shown(report, result))


def _cosine(text: str) -> float | None:
    if text == "auto":
        return None
    try:
        return float(text)
    except ValueError:
        raise FewshotLabError(f"--threshold is {text!r}: give a cosine, or auto.") from None


def _two(project: Project, text: str) -> tuple[str, str]:
    names = [part.strip() for part in text.split(",")]
    ids = project.store.find_many(names)
    if len(names) != 2 or len(ids) != 2:
        raise FewshotLabError(f"--release is {text!r}: give two images of the project, A,B.")
    return ids[names[0]], ids[names[1]]


def _test_rule(text: str) -> TestRule:
    from fewshot_lab.evaluation import TestRule

    if text in ("auto", "none"):
        return TestRule(text)
    name, equal, value = text.partition("=")
    return TestRule("column", name, value) if equal else TestRule("folder", folder=text)


def _preview(report: GroupPreview) -> str:
    rows = [[path, group or "-"] for path, group in report.examples]
    lines = [report.sentence, table(["path", report.rule.noun], rows)]
    if report.largest:
        largest = ", ".join(f"{name} ({n:,})" for name, n in report.largest[:5])
        lines.append(f"Largest: {largest}.")
    if report.unmatched:
        lines.append(f"Without one: {', '.join(report.unmatched[:5])}.")
    if report.warning:
        lines.append(f"Careful: {report.warning}")
    return "\n".join(lines)


def _shown(report: GroupPreview, result: dict[str, Any]) -> str:
    near, test = result["near_duplicates"], result["test_set"]
    lines = [
        _preview(report),
        f"Near-duplicates: {near['joined']:,} pairs joined, {near['released']:,} released, "
        f"{near['not_joined']:,} of different {report.rule.noun}s not joined. "
        f"Threshold {near['why']}",
    ]
    if test["images"]:
        lines.append(
            f"Reference test set ({test['by']}): {test['images']:,} images; "
            f"{test['kept_out_with_it']:,} that stay together with them do not train either."
        )
    else:
        lines.append("No reference test set.")
    lines.append(f"Site: column {result['site']}." if result["site"] else "No column of sites.")
    return "\n".join(lines)


@app.command()
def audit(
    project: ProjectName,
    draw: Annotated[int | None, option("Draw so many more images to label.")] = None,
    stratify: Annotated[
        str | None,
        option(
            "Draw from each stratum of the pool, so that rare ones are drawn often enough.",
            metavar="predicted|COLUMN",
        ),
    ] = None,
    per_group: Annotated[
        int | None,
        option(
            "Images of each group to ask about; by default as few as leave enough to train "
            "on, five at most."
        ),
    ] = None,
) -> None:
    """Show the accuracy on images drawn at random; draw more."""
    with open_project(project) as opened:
        drawn = 0
        if draw is not None:
            drawn = opened.audit.draw(draw, stratify=stratify, per_group=per_group)
        names = {row.id: row.name for row in opened.store.classes(include_retired=True)}
        report, _ = opened.audit.measure(opened.fit())
        figures = report.figures
        result: dict[str, Any] = {
            "drawn_now": drawn,
            "counts": asdict(report.counts),
            "leak_check": report.leaks.to_dict(),
            "figures": None,
        }
        if figures is not None:
            result["figures"] = {
                "n": figures.n,
                "independent": figures.groups,
                "labels_to_halve": figures.more,
                "groups_lacking": {names[c]: n for c, n in figures.lacking.items()},
                "labels_until_narrow": figures.until_narrow,
                "balanced_title": figures.balanced_title,
                "why_not": figures.why_not(names, opened.splits.rule.noun),
                "accuracy": asdict(figures.accuracy),
                "balanced_accuracy": _figure(figures.balanced_accuracy),
                **{
                    key: {names[c]: _figure(i) for c, i in getattr(figures, key).items()}
                    for key in ("recall", "precision", "prevalence")
                },
            }
        outlook = figures.outlook(names, opened.splits.rule.noun) if figures is not None else ""
        tell(result, _audit_text(result, outlook))


def _figure(interval: Interval) -> dict[str, Any]:
    return asdict(interval) if interval.n else {**asdict(interval), "value": None}


def _audit_text(result: dict[str, Any], outlook: str) -> str:
    counts, figures = result["counts"], result["figures"]
    lines = []
    if result["drawn_now"]:
        lines.append(f"{result['drawn_now']:,} images drawn.")
    lines.append(
        f"{counts['drawn']:,} of {counts['pool']:,} images drawn: {counts['labelled']:,} labelled, "
        f"{counts['unsure']:,} unsure, {counts['rejected']:,} unusable, "
        f"{counts['waiting']:,} wait for a label."
    )
    lines.append(result["leak_check"]["sentence"])
    if figures is None:
        return "\n".join([*lines, "No drawn image has a class yet: label them first."])

    def shown(i: dict[str, Any]) -> str:
        if i["value"] is None:
            return "-"
        return f"{share_of(i, 1)}, n = {i['n']}"

    lines.append(
        figures["why_not"] or f"{figures['balanced_title']} {shown(figures['balanced_accuracy'])}"
    )
    lines.append(f"Accuracy {shown(figures['accuracy'])}")
    keys = ("recall", "precision", "prevalence")
    rows = [[name, *(shown(figures[key][name]) for key in keys)] for name in figures["recall"]]
    lines.append(table(["class", *keys], rows))
    return "\n".join(lines if figures["why_not"] else [*lines, outlook])
