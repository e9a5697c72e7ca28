"""What a backbone's licence lets one do with a classifier that is made with it: the rule, once."""

import re
from typing import Literal, get_args

LicenceClass = Literal["open", "share-alike", "non-commercial", "no-derivatives", "not stated"]
"""The strictest condition of a licence; one that is non-commercial and no-derivatives, too, counts
as no-derivatives. Whether one must ask for the weights is another matter: ``Card.gated``."""

CLASSES: tuple[str, ...] = get_args(LicenceClass)

_WORDS: tuple[tuple[str, LicenceClass], ...] = (
    (r"\bnd\b|no.?deriv", "no-derivatives"),
    (r"\bnc\b|non.?commerc", "non-commercial"),
    (r"\bsa\b|share.?alike|\bgpl|dinov3", "share-alike"),
    (r"apache|\bmit\b|\bbsd\b|\bcc0\b|cc.?by|public domain", "open"),
)


def classify(licence: str) -> LicenceClass:
    """Return the class of a licence by its name; ``"not stated"`` for one that is not known."""
    words = licence.lower().replace("-", " ")
    for pattern, kind in _WORDS:
        if re.search(pattern, words):
            return kind
    return "not stated"


def must_be_accepted(licence_class: str) -> bool:
    """Say whether a bundle is written only once somebody has accepted the licence.

    A bundle holds the backbone's weights, so it is derived from them: where the licence forbids to
    pass that on, or forbids it to be used in trade, whoever writes it must know.
    """
    return licence_class in ("non-commercial", "no-derivatives")


_CONDITIONS = {
    "no-derivatives": "must not be passed on to anybody",
    "non-commercial": "may be used and passed on for non-commercial purposes only",
    "share-alike": "is passed on under the same licence, with a copy of it",
}


def conditions(title: str, licence: str, licence_class: str) -> str:
    """Return in one sentence what the licence asks of whoever makes a bundle; empty if open."""
    if licence_class == "not stated":
        return f"The licence of {title} is not known here: look it up before you pass a bundle on."
    asks = _CONDITIONS.get(licence_class)
    return f"{title} is under {licence}: a bundle holds its weights and {asks}." if asks else ""
