"""The reason why one image was left out."""

from fewshot_lab.errors import FewshotLabError


class UnreadableImage(FewshotLabError):  # noqa: N818
    """One file that cannot be read as a picture; the message is the reason, one short sentence.

    Never stops a batch: whoever reads many images lists it and goes on.
    """
