"""Backbones: listing them, and comparing them on a project's labels."""

import os
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fewshot_lab.cli.options import ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import progress, table, tell
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.words import share


@app.command(name="try-backbone", hidden=True)
def try_backbone(
    project: ProjectName,
    backbone: Annotated[str, option("The one to compare with.")],
    now: Now = False,
) -> None:
    """Embed by another backbone and compare both on the same labels; switches nothing."""
    from fewshot_lab.runs import try_backbone as compare

    with (
        progress(heavy=in_turn(project, now=now)) as report,
        open_project(project) as opened,
    ):
        verdict = compare(opened, backbone, progress=report)
    tell(verdict, verdict["reason"] or f"{backbone} is compared.")


@app.command(name="compare-backbones", hidden=True)
def compare_backbones(
    project: ProjectName,
    backbone: Annotated[list[str] | None, typer.Option("--backbone")] = None,
    behind: Annotated[bool, option("Give way to everything else.")] = False,
    now: Now = False,
) -> None:
    """Say whether another backbone of the app is better on the labels."""
    from fewshot_lab.project import UNASKED_SECONDS, better_backbone

    if behind and hasattr(os, "nice"):
        os.nice(10)
    with (
        progress(heavy=in_turn(project, now=now)) as report,
        open_project(project) as opened,
    ):
        verdict = better_backbone(
            opened, backbone or (), within=UNASKED_SECONDS if behind else None, progress=report
        )
    tell(verdict, _compared(verdict))


def _compared(verdict: dict[str, Any]) -> str:
    from fewshot_lab.project import points

    rows = [
        [
            row["backbone"],
            share(*row["balanced_accuracy"]),
            points(row) if "gain" in row else "in use",
        ]
        for row in verdict["rows"]
    ]
    lines = [table(["backbone", "balanced accuracy", "against the one in use"], rows), ""]
    lines += [f"{row['backbone']}: {row['reason']}" for row in verdict["left_out"]]
    lines.append(verdict["sentence"])
    if verdict["better"]:
        lines.append("Nothing was switched: 'prepare PROJECT --backbone NAME' does it.")
    return "\n".join(lines)


@app.command()
def backbones(
    compare: Annotated[
        str | None,
        option(
            "Instead, compare the backbones of the app on a project's labels.", metavar="PROJECT"
        ),
    ] = None,
    now: Now = False,
) -> None:
    """List the backbones, the default first."""
    from fewshot_lab.backbones import cards, default_name, find

    if compare is not None:
        compare_backbones(compare, now=now)
        return
    default = default_name()
    result = []
    grouped: dict[str, list[list[str]]] = {}
    for card in cards():
        usable, sentence = find(card.name).available()
        result.append(
            {
                **asdict(card),
                "default": card.name == default,
                "available": usable,
                "availability": sentence,
            }
        )
        state = "here" if card.offline else "to download" if usable else "not available now"
        licence = card.licence_class + (", gated" if card.gated else "")
        row = [f"  {card.name}", str(card.dimensions), f"{card.size_mb:,.0f}", licence, state]
        grouped.setdefault(card.domain or "your own", []).append(row)
    rows = [row for domain, group in grouped.items() for row in ([domain, *[""] * 4], *group)]
    text = table(["backbone", "dims", "MB", "licence", "weights"], rows)
    tell({"backbones": result}, f"{text}\n\n{_MORE}")


_MORE = (
    "Licence: what it demands of a classifier made with the backbone; gated: access must be\n"
    "requested. --json says what each is good for, its training data and which public sets it\n"
    "has seen. --compare PROJECT says whether another backbone of the app does better on your\n"
    "labels. +stages after a name also reads the network's inner stages, which often separates\n"
    "classes better; the default does so already."
)
