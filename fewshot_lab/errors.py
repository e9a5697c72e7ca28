"""The errors a user can mend."""


class FewshotLabError(Exception):
    """Something is wrong that the user can mend.

    The message is shown as it is, in the page or on the terminal: one clear sentence that says
    what is wrong and, where it is not obvious, what to do.
    """


class NoProject(FewshotLabError):  # noqa: N818
    """There is no project of that name."""


class Unavailable(FewshotLabError):  # noqa: N818
    """A disk or a database cannot be used now: nothing was stored, asking again later may help."""


class Stopped(FewshotLabError):  # noqa: N818
    """The user stopped long work. What was finished until then is kept."""


class NotSignedIn(FewshotLabError):  # noqa: N818
    """Nobody is signed in, or no longer."""


class Forbidden(FewshotLabError):  # noqa: N818
    """Whoever asks may not do this."""
