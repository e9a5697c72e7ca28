"""Several annotators on one project: people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fewshot_lab.cli.options import ProjectName, app, open_project, option, options_set
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from fewshot_lab.project import PeopleReport
    from fewshot_lab.stats import Interval


@dataclass(frozen=True)
class TeamOptions:
    """How people work together; what is not given stays as it is."""

    rule: Annotated[
        str | None,
        option("Which label trains where opinions differ: latest, majority, senior or soft."),
    ] = None
    seniors: Annotated[
        str | None, option("Who decides where opinions differ.", metavar="NAME,NAME")
    ] = None
    annotators: Annotated[str | None, option("Who labels.", metavar="NAME,NAME")] = None
    split: Annotated[
        bool | None,
        option(
            "Give each annotator a share of the images, or all to everyone.", "--split/--no-split"
        ),
    ] = None
    double: Annotated[float | None, option("Share of the images labelled by several (0.1).")] = None
    per_image: Annotated[int | None, option("How many label each of those.")] = None
    blind: Annotated[
        float | None,
        option("Share labelled without sight of predictions and others' labels (1: all)."),
    ] = None
    repeats: Annotated[
        float | None, option("Share of a person's own images that come back unmarked, per label.")
    ] = None


@app.command()
def people(
    project: ProjectName,
    team_options: TeamOptions,
    by: Annotated[str | None, option("Who changes any of this.", metavar="NAME")] = None,
) -> None:
    """Show who labelled what and how well people agree; options change how they work together.

    A change needs --by: it is kept with name and time in the log.
    """
    changes = options_set(team_options)
    changes |= {key: tuple(changes[key].split(",")) for key in _NAMES & changes.keys()}
    if changes and by is None:
        raise FewshotLabError("Say with --by NAME who changes how people work together.")
    with open_project(project) as opened:
        if changes and by is not None:
            opened.team.agree(by, **changes)
        report = opened.team.report()
    tell(report.to_dict(), _text(report))


_NAMES = {"seniors", "annotators"}


def _text(report: PeopleReport) -> str:
    from fewshot_lab.store import Team

    team = report.team
    agreed = team.changes(Team(rule=team.rule, seniors=team.seniors))
    agreed = f"{agreed[0].upper()}{agreed[1:]}." if agreed else ""
    if not report.people:
        return f"Nobody has labelled anything yet. {agreed}".rstrip()
    lines = [
        table(
            ["annotator", "labels", "shared", "s per label", "kappa with oneself"],
            [
                [
                    person.name,
                    str(person.labels),
                    str(person.shared),
                    f"{person.pace.seconds:.1f}" if person.pace else "-",
                    _kappa(person.self_kappa),
                ]
                for person in report.people
            ],
        )
    ]
    if report.kappa is None:
        lines.append(
            "No image was labelled by two people independently: agreement cannot be measured."
        )
    else:
        lines.append(f"{report.kind}: {_kappa(report.kappa)}")
        if report.weighted is not None:
            lines.append(f"By grade, quadratic-weighted kappa: {_kappa(report.weighted)}")
        lines.append(f"Raw agreement: {_figure(report.agreement)}")
    if len(report.pairs) > 1:
        lines += [f"{pair.a}, {pair.b}: {_kappa(pair.kappa)}" for pair in report.pairs]
    waiting = [each for each in report.conflicts if not each.decided]
    if report.conflicts:
        line = f"{plural(len(report.conflicts), 'image')} labelled differently, "
        line += f"{len(waiting):,} undecided"
        if unsettled := sum(each.label is None for each in waiting):
            line += f", {unsettled:,} of them without a training label until somebody decides"
        lines.append(f"{line}.")
    lines.append(f"Training label: {report.rule}{f' ({s})' if (s := report.rule_since) else ''}.")
    effect = report.effect
    if effect.difference is not None:
        d = effect.difference
        often = f"{abs(100 * d.value):.1f} points {'more' if d.value >= 0 else 'less'} often"
        lines.append(
            f"With the prediction in sight a label agrees with it {often} "
            f"({100 * d.low:+.1f} to {100 * d.high:+.1f}, n = {d.n:,}). {effect.caveat}"
        )
    if agreed:
        lines.append(agreed)
    return "\n".join(lines)


def _kappa(value: Interval | None) -> str:
    from fewshot_lab.project import FEWEST

    if value is not None and 0 < value.n < FEWEST:
        return f"too few to say (n = {value.n})"
    return _figure(value)


def _figure(value: Interval | None) -> str:
    if value is None or value.value != value.value:
        return "-"
    return f"{value.value:.2f} ({value.low:.2f}-{value.high:.2f}, n = {value.n:,})"
