"""The database of a project: images, classes, and the log of labels."""

from fewshot_lab.store.class_states import MAX_CLASSES
from fewshot_lab.store.colours import colour_for
from fewshot_lab.store.engines import server_version
from fewshot_lab.store.image_rows import AddReport, AuditDraw, FileRow, ImageRow, NewImage
from fewshot_lab.store.label_rows import (
    ClassRow,
    Event,
    HistoryRow,
    Label,
    LabelAction,
    LabelCounts,
    LabelKind,
    UndoResult,
)
from fewshot_lab.store.moving import to_file, to_server
from fewshot_lab.store.names import LONGEST_NAME, tidy_name
from fewshot_lab.store.schema import SCHEMA_VERSION
from fewshot_lab.store.store import Store
from fewshot_lab.store.team import RULES, Team, TeamChange
from fewshot_lab.store.training_label import in_conflict

__all__ = [
    "LONGEST_NAME",
    "MAX_CLASSES",
    "RULES",
    "SCHEMA_VERSION",
    "AddReport",
    "AuditDraw",
    "ClassRow",
    "Event",
    "FileRow",
    "HistoryRow",
    "ImageRow",
    "Label",
    "LabelAction",
    "LabelCounts",
    "LabelKind",
    "NewImage",
    "Store",
    "Team",
    "TeamChange",
    "UndoResult",
    "colour_for",
    "in_conflict",
    "server_version",
    "tidy_name",
    "to_file",
    "to_server",
]
