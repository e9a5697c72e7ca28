"""The audit set of a project: drawn at random, labelled like the others, never trained on."""

from fewshot_lab.audit._pool import PoolView
from fewshot_lab.audit._set import AuditSet, Predictions
from fewshot_lab.audit._share import audit_share

__all__ = ["AuditSet", "PoolView", "Predictions", "audit_share"]
