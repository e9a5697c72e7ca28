"""What the last import did, and every file that was refused."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from fewshot_lab.cells import csv_bytes
from fewshot_lab.project import Project, import_sentence
from fewshot_lab.ui import pages, work
from fewshot_lab.ui.fragments import fragment
from fewshot_lab.ui.on_error import note
from fewshot_lab.ui.written_file import download_csv
from fewshot_lab.words import plural

LISTED = 500
VERBS = ("import", "pacs-fetch", "exchange-in", "demo", "prepare", "embed", "map")
BESIDE = {".csv", ".docx", ".html", ".json", ".md", ".pdf", ".txt", ".tsv", ".xlsx", ".xml"}
"""Endings of what lies beside images and nobody takes for one."""

GROUPS = "Say which images are of one patient, slide or video"


def show(project: Project) -> bool:
    """Draw the outcome of the newest work on the project's images; return whether there is any."""
    newest = work.latest(project, VERBS)
    if newest is not None:
        work.show_ending(project, newest)
    imported = work.latest(project, ("import",))
    report = imported.report() if imported is not None else None
    refused = project.store.refused()
    failed = failed_to_embed(newest.report() if newest is not None else None)
    if report is None and not refused and not failed:
        return False
    any_image = bool(project.store.ids())
    if report is not None:
        note(import_sentence(report))
        with st.container(horizontal=True, gap="medium"):
            pages.link("label", "Open the map", project.name)
            pages.link("evaluate", GROUPS, project.name, view="Groups, test set")
    in_all = "" if report is None or len(report["refused"]) == len(refused) else ", in all imports"
    files_table(
        f"{plural(len(refused), 'file')} refused{in_all}",
        ("File", "Reason"),
        refused,
        "refused.csv",
        expanded=len(refused) <= 8 or not any_image,
    )
    if report is not None:
        notes, volumes = report.get("notes", []), report.get("volume_notes", [])
        title = f"{plural(len(notes), 'note')} on videos"
        files_table(title, ("Video", "Note"), notes, "notes.csv", expanded=True)
        title, few = f"{plural(len(volumes), 'remark')} on volumes", len(volumes) <= 8
        files_table(title, ("First slice", "Note"), volumes, "volumes.csv", expanded=few)
        paths = paths_of(project, sorted({first for _, first in report["duplicates"]}))
        for kind, words in (
            ("duplicates", "linked to the first file"),
            ("conflicts", "with another reference label"),
        ):
            same = [(path, paths.get(first, first)) for path, first in report.get(kind, [])]
            title = f"{plural(len(same), 'duplicate')} {words}"
            files_table(title, ("File", "Same pixels as"), same, f"{kind}.csv")
    files_table(
        f"{plural(len(failed), 'image')} could not be embedded",
        ("File", "Reason"),
        failed,
        "not-embedded.csv",
    )
    return True


def flawless(project: Project, watched: str | None) -> bool:
    """Say whether the import that was being watched is over, has a map and left nothing out."""
    newest = work.latest(project, ("import",))
    if newest is None or newest.id != watched or newest.status().state in work.ENDED_BADLY:
        return False
    report = newest.report()
    return report is not None and not leaves_out(report) and project.map is not None


def leaves_out(report: dict[str, Any]) -> bool:
    """Say whether an import left out what its user may miss."""
    unread = set(report.get("ignored", ())) - BESIDE
    listed = any(report.get(key) for key in ("refused", "conflicts", "notes", "volume_notes"))
    return bool(listed or unread or failed_to_embed(report))


def failed_to_embed(report: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Return the images without an embedding, by path, and why."""
    if report is None:
        return []
    failed = report.get("embed", report).get("failed", [])
    return [(str(path), str(reason)) for path, reason in failed]


def paths_of(project: Project, ids: Sequence[str]) -> dict[str, str]:
    """Return the paths of images by id."""
    return {row.id: row.path for row in project.store.images(ids)}


def files_table(
    title: str,
    columns: tuple[str, str],
    rows: Sequence[tuple[str, str]],
    file_name: str,
    *,
    expanded: bool = False,
) -> None:
    """Draw a folded table of files with its CSV; nothing where there are none."""
    if not rows:
        return
    with st.expander(title, expanded=expanded):
        st.html(table_html(columns, rows[:LISTED]))
        if len(rows) > LISTED:
            st.caption(f"The first {LISTED}; the CSV has all of them.")
        download_csv(csv_bytes(columns, rows), file_name, type="tertiary")


def table_html(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as HTML that scrolls where it is long or wide."""
    return fragment("projects", "files", columns, rows)
