"""How names that people type are stored."""

import unicodedata


def tidy_name(text: str) -> str:
    """Return a name with its accents composed (NFC) and single spaces, none at its ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())
