"""What to label next."""

from fewshot_lab.active._audit import choose_audit
from fewshot_lab.active._suggest import BATCH, COLD_LABELS_PER_CLASS, Suggestion, suggest

__all__ = ["BATCH", "COLD_LABELS_PER_CLASS", "Suggestion", "choose_audit", "suggest"]
