"""The tables. Rows of the log are only ever added; triggers see to it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from fewshot_lab.store.journal import journal_table
from fewshot_lab.store.names import LONGEST_NAME

SCHEMA_VERSION = 4

metadata = MetaData()

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

settings = Table(
    "settings",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("value", Text, nullable=False),  # JSON
)

# Keys are given out by the writer, who holds the only write lock, as max + 1: the same on both
# databases, without gaps, and in the order in which readers come to see the rows.

images = Table(
    "images",
    metadata,
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("id", String(64), nullable=False, unique=True),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("grp", Text),  # "group" is a word of SQL
    Column("reference", Text),
    Column("meta", Text),  # JSON, NULL for none
)

files = Table(
    "files",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("image", Integer, ForeignKey("images.ordinal"), nullable=False, index=True),
    Column("path", Text, nullable=False, index=True),
    Column("file", Text, nullable=False),
    Column("frame", Integer, nullable=False),
    Column("source", Text, nullable=False, index=True),
    Column("source_frame", Integer, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("replaced", Integer, nullable=False),  # 1: the source holds another picture now
)

refused = Table(
    "refused",
    metadata,
    Column("path", Text, primary_key=True),
    Column("reason", Text, nullable=False),
)

actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),  # microseconds since 1970, UTC
    Column("annotator", Text, nullable=False),
    # "label", "class", "team", "undo", "redo", "nothing"
    Column("what", String(16), nullable=False),
    Column("target", Integer, ForeignKey("actions.id"), index=True),  # what undo and redo act on
    Column("client", String(200)),
    Column("q", BigInteger),
    Column("sentence", Text, nullable=False),
    Column("n_images", Integer, nullable=False),
    Column("view", Text),
    Column("strategy", Text),
    Column("spent_ms", Integer),
    Column("machine", Integer, nullable=False),
    Column("note", Text),
    UniqueConstraint("client", "q"),
    Index("actions_by_annotator", "annotator", "id"),
    Index("actions_by_time", "time"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("action", Integer, ForeignKey("actions.id"), nullable=False, index=True),
    Column("image", Integer, ForeignKey("images.ordinal"), nullable=False),
    Column("kind", String(8), nullable=False),  # "class", "unsure", "reject", "clear", "skip"
    Column("class_id", Integer),
    # The event whose state holds for this annotator from here on: its own id for what was said, an
    # older event's for what undo or redo brought back, NULL where that is "never labelled". In
    # version 1 an image had one state whoever gave it: there an undo may lead to the event of
    # somebody else, and then the annotator has said nothing.
    Column("origin", Integer),
    Column("before", Integer),  # the origin that held until then
    Column("shown_class", Integer),  # the prediction that was on screen
    Column("shown_probability", Float),
    Column("concealed_class", Integer),  # the prediction there was, where it was hidden
    Column("concealed_probability", Float),
    Column("apart", Integer),  # 1: what others had said of the image was hidden
    Column("repeats", Integer),  # the annotator's own earlier event, where that was hidden
    Index("events_by_image", "image", "id"),
)

class_events = Table(
    "class_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("action", Integer, ForeignKey("actions.id"), nullable=False, index=True),
    Column("class_id", Integer, nullable=False),
    # The whole state of the class from here on.
    Column("name", Text, nullable=False),
    Column("color", String(7), nullable=False),
    Column("position", Integer, nullable=False),
    Column("retired", Integer, nullable=False),
    Column("merged_into", Integer),
    Column("withdrawn", Integer, nullable=False),  # 1: adding it was undone
    Column("before", Integer),  # the class event that held until then, NULL for a new class
    Index("class_events_by_class", "class_id", "id"),
)

audit_draws = Table(
    "audit_draws",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),  # the log's position when they were drawn
    Column("pool_size", Integer, nullable=False),
    Column("strategy", Text, nullable=False),
)

audit_images = Table(
    "audit_images",
    metadata,
    Column("image", Integer, ForeignKey("images.ordinal"), primary_key=True, autoincrement=False),
    Column("draw", Integer, ForeignKey("audit_draws.id"), nullable=False, index=True),
)

team_events = Table(
    "team_events",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("action", Integer, ForeignKey("actions.id"), nullable=False, index=True),
    Column("value", Text, nullable=False),  # JSON: the whole of a Team from here on
)

# Each action's hash, over what it holds and the hash of the action before it.
seals = Table(
    "seals",
    metadata,
    Column("action", Integer, ForeignKey("actions.id"), primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    # 1: sealed when the project was brought up to version 4, as it was then
    Column("at_upgrade", Integer, nullable=False),
)

# Everything that is done to a project and is not a label.
journal = journal_table(metadata)

# Who may do what in this project, where people sign in.
members = Table(
    "members",
    metadata,
    Column("name", String(LONGEST_NAME), primary_key=True),
    Column("role", String(16), nullable=False),
)

APPEND_ONLY = ("actions", "events", "class_events", "team_events", "seals", "journal")

_INTEGER = "BETWEEN 0 AND 2147483647"

# What every new row keeps to, whoever writes it. SQLite stores any type in any column, and holds a
# text to be larger than every number. Rows from before version 3 may break these rules.
CHECKS = {
    "actions": (
        f"length(annotator) BETWEEN 1 AND {LONGEST_NAME}",
        f"length(coalesce(view, '')) <= {LONGEST_NAME}",
        f"length(coalesce(strategy, '')) <= {LONGEST_NAME}",
        "length(coalesce(client, '')) <= 200",
        "coalesce(q, 0) BETWEEN 0 AND 9223372036854775807",
        f"coalesce(spent_ms, 0) {_INTEGER}",
    ),
    "events": (
        "kind IN ('class', 'unsure', 'reject', 'clear', 'skip')",
        f"coalesce(class_id, 0) {_INTEGER}",
        "coalesce(shown_probability, 0) BETWEEN 0 AND 1",
        "coalesce(concealed_probability, 0) BETWEEN 0 AND 1",
    ),
    "class_events": (
        f"length(name) BETWEEN 1 AND {LONGEST_NAME}",
        "length(color) = 7 AND substr(color, 1, 1) = '#'",
    ),
}


@dataclass(frozen=True)
class Upgrade:
    """What a version added to the one before it; a new database has all of it from the start."""

    tables: tuple[Table, ...] = ()
    columns: tuple[Column[Any], ...] = ()
    checks: tuple[str, ...] = ()


# From the version that each leads to. Columns that are added may be NULL: old rows know nothing
# of them, and the log is never rewritten.
UPGRADES = {
    2: Upgrade(
        tables=(team_events,),
        columns=(
            events.c.concealed_class,
            events.c.concealed_probability,
            events.c.apart,
            events.c.repeats,
        ),
    ),
    3: Upgrade(checks=tuple(CHECKS)),
    4: Upgrade(tables=(seals, journal, members)),
}
