"""What to label next."""

from fewshot_lab.active._audit import choose_audit
from fewshot_lab.active._suggest import BATCH, Suggestion, suggest

__all__ = ["BATCH", "Suggestion", "choose_audit", "suggest"]
