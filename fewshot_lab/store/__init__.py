"""The database of a project: images, classes, and the log of labels."""

from fewshot_lab.store.class_states import MAX_CLASSES
from fewshot_lab.store.colours import colour_for
from fewshot_lab.store.label_rules import in_conflict
from fewshot_lab.store.rows import (
    AddReport,
    AuditDraw,
    ClassRow,
    Counts,
    Event,
    FileRow,
    HistoryRow,
    ImageRow,
    Kind,
    Label,
    LabelAction,
    NewImage,
    Undone,
)
from fewshot_lab.store.schema import SCHEMA_VERSION
from fewshot_lab.store.store import Store
from fewshot_lab.store.team import LONGEST_NAME, RULES, Team, TeamChange

__all__ = [
    "LONGEST_NAME",
    "MAX_CLASSES",
    "RULES",
    "SCHEMA_VERSION",
    "AddReport",
    "AuditDraw",
    "ClassRow",
    "Counts",
    "Event",
    "FileRow",
    "HistoryRow",
    "ImageRow",
    "Kind",
    "Label",
    "LabelAction",
    "NewImage",
    "Store",
    "Team",
    "TeamChange",
    "Undone",
    "colour_for",
    "in_conflict",
]
