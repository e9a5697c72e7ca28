"""Why a bundle is not offered."""

from fewshot_lab.errors import FewshotLabError


class ExportRefused(FewshotLabError):
    """The bundle would not say what the app says, or cannot be made at all."""
