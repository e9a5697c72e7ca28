"""Which sizes of picture a network takes, told by its name, before anything is loaded."""

import re

from fewshot_lab.errors import FewshotLabError

_PATCH = re.compile(r"patch(\d+)|_p(\d+)(?=_|$)")


def check_size(architecture: str, size: int) -> None:
    """Refuse a side that is no multiple of the patch: the rim would be left out unseen.

    Raises
    ------
    FewshotLabError
        With the nearest sizes that fit.
    """
    match = _PATCH.search(architecture)
    patch = int(match[1] or match[2]) if match else 1
    if size % patch:
        below = size // patch * patch
        fitting = f"{below} or {below + patch}" if below else str(patch)
        raise FewshotLabError(
            f"{architecture} takes pictures whose side is a multiple of {patch} px, not {size}: "
            f"take {fitting}."
        )
