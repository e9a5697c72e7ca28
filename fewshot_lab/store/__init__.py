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
from fewshot_lab.store._schema import SCHEMA_VERSION
from fewshot_lab.store._store import Store

__all__ = [
    "MAX_CLASSES",
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
    "Undone",
]
