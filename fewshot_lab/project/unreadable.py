"""The error for a project most of whose images cannot be read now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from fewshot_lab.embeddings import EmbedReport


class UnreadableImages(FewshotLabError):  # noqa: N818
    """Most of a project's images cannot be read now.

    Attributes
    ----------
    report : EmbedReport
    """

    def __init__(self, report: EmbedReport, stays: str) -> None:
        n_readable = report.done + report.skipped
        what = f"{len(report.failed):,} of {len(report.failed) + n_readable:,} images"
        path, reason = report.failed[0]
        sentence = f"{what} could not be read. {stays}".strip()
        super().__init__(
            f"{sentence} {path}: {reason} If the images have moved, import them from their new "
            "place."
        )
        self.report = report
