"""Labels and classes: taken in, each action exactly once; looked back on in the history."""

import csv
from io import StringIO
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import LabellingConditions, PageState, visible_labels
from fewshot_lab.store import HistoryRow, LabelAction
from fewshot_lab.web.guard import FRESH, json_answer, visibility_for

ID_LENGTH = 20
MOST_ACTIONS = 500
HISTORY_ROWS = 50
MOST_IMAGES_TOLD = 200
COLUMNS = ("image", "path", "label", "kind", "annotator", "time", "split", "machine")


def actions(state: PageState, body: dict[str, Any]) -> Response:
    """Store a batch of actions and answer with one acknowledgement for each.

    An action names itself by ``(client, q)``: one that comes again changes nothing and gets the
    same answer. One that cannot be stored (its class is gone) is answered with an error and does
    not hold up those behind it.
    """
    batch = body["actions"]
    if len(batch) > MOST_ACTIONS:
        raise FewshotLabError(f"At most {MOST_ACTIONS} actions fit into one request.")
    conditions = LabellingConditions(state)
    acks = [_store(state, body["annotator"], action, conditions) for action in batch]
    state.live.notify()
    return json_answer({"acks": acks, "position": state.project.store.position()})


def _store(
    state: PageState, annotator: str, action: dict[str, Any], conditions: LabellingConditions
) -> dict[str, Any]:
    client, q = str(action["client"]), int(action["q"])
    annotator = str(action.get("annotator") or annotator)
    ack: dict[str, Any] = {"client": client, "q": q}
    store = state.project.store
    try:
        match action["do"]:
            case "label":
                label = label_action(client, q, annotator, action)
                ack["position"] = store.record(conditions.added_to(label))
            case "undo" | "redo" as verb:
                done = getattr(store, verb)(annotator, client=client, q=q)
                ack["position"] = done.position if done else store.position()
                ack["sentence"] = done.sentence if done else None
                ack["images"] = list(done.image_ids)[:MOST_IMAGES_TOLD] if done else []
            case other:
                raise FewshotLabError(f"There is no action {other!r}.")
    except FewshotLabError as error:
        ack["error"] = str(error)
    return ack


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


def change_classes(state: PageState, body: dict[str, Any]) -> Response:
    """Add, rename, recolour, reorder, merge, retire or restore a class."""
    store = state.project.store
    signed: dict[str, Any] = {
        "annotator": str(body["annotator"]),
        "client": str(body["client"]),
        "q": int(body["q"]),
    }
    answer: dict[str, Any] = {}
    match body["do"]:
        case "add":
            answer["id"] = store.add_class(str(body["name"]), color=body.get("color"), **signed)
        case "rename":
            store.rename_class(int(body["id"]), str(body["name"]), **signed)
        case "recolour":
            store.recolour_class(int(body["id"]), str(body["color"]), **signed)
        case "reorder":
            store.reorder_classes([int(c) for c in body["ids"]], **signed)
        case "merge":
            store.merge_class(int(body["id"]), int(body["into"]), **signed)
        case "retire":
            store.retire_class(int(body["id"]), **signed)
        case "restore":
            store.restore_class(int(body["id"]), **signed)
        case other:
            raise FewshotLabError(f"There is no change of classes named {other!r}.")
    state.live.notify()
    return json_answer(answer | {"classes": class_rows(state), "position": store.position()})


def class_rows(state: PageState) -> list[dict[str, Any]]:
    """Return all classes, those that are no longer in the list too: old labels need their name."""
    return [
        {
            "id": row.id,
            "name": row.name,
            "color": row.color,
            "position": row.position,
            "retired": bool(row.retired) or row.merged_into is not None,
            "merged_into": row.merged_into,
        }
        for row in state.project.store.classes(include_retired=True)
    ]


def history(state: PageState, request: Request) -> Response:
    """Answer with the actions before one, the newest first."""
    before = request.query_params.get("before")
    rows = state.project.store.history(
        limit=HISTORY_ROWS,
        before=int(before) if before else None,
        annotator=visibility_for(state, request).history_of,
    )
    return json_answer({"rows": [history_row(row) for row in rows]})


def history_row(row: HistoryRow) -> dict[str, Any]:
    """Return one action of the log."""
    return {
        "id": row.action_id,
        "time": row.time.timestamp(),
        "annotator": row.annotator,
        "sentence": row.sentence,
        "view": row.view,
        "n": row.n_images,
        "undone": row.undone,
        "examples": list(row.example_ids),
    }


def labels_csv(state: PageState, request: Request) -> Response:
    """Answer with the labels as of an action, as CSV."""
    at = request.query_params.get("at")
    visibility = visibility_for(state, request)
    text = StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(visible_labels(state.project, visibility, int(at) if at else None))
    name = f"{state.project.name}-labels{f'-{at}' if at else ''}.csv"
    return Response(
        text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={**FRESH, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
