"""How long work says how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""``progress(stage, done, total)``: called at least about once a second by long work.

``stage`` is a word for the screen ("reading", "embedding", "neighbours", "layout"), ``total`` is
None while unknown. The callback may raise :class:`fewshot_lab.errors.Stopped`: the work then
leaves what it has finished in a valid state and lets the exception through.
"""


def silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""
