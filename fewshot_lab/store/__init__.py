"""The database of a project: images, classes, and the log of labels."""

from fewshot_lab.store.chain import LogHead
from fewshot_lab.store.class_states import MAX_CLASSES
from fewshot_lab.store.colours import colour_for
from fewshot_lab.store.current_labels import PILE
from fewshot_lab.store.engines import server_version, sqlite_engine, turn_on_wal
from fewshot_lab.store.image_rows import AuditDraw, ImageColumns, ImageRow, NewImage
from fewshot_lab.store.journal import JournalEntry, append_entry, journal_table, read_entries
from fewshot_lab.store.label_rows import ClassRow, Event, HistoryRow, Label, LabelAction
from fewshot_lab.store.migrations import append_only
from fewshot_lab.store.moving import to_file, to_server
from fewshot_lab.store.names import LONGEST_NAME, tidy_name
from fewshot_lab.store.records import CODE_KEY
from fewshot_lab.store.schema import SCHEMA_VERSION
from fewshot_lab.store.store import Store
from fewshot_lab.store.team import RULES, Team, TeamChange
from fewshot_lab.store.training_label import in_conflict
from fewshot_lab.store.verification import verify_journal
