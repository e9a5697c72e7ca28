"""The values of a column as arrays: numbers, dates, or places in a list of names."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

NO_VALUE = 0xFFFFFFFF
FEW_NUMBERS = 12
"""So many different whole numbers at most are a code (site 1, 2, 3), not a quantity."""
_YEAR_FIRST = re.compile(
    r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d*)?)?)?"
    r"(?:Z|[+-]\d{2}:?\d{2})?"
)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_DICOM = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_EPOCH = datetime(1970, 1, 1)

Value = str | float | None


@dataclass(frozen=True)
class ColumnValues:
    """One value for each of n images.

    Attributes
    ----------
    kind : {"number", "date", "names"}
    values : array (n,)
        float32: numbers, or days since 1970, NaN for none. Of names uint32: places in ``names``,
        :data:`NO_VALUE` for none.
    names : list of str
        The different values, numbers in their order.
    """

    kind: str
    values: NDArray[np.float32] | NDArray[np.uint32]
    names: list[str] = field(default_factory=list)


def read_column(values: Sequence[Value]) -> ColumnValues:
    """Read what a table says of each image; a column is of one kind, else its values are names."""
    texts = [None if v is None or v == "" else _text(v) for v in values]
    distinct = {text: None for text in texts if text is not None}
    for kind, read in (("date", _day), ("number", _number)):
        if (known := _all(read, distinct)) and not (kind == "number" and _are_codes(known)):
            row = [math.nan if text is None else known[text] for text in texts]
            return ColumnValues(kind, np.array(row, dtype=np.float32))
    names = sorted(distinct, key=_natural)
    place = {text: at for at, text in enumerate(names)}
    codes = [NO_VALUE if text is None else place[text] for text in texts]
    return ColumnValues("names", np.array(codes, dtype=np.uint32), names)


def _all(read: Callable[[str], float | None], texts: dict[str, None]) -> dict[str, float] | None:
    """Return what each text says; None as soon as one says nothing."""
    known = {}
    for text in texts:
        if (value := read(text)) is None:
            return None
        known[text] = value
    return known


def _are_codes(known: dict[str, float]) -> bool:
    return len(known) <= FEW_NUMBERS and all(value.is_integer() for value in known.values())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < np.finfo(np.float32).max else None  # nor NaN: it is a word here


def _day(text: str) -> float | None:
    """Return days since 1970: ISO, German and DICOM; no order of day and month is guessed."""
    hour = minute = second = 0
    if match := _YEAR_FIRST.fullmatch(text):
        parts = (int(match[k] or 0) for k in (1, 3, 4, 5, 6, 7))
        year, month, day, hour, minute, second = parts
    elif match := _DAY_FIRST.fullmatch(text):
        day, month, year = (int(part) for part in match.groups())
    elif match := _DICOM.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    else:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, second)
    except ValueError:  # 30 February
        return None
    return (moment - _EPOCH).total_seconds() / 86_400


def _natural(text: str) -> tuple[int, float, str]:
    number = _number(text)
    return (1, 0.0, text.casefold()) if number is None else (0, number, text)


def _text(value: str | float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
