"""What to label next."""

from fewshot_lab.active._audit import (
    Stratum,
    Unit,
    draw_further,
    draw_units,
    images_per_group,
    read_design,
    write_more,
    write_strata,
)
from fewshot_lab.active._strategies import DEFAULT as DEFAULT_STRATEGY
from fewshot_lab.active._strategies import STRATEGIES, suggest_by
from fewshot_lab.active._suggest import BATCH, COLD_LABELS_PER_CLASS, Suggestion, suggest

__all__ = [
    "BATCH",
    "COLD_LABELS_PER_CLASS",
    "DEFAULT_STRATEGY",
    "STRATEGIES",
    "Stratum",
    "Suggestion",
    "Unit",
    "draw_further",
    "draw_units",
    "images_per_group",
    "read_design",
    "suggest",
    "suggest_by",
    "write_more",
    "write_strata",
]
