"""The backbone's licence in a bundle: what it asks, and who has accepted that."""

from datetime import UTC, datetime
from typing import Any

from fewshot_lab.backbones import BUNDLE_LIMIT_MB, Card, conditions, must_be_accepted
from fewshot_lab.export.errors import ExportRefused


def licence_facts(card: Card) -> dict[str, Any]:
    """Return what bundle.json says of the licence; ``accepted`` is filled in by an export."""
    return {
        "name": card.licence,
        "class": card.licence_class,
        "gated": card.gated,
        "conditions": conditions(card.title, card.licence, card.licence_class),
        "accepted": None,
    }


def check_backbone(card: Card, accepted: bool, by: str = "") -> dict[str, Any] | None:
    """Refuse a backbone that no bundle may or can hold, before anything is computed.

    Returns
    -------
    dict or None
        Who accepts its licence, when and which; None where nobody needs to.

    Raises
    ------
    ExportRefused
        Where it is too large, or its licence must be accepted and is not.
    """
    if card.size_mb > BUNDLE_LIMIT_MB:
        raise ExportRefused(
            f"{card.title} ({card.size_mb:,.0f} MB) is larger than the 2 GB that one ONNX file can "
            "hold: it works in the app, but a bundle needs a smaller backbone."
        )
    if not must_be_accepted(card.licence_class):
        return None
    if not accepted:
        terms = conditions(card.title, card.licence, card.licence_class).removesuffix(".")
        raise ExportRefused(
            f"{terms}; say that you comply with it (--licence-accepted, or a tick on the page)."
        )
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"licence": card.licence, "by": by or None, "at": now}
