"""The suggestions as one annotator gets them, with the images due of them mixed in."""

from typing import Any

from fewshot_lab.live.blinding import Visibility
from fewshot_lab.live.label_codes import AUDIT
from fewshot_lab.live.page_state import PageState
from fewshot_lab.live.snapshot import Snapshot
from fewshot_lab.project import lot

MOST_DUE = 6
"""How many images that others have labelled are mixed into one list of suggestions."""
EVERY = 4
"""Among how many suggestions one of those stands."""
RANDOM = "drawn at random, to measure the accuracy"
SEVERAL = "labelled by several, to measure how far people agree"
KEPT_STRATEGIES = 500


def suggestion_list(
    state: PageState, snapshot: Snapshot, visibility: Visibility
) -> list[dict[str, Any]]:
    """Return the suggestions that are for one annotator, as the page gets them."""
    chosen = snapshot.suggestions
    # Between what an image lies tells what is predicted, which nobody is to know there.
    if visibility.reasons_shown and (pair := snapshot.pairs.get(visibility.annotator)):
        chosen = snapshot.between.get(pair, chosen)
    newest = {s.image_id: s.strategy for s in chosen}
    _remember_strategies(state, newest)
    suggestions: list[dict[str, Any]] = [
        {
            "id": s.image_id,
            "reason": s.reason,
            "strategy": s.strategy,
            "audit": bool(s.audit),
            "classes": [int(c) for c in s.classes],
        }
        for s in chosen
    ]
    return suggestions if visibility.labels_hidden is None else mixed(suggestions, visibility)


def _remember_strategies(state: PageState, newest: dict[str, str]) -> None:
    # Whoever may not be told why an image was suggested sends none along with the label.
    state.strategies = newest | {i: s for i, s in state.strategies.items() if i not in newest}
    while len(state.strategies) > KEPT_STRATEGIES:
        state.strategies.popitem()


def mixed(suggestions: list[dict[str, Any]], visibility: Visibility) -> list[dict[str, Any]]:
    """Return what is left of the suggestions for this annotator, with what is due mixed in."""
    order, assigned = visibility.order, visibility.assigned
    own = [
        each
        for each in suggestions
        if (row := order.row.get(each["id"])) is not None
        and not visibility.is_labelled(each["id"])
        and (assigned is None or assigned[row])
    ]
    listed = {each["id"] for each in own}
    due = [order.ids[row] for row in visibility.due[:MOST_DUE]]
    # In an order that tells nothing of which is which.
    extra = sorted(
        (image_id for image_id in [*due, *visibility.repeats] if image_id not in listed),
        key=lambda image_id: lot(f"mix {visibility.annotator}", image_id),
    )
    result = []
    for place in range(len(own) + len(extra)):
        from_extra = extra and (place % EVERY == EVERY - 2 or not own)
        result.append(_due(extra.pop(0), visibility) if from_extra else own.pop(0))
    if visibility.reasons_shown:
        return result
    return [
        {**each, "reason": RANDOM if each["audit"] else "", "strategy": None, "classes": []}
        for each in result
    ]


def _due(image_id: str, visibility: Visibility) -> dict[str, Any]:
    audit = bool(visibility.codes.codes[visibility.order.row[image_id]] & AUDIT)
    return {
        "id": image_id,
        "reason": RANDOM if audit else SEVERAL,
        "strategy": "repeat" if image_id in visibility.repeats else "several",
        "audit": audit,
        "classes": [],
    }
