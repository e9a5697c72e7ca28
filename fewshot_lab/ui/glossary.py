"""The words of the field: their meanings, and sentences in which each is one hover away."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path


@dataclass(frozen=True)
class Term:
    """A word of the field.

    Attributes
    ----------
    name, meaning : str
    also : tuple of str
        Other forms that pages use.
    marked : bool
        Whether its meaning can be asked for wherever it stands.
    """

    name: str
    meaning: str
    also: tuple[str, ...] = ()
    marked: bool = True


@cache
def terms() -> tuple[Term, ...]:
    """Return all terms, by name."""
    text = (Path(__file__).parent / "glossary.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["term"]
    read = [Term(**row | {"also": tuple(row.get("also", ()))}) for row in rows]
    return tuple(sorted(read, key=lambda term: term.name.casefold()))


@cache
def meanings() -> dict[str, str]:
    """Return every form of the marked terms, in small letters, with its meaning."""
    marked = [term for term in terms() if term.marked]
    return {form.casefold(): term.meaning for term in marked for form in (term.name, *term.also)}


@cache
def _forms() -> re.Pattern[str]:
    longest_first = sorted(meanings(), key=len, reverse=True)
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?![\w-])", re.I)


def meanings_of(*names: str) -> str:
    """Return words and their meanings as Markdown: the help of a field that offers them."""
    return "\n\n".join(f"**{name}:** {meanings()[name.casefold()]}" for name in names)


def explained(text: str) -> str:
    """Return a sentence as HTML in which each term can be asked for its meaning, once."""
    linked: set[str] = set()

    def mark(match: re.Match[str]) -> str:
        word = match.group()
        meaning = meanings()[word.casefold()]
        if meaning in linked:
            return word
        linked.add(meaning)
        return f'<abbr class="fl-term" tabindex="0" data-term="{word.casefold()}">{word}</abbr>'

    return _forms().sub(mark, escape(text))
