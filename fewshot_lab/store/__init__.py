"""The database of a project: images, classes, and the log of labels."""

from fewshot_lab.store._class_states import MAX_CLASSES
from fewshot_lab.store._rows import (
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
from fewshot_lab.store._rules import in_conflict
from fewshot_lab.store._schema import SCHEMA_VERSION
from fewshot_lab.store._store import Store
from fewshot_lab.store._team import LONGEST_NAME, RULES, Team, TeamChange

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
    "in_conflict",
]
