"""What to label next."""

from fewshot_lab.active._audit import (
    TAKE,
    Stratum,
    Unit,
    draw_units,
    read_design,
    write_more,
    write_strata,
)
from fewshot_lab.active._suggest import BATCH, COLD_LABELS_PER_CLASS, Suggestion, suggest

__all__ = [
    "BATCH",
    "COLD_LABELS_PER_CLASS",
    "TAKE",
    "Stratum",
    "Suggestion",
    "Unit",
    "draw_units",
    "read_design",
    "suggest",
    "write_more",
    "write_strata",
]
