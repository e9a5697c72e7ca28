"""Longer studies of a project: its few-shot curve, replays, backbones, what labels are worth.

Each gathers rows from the project, asks ``evaluation`` and says what came out.
"""

from fewshot_lab.studies._advise import advise
from fewshot_lab.studies._backbones import backbone_shots, backbones_of
from fewshot_lab.studies._better import (
    UNASKED_SECONDS,
    backbone_offer,
    better_backbone,
    candidates,
    decline_offer,
    is_due,
    points,
    put_into_use,
    verdict,
)
from fewshot_lab.studies._few_shot import nshot_of
from fewshot_lab.studies._kept import newest, remember
from fewshot_lab.studies._replay import replay_of
from fewshot_lab.studies._strategy import set_strategy, strategy_of, take_evidence

__all__ = [
    "UNASKED_SECONDS",
    "advise",
    "backbone_offer",
    "backbone_shots",
    "backbones_of",
    "better_backbone",
    "candidates",
    "decline_offer",
    "is_due",
    "newest",
    "nshot_of",
    "points",
    "put_into_use",
    "remember",
    "replay_of",
    "set_strategy",
    "strategy_of",
    "take_evidence",
    "verdict",
]
