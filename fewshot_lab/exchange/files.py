"""Files of other tools: read as JSON or XML or refused in a sentence, and written whole."""

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fewshot_lab.errors import FewshotLabError, as_sentence
from fewshot_lab.exchange.pictures import Contents, Opinion, Rectangle

MOST_ROWS = 20_000_000
"""A table may state any length in a few bytes: longer ones are not read."""


def _bytes(file: Path) -> bytes:
    with as_sentence(f"{file} cannot be read"):
        raw = file.read_bytes()
    if raw.startswith(b"PK\x03\x04"):
        raise FewshotLabError(f"{file.name} is a ZIP: unpack it and name the file inside.")
    return raw


def read_json(file: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    FewshotLabError
        Where it cannot be read or is no whole JSON.
    """
    return parse_json(_bytes(file), file.name)


def parse_json(raw: bytes, name: str) -> Any:
    """Return what JSON holds.

    Raises
    ------
    FewshotLabError
        Where it is no whole JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise FewshotLabError(
            f"{name} is not a complete JSON file: {error}. Was it cut short, or is it another "
            "format?"
        ) from None


def read_xml(file: Path) -> ElementTree.Element:
    """Return the root of an XML file.

    Raises
    ------
    FewshotLabError
        Where it cannot be read or is no whole XML.
    """
    raw = _bytes(file)
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:  # a few bytes can stand for gigabytes
        raise FewshotLabError(f"{file.name} declares a document type, which CVAT never writes.")
    try:
        return ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise FewshotLabError(
            f"{file.name} is not a complete XML file: {error}. Was it cut short, or is it another "
            "format?"
        ) from None


def records(holder: Any, key: str) -> list[dict[str, Any]]:
    """Return the list of objects under a key; what is no object there is left out."""
    listed = holder.get(key) if isinstance(holder, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def rectangle(values: Any, of: float | None = None) -> Rectangle | None:
    """Return four numbers as a box; None where they are not that, or not a number."""
    if not isinstance(values, (list, tuple)) or len(values) != 4:
        return None
    try:
        x, y, width, height = map(float, values)
    except (TypeError, ValueError, OverflowError):
        return None
    return Rectangle(x, y, width, height, of) if isfinite(x + y + width + height) else None


def row_opinions(rows: Iterable[tuple[str, Mapping[str, Any]]], file: Path) -> Contents:
    """Return rows of a table, a path with label, annotator and time, as contents.

    Raises
    ------
    FewshotLabError
        Where a label is no text.
    """
    opinions: list[tuple[str, Rectangle | None, Opinion]] = []
    for path, row in rows:
        if (label := row["label"]) is None or label == "":
            continue
        if not isinstance(label, str):
            raise FewshotLabError(
                f"{file.name}: the label of {path} is {label!r}, which is not text."
            )
        annotator, time = (str(row.get(name) or "") for name in ("annotator", "time"))
        opinions.append((path, None, Opinion(label, annotator or None, time)))
    return Contents(opinions, 0)
