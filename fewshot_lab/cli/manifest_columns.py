"""What the columns of a manifest are, as the terminal says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.images import ManifestColumns


def manifest_columns(
    sources: list[Path],
    reference: str | None,
    path: str | None,
    label: str | None,
    group: str | None,
    metadata: list[str] | None,
) -> ManifestColumns | None:
    """Return what the columns of a manifest mean: those named, the others guessed."""
    from_column = reference if reference not in (None, "folders") else None
    named = (path, from_column, label, group, metadata)
    if not any(named):
        return None
    manifests = [s for s in sources if s.suffix.lower() in (".csv", ".tsv")]
    if not manifests:
        raise FewshotLabError(
            "Columns can only be named for a CSV manifest; "
            "for folders use --reference-labels folders."
        )
    from dataclasses import replace

    from fewshot_lab.images import ManifestColumns, guess_columns

    if path is not None:
        chosen = ManifestColumns(path)
    else:
        guessed = guess_columns(manifests[0])
        chosen = guessed if not any(named[1:]) else replace(guessed, metadata=())
    return ManifestColumns(
        path=chosen.path,
        label=label or from_column or chosen.label,
        group=group or chosen.group,
        metadata=tuple(metadata) if metadata else chosen.metadata,
    )
