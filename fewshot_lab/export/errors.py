"""Why a bundle is not offered."""

from fewshot_lab.errors import FewshotLabError


class ExportRefused(FewshotLabError):  # noqa: N818 (as Stopped: what happened, not an error)
    """The bundle would not say what the app says, or cannot be made at all."""
