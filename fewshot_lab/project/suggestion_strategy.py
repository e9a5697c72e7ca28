"""Which strategy a project's suggestions follow: by evidence, or as chosen by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import verdict
from fewshot_lab.project.confounders import confounders_of
from fewshot_lab.sampling import DEFAULT_STRATEGY, OF_CONFOUNDERS, STRATEGIES

if TYPE_CHECKING:
    from fewshot_lab.project.training import ProjectCore

SETTING = "strategy"
EVIDENCE = "strategy_evidence"
AUTO = "auto"


def strategies_of(project: ProjectCore) -> dict[str, str]:
    """Return the strategies that a project can use, and what they are in words."""
    return STRATEGIES | (OF_CONFOUNDERS if confounders_of(project) else {})


def strategy_of(project: ProjectCore) -> dict[str, Any]:
    """Return the strategy in use.

    Returns
    -------
    dict
        ``setting`` ("auto" or a name), ``strategy``, ``title`` in words, ``sentence`` (why; may
        be empty) and ``switched`` (whether evidence moved it away from the usual one).
    """
    setting = str(project.store.get(SETTING) or AUTO)
    offered = STRATEGIES if setting in STRATEGIES else strategies_of(project)
    by_hand = setting in offered
    evidence = project.store.get(EVIDENCE) or {}
    name, sentence = DEFAULT_STRATEGY, ""
    if by_hand:
        name, sentence = setting, f"Suggestions by {offered[setting]}, as chosen by hand."
    elif (
        evidence.get("strategy") in STRATEGIES
        # What was found with one backbone says nothing about another.
        and evidence.get("fingerprint") == project.backbone.fingerprint
    ):
        name, sentence = str(evidence["strategy"]), str(evidence.get("sentence", ""))
    return {
        "setting": setting if by_hand else AUTO,
        "strategy": name,
        "title": offered[name],
        "sentence": sentence,
        "switched": not by_hand and name != DEFAULT_STRATEGY,
    }


def set_strategy(project: ProjectCore, name: str) -> None:
    """Let suggestions follow the evidence ("auto") or one strategy.

    Raises
    ------
    FewshotLabError
        For an unknown name.
    """
    offered = strategies_of(project)
    if name in OF_CONFOUNDERS and name not in offered:
        raise FewshotLabError(
            f"{name!r} needs a suspected confounder: name a column that says site, scanner or "
            "stain first (Evaluate, Disease or site)."
        )
    if name != AUTO and name not in offered:
        raise FewshotLabError(
            f"{name!r} is not a strategy: choose {AUTO} or one of {', '.join(offered)}."
        )
    project.store.set(SETTING, name)


def take_evidence(project: ProjectCore, replay: dict[str, Any]) -> dict[str, Any]:
    """Keep what a replay says about the strategies; with "auto" suggestions follow it."""
    evidence = verdict(replay)
    project.store.set(
        EVIDENCE,
        evidence
        | {
            "fingerprint": project.backbone.fingerprint,
            "images": replay["images"],
            "labels": replay.get("labels"),
            "at": time.time(),
        },
    )
    return evidence
