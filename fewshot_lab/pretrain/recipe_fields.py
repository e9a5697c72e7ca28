"""The fields of a recipe: what each is, between which bounds, and how words become values."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Any

from fewshot_lab.errors import FewshotLabError


def value(
    default: Any,
    help_text: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    """Return a field of a recipe with its help, bounds and choices."""
    about = {"help": help_text, "low": low, "high": high, "choices": choices}
    return field(default=default, metadata=about)


def converted(spec: dataclasses.Field[Any], value: Any) -> Any:
    """Return a value of JSON or of a command line as the field's own type.

    Raises
    ------
    FewshotLabError
        Where it cannot be one.
    """
    kind: type[Any] = type(spec.default)
    try:
        if kind is bool:
            words = {"true": True, "yes": True, "on": True, "1": True}
            words |= {"false": False, "no": False, "off": False, "0": False}
            return value if isinstance(value, bool) else words[str(value).lower()]
        if kind is int:
            if float(value) != int(float(value)):
                raise ValueError
            return int(float(value))
        return float(value) if kind is float else str(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        kinds = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}
        raise FewshotLabError(
            f"{spec.name} is {value!r} but must be {kinds[kind]} ({_lower(spec)})."
        ) from None


def check(spec: dataclasses.Field[Any], value: Any) -> None:
    """Raise a sentence for a value outside a field's bounds or choices."""
    if isinstance(value, float) and value != value:
        raise FewshotLabError(f"{spec.name} is not a number.")
    choices = spec.metadata["choices"]
    if choices and value not in choices:
        raise FewshotLabError(f"{spec.name} is {value!r}: take {' or '.join(choices)}.")
    low, high = spec.metadata["low"], spec.metadata["high"]
    if (low is not None and value < low) or (high is not None and value > high):
        between = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
        raise FewshotLabError(f"{spec.name} is {value:g} but must be {between} ({_lower(spec)}).")


def _lower(spec: dataclasses.Field[Any]) -> str:
    text: str = spec.metadata["help"].rstrip(".")
    return text[0].lower() + text[1:]
