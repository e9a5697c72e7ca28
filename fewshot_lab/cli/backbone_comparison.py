"""Backbones on the same labels and draws: evaluate backbones."""

from typing import Annotated, Any

from fewshot_lab.cli.few_shot import shots_of
from fewshot_lab.cli.options import ProjectName, WhichLabels, open_project, option
from fewshot_lab.cli.reporting import progress, table, tell
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.words import share


def backbones(
    project: ProjectName,
    backbone: Annotated[
        list[str] | None,
        option(
            "Two or more; the others are compared with the first. Missing embeddings are made.",
        ),
    ] = None,
    shots: Annotated[
        str | None,
        option(
            "Labels per class; by default as many as the smallest class has.", metavar="N,N,..."
        ),
    ] = None,
    draws: Annotated[int, option("Draws of labels.", min=2)] = 10,
    labels: WhichLabels = "reference",
    now: Now = False,
) -> None:
    """Compare backbones on the same labels and draws, with intervals and cost."""
    from fewshot_lab.evaluation import Protocol
    from fewshot_lab.project import backbone_shots

    with progress(heavy=in_turn(project, now=now)) as report:
        with open_project(project) as opened:
            wanted = shots_of(shots) if shots else backbone_shots(opened, labels)
            comparison = opened.studies.compare(
                backbone or [], protocol=Protocol(wanted, draws), labels=labels, progress=report
            )
        costs = {row["backbone"]: row for row in comparison["costs"]}
        gaps = {(d["backbone"], d["shots"]): d for d in comparison["differences"]}
        rows = [
            [
                str(each["shots"]),
                each["backbone"],
                share(each["balanced_accuracy"], each["interval"][0], each["interval"][1], 1),
                _gap(gaps.get((each["backbone"], each["shots"]))),
                f"{costs[each['backbone']]['embed_seconds_per_1000']:.1f}",
                f"{costs[each['backbone']]['fit_seconds']:.2f}",
            ]
            for each in comparison["results"]
        ]
        head = [
            "n",
            "backbone",
            "balanced accuracy (95 %)",
            "against the first",
            "s/1,000 images",
            "s/fit",
        ]
        lines = [table(head, rows), *comparison["sentences"]]
        lines.append(f"{comparison['test_images']:,} test images. {comparison['leak_check']}")
        tell(comparison, "\n".join(lines))


def _gap(gap: dict[str, Any] | None) -> str:
    if gap is None:
        return ""
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(gap["difference"], *gap["interval"])
