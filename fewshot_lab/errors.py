"""The errors a user can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class FewshotLabError(Exception):
    """Something is wrong that the user can fix.

    The message is shown unchanged on the page or terminal: one clear sentence that says what is
    wrong and, unless obvious, what to do.
    """


class NoProject(FewshotLabError):  # noqa: N818
    """There is no project of that name."""


class Unavailable(FewshotLabError):  # noqa: N818
    """A disk or a database cannot be used now; nothing was stored, and a later retry may help."""


class Stopped(FewshotLabError):  # noqa: N818
    """The user stopped long work. What was finished until then is kept."""


class NotSignedIn(FewshotLabError):  # noqa: N818
    """Nobody is signed in, or the session has ended."""


class Forbidden(FewshotLabError):  # noqa: N818
    """The person may not do this."""


@contextmanager
def as_sentence(beginning: str) -> Iterator[None]:
    """Turn an error of the operating system into a sentence: "/x cannot be read: No space left"."""
    try:
        yield
    except OSError as error:
        raise FewshotLabError(f"{beginning}: {error.strerror or error}.") from None
