"""What was done to a project, and whether its records are whole: verify, journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fewshot_lab.cli.options import CsvOut, ProjectName, app, open_project, option
from fewshot_lab.cli.reporting import tell, tell_table

if TYPE_CHECKING:
    from fewshot_lab.store import JournalEntry, LogHead


@app.command()
def verify(
    project: ProjectName,
    known: Annotated[
        list[str] | None,
        option(
            "A position and its hash, as named before by a bundle, a report or this command; may "
            "be repeated.",
            "--hash",
            metavar="POSITION:HASH",
        ),
    ] = None,
) -> None:
    """Say whether labels or journal were changed outside the app, and where.

    The exit status is 1 if they were. Hashes named by bundles in the project's exports/ are
    checked too.
    """
    from fewshot_lab.export import exported_heads

    with open_project(project) as opened:
        named = [*map(_head, known or []), *exported_heads(opened)]
        verdict = opened.store.verify(tuple(named))
    old = ""
    if verdict.at_upgrade:
        old = (
            f" The first {verdict.at_upgrade:,} actions are older than the chain: it says what "
            "they were when this version first opened the project."
        )
    result = {
        "sound": verdict.is_sound,
        "actions": verdict.actions,
        "journal": verdict.entries,
        "older_than_the_chain": verdict.at_upgrade,
        "exports_compared": len(named),
        "hash": str(verdict.head),
        "problems": list(verdict.problems),
    }
    if verdict.is_sound:
        counts = f"{verdict.actions:,} actions, {verdict.entries:,} entries of the journal"
        seen = f", {len(named):,} hashes named by exports" if named else ""
        text = f"Nothing was changed: {counts}{seen}.{old}\nHash now: {verdict.head}"
    else:
        text = "\n".join(["This project's records were changed.", *verdict.problems]) + old
    tell(result, text)
    if not verdict.is_sound:
        raise typer.Exit(1)


def _head(text: str) -> LogHead:
    from fewshot_lab.errors import FewshotLabError
    from fewshot_lab.store import LogHead

    position, _, value = text.partition(":")
    if not position.isdecimal() or len(value) != 64:
        raise FewshotLabError(f"{text!r} is not POSITION:HASH, such as 120:9f86…, of 64 digits.")
    return LogHead(int(position), value)


@app.command()
def journal(project: ProjectName, out: CsvOut = None) -> None:
    """Write all actions on a project other than labels as CSV: who, when, what."""
    with open_project(project) as opened:
        entries = opened.store.journal()
    tell_journal(entries, out)


def tell_journal(entries: Sequence[JournalEntry], out: Path | None) -> None:
    """Write entries of a journal as CSV, or give them as JSON."""
    from fewshot_lab.export import journal_csv

    rows = [{**entry._asdict(), "time": entry.time.isoformat()} for entry in entries]
    tell_table(journal_csv(entries), out, lambda: {"journal": rows})
