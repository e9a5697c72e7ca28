"""Which changes leave an image of a kind what it is: flips, turns and colours by modality.

The facts are in ``presets.toml``.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.words import did_you_mean


@dataclass(frozen=True)
class Preset:
    """Views that are safe for a kind of image.

    Attributes
    ----------
    title : str
    values : dict
        Fields of :class:`fewshot_lab.pretrain.Recipe`.
    reasons : dict
        Why, for the same fields.
    words : tuple of str
        What tells the kind in the names of files and classes: beginnings of words, ends behind a
        dash, whole words behind an equals sign.
    """

    title: str
    values: dict[str, Any]
    reasons: dict[str, str]
    words: tuple[str, ...]


def _preset(title: str, words: Sequence[str] = (), **rows: list[Any]) -> Preset:
    values = {name: row[0] for name, row in rows.items()}
    reasons = {name: row[1] for name, row in rows.items() if len(row) > 1}
    return Preset(title, values, reasons, tuple(words))


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
PRESETS = {modality: _preset(**rows) for modality, rows in _TABLES.items()}


def preset(modality: str) -> Preset:
    """Return the preset of a modality.

    Raises
    ------
    FewshotLabError
        For a name that is none of :data:`PRESETS`.
    """
    if modality in PRESETS:
        return PRESETS[modality]
    hint = did_you_mean(modality, PRESETS, f": take one of {', '.join(PRESETS)}.")
    raise FewshotLabError(f"There is no modality {modality!r}{hint}")
