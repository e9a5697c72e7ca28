"""Labels and classes: taken in, each action exactly once; looked back on in the history."""

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.cells import table_encoding
from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.export import label_table
from fewshot_lab.live import LabellingConditions, PageState, seen_alone, visible_labels
from fewshot_lab.store import HistoryRow, LabelAction
from fewshot_lab.web.bodies import (
    ActionsBody,
    ClassBody,
    LabelBody,
    Signed,
    checked_action,
    ids_in,
    needed,
)
from fewshot_lab.web.guard import FRESH, json_answer, visibility_for, whole_number

HISTORY_ROWS = 50
MOST_IMAGES_LISTED = 200


def actions(state: PageState, body: ActionsBody) -> Response:
    """Store a batch of actions and answer with one acknowledgement for each.

    An action names itself by ``(client, q)``: one that comes again changes nothing and gets the
    same answer. One that can never be stored (its class is gone) is answered with an error and
    does not hold up those behind it. Where the disk or the database cannot take any now, the whole
    batch fails, and the browser sends it again.
    """
    conditions = LabellingConditions(state)
    acks = [_store(state, body.annotator, action, conditions) for action in body.actions]
    state.live.notify()
    return json_answer({"acks": acks, "position": state.project.store.position()})


def _store(
    state: PageState, annotator: str, given: dict[str, Any], conditions: LabellingConditions
) -> dict[str, Any]:
    name = Signed.model_validate(given)  # without it there is nobody to answer
    ack: dict[str, Any] = {"client": name.client, "q": name.q}
    store = state.project.store
    try:
        action = checked_action(given)
        annotator = action.annotator or annotator
        if isinstance(action, LabelBody):
            label = label_action(annotator, action)
            label, left_out = seen_alone(label, conditions.before(annotator))
            ack["position"] = store.record(conditions.added_to(label))
            if left_out:
                ack["left_out"] = left_out
        else:
            done = getattr(store, action.do)(annotator, client=name.client, q=name.q)
            ack["position"] = done.position if done else store.position()
            ack["sentence"] = done.sentence if done else None
            ack["images"] = list(done.image_ids)[:MOST_IMAGES_LISTED] if done else []
    except Unavailable:
        raise
    except FewshotLabError as error:
        ack["error"] = str(error)
    return ack


def label_action(annotator: str, action: LabelBody) -> LabelAction:
    """Return the store's action for one that the browser sent.

    Raises
    ------
    FewshotLabError
        Where its lists are not as long as its images are many.
    """
    ids = ids_in(action.images)
    lists = [action.class_of or [], *(action.shown or [])]
    if any(each and len(each) != len(ids) for each in lists):
        raise FewshotLabError("An action needs one class, and one prediction, for every image.")
    return LabelAction(
        **action.model_dump(exclude={"do", "annotator", "images", "shown", "class_of"}),
        annotator=annotator,
        image_ids=ids,
        shown=_shown(ids, *action.shown) if action.shown else None,
        class_of=_chosen(ids, action.class_of) if action.class_of else None,
    )


def _chosen(ids: list[str], class_of: list[int | None]) -> dict[str, int | str]:
    return {i: c for i, c in zip(ids, class_of, strict=True) if c is not None}


def _shown(
    ids: list[str], class_ids: list[int | None], probabilities: list[float | None]
) -> dict[str, tuple[int, float]]:
    """Return the prediction that was on screen for each image, where there was one."""
    return {
        image_id: (class_id, probability)
        for image_id, class_id, probability in zip(ids, class_ids, probabilities, strict=False)
        if class_id is not None and probability is not None
    }


def change_classes(state: PageState, body: ClassBody) -> Response:
    """Add, rename, recolour, reorder, merge, retire or restore a class."""
    store = state.project.store
    signed: dict[str, Any] = {"annotator": body.annotator, "client": body.client, "q": body.q}
    answer: dict[str, Any] = {}
    match body.do:
        case "add":
            answer["id"] = store.add_class(needed(body.name), color=body.color, **signed)
        case "rename":
            store.rename_class(needed(body.id), needed(body.name), **signed)
        case "recolour":
            store.recolour_class(needed(body.id), needed(body.color), **signed)
        case "reorder":
            store.reorder_classes(needed(body.ids), **signed)
        case "merge":
            store.merge_class(needed(body.id), needed(body.into), **signed)
        case "retire":
            store.retire_class(needed(body.id), **signed)
        case "restore":
            store.restore_class(needed(body.id), **signed)
    state.live.notify()
    return json_answer(answer | {"classes": class_rows(state), "position": store.position()})


def class_rows(state: PageState) -> list[dict[str, Any]]:
    """Return all classes, those that are no longer in the list too: old labels need their name."""
    return [
        asdict(row) | {"retired": row.retired or row.merged_into is not None}
        for row in state.project.store.classes(include_retired=True)
    ]


def history(state: PageState, request: Request) -> Response:
    """Answer with the actions before one, the newest first."""
    query = request.query_params
    rows = state.project.store.history(
        limit=HISTORY_ROWS,
        before=whole_number(query, "before") if query.get("before") else None,
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
        "view": "audit" if row.strategy == "audit" else row.view,
        "n": row.n_images,
        "undone": row.undone,
        "examples": list(row.example_ids),
    }


def labels_csv(state: PageState, request: Request) -> Response:
    """Answer with the labels as of an action, as CSV."""
    query = request.query_params
    at = whole_number(query, "at") if query.get("at") else None
    visibility = visibility_for(state, request)
    rows = visible_labels(state.project, visibility, at)
    text = label_table(rows, str(state.project.store.log_head(at)))
    state.project.store.note("export", kind="labels", at=at)
    name = f"{state.project.name}-labels{f'-{at}' if at else ''}.csv"
    return Response(
        text.encode(table_encoding()),
        media_type="text/csv; charset=utf-8",
        headers={**FRESH, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
