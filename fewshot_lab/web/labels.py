"""Taking label actions in: in order, each exactly once."""

from dataclasses import replace
from typing import Any

from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk, Sight, sight
from fewshot_lab.store import LabelAction
from fewshot_lab.web.guard import FRESH

ID_LENGTH = 20
LONGEST_BATCH = 500


def actions(desk: Desk, body: dict[str, Any]) -> Response:
    """Store a batch of actions and answer with one acknowledgement for each.

    An action names itself by ``(client, q)``: one that comes again changes nothing and gets the
    same answer. One that cannot be stored (its class is gone) is answered with an error and does
    not hold up those behind it.
    """
    batch = body["actions"]
    if len(batch) > LONGEST_BATCH:
        raise FewshotLabError(f"At most {LONGEST_BATCH} actions fit into one request.")
    before = Before(desk)
    answers = [_take(desk, body["annotator"], action, before) for action in batch]
    desk.live.notify()
    return JSONResponse({"acks": answers, "position": desk.project.store.position()}, headers=FRESH)


def _take(desk: Desk, annotator: str, action: dict[str, Any], before: "Before") -> dict[str, Any]:
    client, q = str(action["client"]), int(action["q"])
    annotator = str(action.get("annotator") or annotator)
    answer: dict[str, Any] = {"client": client, "q": q}
    store = desk.project.store
    try:
        match action["do"]:
            case "label":
                made = label_action(client, q, annotator, action)
                answer["position"] = store.record(before.told(made))
            case "undo" | "redo" as verb:
                done = getattr(store, verb)(annotator, client=client, q=q)
                answer["position"] = done.position if done else store.position()
                answer["sentence"] = done.sentence if done else None
                answer["images"] = list(done.image_ids)[:200] if done else []
            case other:
                raise FewshotLabError(f"There is no action {other!r}.")
    except FewshotLabError as error:
        answer["error"] = str(error)
    return answer


class Before:
    """What the annotators of one request had in sight before it, to be kept with their labels."""

    def __init__(self, desk: Desk):
        self._desk = desk
        self._sights: dict[str, Sight] = {}
        self._repeated: set[tuple[str, str]] = set()

    def told(self, action: LabelAction) -> LabelAction:
        """Return an action with what was hidden from whoever labelled."""
        desk = self._desk
        roll = desk.roll()
        seen = self._sights.get(action.annotator)
        if seen is None:
            seen = self._sights[action.annotator] = sight(desk, roll, action.annotator)
        concealed = {}
        snapshot = desk.live.snapshot
        if len(snapshot.class_ids):
            for image_id in action.image_ids:
                row = snapshot.row.get(image_id)
                if row is not None and seen.conceals(roll, image_id):
                    concealed[image_id] = (
                        int(snapshot.predicted[row]),
                        float(snapshot.confidence[row]),
                    )
        repeats = {}
        for image_id in action.image_ids:
            key = (action.annotator, image_id)
            if image_id in seen.repeats and key not in self._repeated and action.kind != "skip":
                repeats[image_id] = seen.repeats[image_id]
                self._repeated.add(key)
        strategy = action.strategy
        if strategy is None and action.view == "suggestion" and len(action.image_ids) == 1:
            (image_id,) = action.image_ids
            strategy = "repeat" if image_id in repeats else desk.strategies.get(image_id)
            if strategy is None and roll.row.get(image_id) in seen.waiting:
                strategy = "several"
        return replace(
            action,
            shown={i: p for i, p in (action.shown or {}).items() if i not in concealed} or None,
            strategy=strategy,
            concealed=concealed or None,
            apart=[i for i in action.image_ids if seen.hides(roll, i)],
            repeats=repeats or None,
        )


def label_action(client: str, q: int, annotator: str, action: dict[str, Any]) -> LabelAction:
    """Return the store's action for one that the browser sent."""
    text = str(action["images"])
    ids = [text[at : at + ID_LENGTH] for at in range(0, len(text), ID_LENGTH)]
    class_of = action.get("class_of")
    shown = action.get("shown")
    return LabelAction(
        client=client,
        q=q,
        annotator=annotator,
        kind=str(action["kind"]),
        class_id=action.get("class_id"),
        image_ids=ids,
        view=str(action["view"]),
        strategy=action.get("strategy"),
        shown=_shown(ids, shown) if shown else None,
        spent_ms=action.get("spent_ms"),
        machine=bool(action.get("machine", False)),
        class_of=dict(zip(ids, class_of, strict=True)) if class_of else None,
    )


def _shown(ids: list[str], shown: list[list[Any]]) -> dict[str, tuple[int, float]]:
    """Return the prediction that was on screen for each image, where there was one."""
    class_ids, probabilities = shown
    return {
        image_id: (int(class_id), float(probability))
        for image_id, class_id, probability in zip(ids, class_ids, probabilities, strict=True)
        if class_id is not None
    }
