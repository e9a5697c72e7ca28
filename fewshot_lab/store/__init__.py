"""The database of a project: images, classes, and the log of labels."""

from fewshot_lab.store.chain import LogHead
from fewshot_lab.store.class_states import MAX_CLASSES
from fewshot_lab.store.colours import colour_for
from fewshot_lab.store.database import Database
from fewshot_lab.store.image_rows import AddReport, AuditDraw, FileRow, ImageRow, NewImage
from fewshot_lab.store.journal import JournalEntry, append_entry, journal_table, read_entries
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
from fewshot_lab.store.names import LONGEST_NAME, tidy_name
from fewshot_lab.store.plan import Plan
from fewshot_lab.store.schema import SCHEMA_VERSION
from fewshot_lab.store.store import Store
from fewshot_lab.store.team import RULES, Team, TeamChange
from fewshot_lab.store.training_label import in_conflict
from fewshot_lab.store.verification import Verdict, verify_journal

__all__ = [
    "LONGEST_NAME",
    "MAX_CLASSES",
    "RULES",
    "SCHEMA_VERSION",
    "AddReport",
    "AuditDraw",
    "ClassRow",
    "Database",
    "Event",
    "FileRow",
    "HistoryRow",
    "ImageRow",
    "JournalEntry",
    "Label",
    "LabelAction",
    "LabelCounts",
    "LabelKind",
    "LogHead",
    "NewImage",
    "Plan",
    "Store",
    "Team",
    "TeamChange",
    "UndoResult",
    "Verdict",
    "append_entry",
    "colour_for",
    "in_conflict",
    "journal_table",
    "read_entries",
    "tidy_name",
    "verify_journal",
]
