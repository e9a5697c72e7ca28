"""Files of other tools, read as JSON or XML, or refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fewshot_lab.errors import FewshotLabError


def _bytes(file: Path) -> bytes:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise FewshotLabError(f"{file} cannot be read: {error.strerror}.") from None
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
    try:
        return json.loads(_bytes(file))
    except (ValueError, RecursionError) as error:
        raise FewshotLabError(
            f"{file.name} is no whole JSON file: {error}. Was it cut short, or is it another "
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
            f"{file.name} is no whole XML file: {error}. Was it cut short, or is it another format?"
        ) from None


def records(holder: Any, key: str) -> list[dict[str, Any]]:
    """Return the list of objects under a key; what is no object there is left out."""
    listed = holder.get(key) if isinstance(holder, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
