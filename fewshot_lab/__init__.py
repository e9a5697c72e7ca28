"""Fewshot Lab: from unlabelled medical images to a trustworthy classifier in an afternoon."""

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.version import __version__

__all__ = ["FewshotLabError", "__version__"]
