"""How names that people type are stored."""

import unicodedata

LONGEST_NAME = 60
"""Characters of an annotator's or a class's name."""


def tidy_name(text: str) -> str:
    """Return a name with its accents composed (NFC) and single spaces, none at its ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())
