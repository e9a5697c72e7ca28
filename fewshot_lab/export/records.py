"""The journal as a table, and the hashes of the log that bundles have named."""

import json
from collections.abc import Iterable

from fewshot_lab.export.tables import as_csv
from fewshot_lab.files import read_json
from fewshot_lab.project import ProjectCore
from fewshot_lab.store import JournalEntry, LogHead

COLUMNS = ("id", "time", "who", "what", "detail", "hash")


def journal_csv(entries: Iterable[JournalEntry]) -> str:
    """Return a journal as CSV."""
    return as_csv(
        COLUMNS,
        (
            entry._asdict()
            | {
                "time": entry.time.isoformat(timespec="seconds"),
                "detail": json.dumps(entry.detail, ensure_ascii=False),
            }
            for entry in entries
        ),
    )


def exported_heads(project: ProjectCore) -> list[LogHead]:
    """Return the positions and hashes that the bundles in a project's exports/ name."""
    heads = []
    for file in sorted((project.folder / "exports").glob("*/bundle.json")):
        data = (read_json(file) or {}).get("data") or {}
        if "log_hash" in data:  # older bundles name no hash of the chain
            heads.append(LogHead(int(data["log_position"]), str(data["log_hash"])))
    return heads
