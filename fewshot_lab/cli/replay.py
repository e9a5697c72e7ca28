"""What each suggestion strategy would have cost, and which is used: evaluate replay, strategy."""

from typing import Annotated, Any

import typer

from fewshot_lab.cli.options import ProjectName, WhichLabels, open_project, option
from fewshot_lab.cli.reporting import progress, table, tell
from fewshot_lab.cli.waiting import Now, in_turn
from fewshot_lab.words import percent, share_of


def replay(
    project: ProjectName,
    labels: WhichLabels = "own",
    strategy: Annotated[
        list[str] | None,
        option("mixed, cover, margin, entropy, random; may be repeated. All by default."),
    ] = None,
    draws: Annotated[int, option("How often everything is repeated.", min=2)] = 10,
    budget: Annotated[int | None, option("Labels given in each.", min=8)] = None,
    seed: Annotated[int, option("Of the draws.")] = 0,
    now: Now = False,
) -> None:
    """Label known images again by each strategy: what it would have cost, against random."""
    from fewshot_lab.evaluation import ReplayPlan
    from fewshot_lab.project import strategy_of

    asked: dict[str, Any] = {} if not strategy else {"strategies": tuple(strategy)}
    plan = ReplayPlan(draws=draws, budget=budget, seed=seed, **asked)
    with progress(heavy=in_turn(project, now=now)) as report:
        with open_project(project) as opened:
            result = opened.studies.replay(plan=plan, labels=labels, progress=report)
            used = strategy_of(opened)
        rows = [
            [
                each["strategy"],
                f"{100 * each['than_random']['value']:+.1f}",
                "{low:+.1f} to {high:+.1f}".format(
                    **{key: 100 * v for key, v in each["than_random"].items()}
                ),
                *(_cost(cost) for cost in each["cost"]),
            ]
            for each in result["strategies"]
        ]
        head = ["strategy", "points", "95 %"]
        head += [f"labels to {percent(c['accuracy'])}" for c in result["strategies"][0]["cost"]]
        lines = [
            table(head, rows),
            f"{result['draws']} draws of {result['images']:,} images, {result['test_images']:,} "
            f"for testing, up to {result['budget']} labels; points: mean over the curve against "
            f"random; in brackets labels as a share of random's. {result['leak_check']}",
            result["verdict"]["sentence"],
            f"In use: {used['strategy']} ({used['setting']}).",
        ]
        tell(result, "\n".join(lines))


def _cost(cost: dict[str, Any]) -> str:
    if cost["labels"] is None:
        return "not reached"
    if cost["share"] is None:
        return f"some {cost['labels']:.0f}, too unsure"
    return f"{cost['labels']:.0f} ({share_of(cost['share'])})"


def strategy(
    project: ProjectName,
    name: Annotated[
        str | None,
        typer.Argument(
            help="auto (follows the evidence of replays), mixed, cover, margin, entropy or random; "
            "gaps, where a suspected confounder is named."
        ),
    ] = None,
) -> None:
    """Show which strategy suggestions follow, or set it."""
    from fewshot_lab.project import set_strategy, strategy_of

    with open_project(project) as opened:
        if name is not None:
            set_strategy(opened, name)
        used = strategy_of(opened)
    sentence = used["sentence"] or f"Suggestions by {used['title']}."
    tell(used, f"{sentence} (Setting: {used['setting']}.)")
