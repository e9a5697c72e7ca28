"""Changing the classes; every change can be undone like a label."""

from typing import Any

from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk
from fewshot_lab.web.guard import FRESH
from fewshot_lab.web.overview import classes

MOST_CLASSES = 50


def change_classes(desk: Desk, body: dict[str, Any]) -> Response:
    """Add, rename, recolour, reorder, merge, retire or restore a class."""
    store = desk.project.store
    signed: dict[str, Any] = {
        "annotator": str(body["annotator"]),
        "client": str(body["client"]),
        "q": int(body["q"]),
    }
    answer: dict[str, Any] = {}
    match body["do"]:
        case "add":
            if len(store.classes()) >= MOST_CLASSES:
                raise FewshotLabError(
                    f"A project holds up to {MOST_CLASSES} classes: merge or retire one first."
                )
            answer["id"] = store.add_class(
                str(body["name"]).strip(), color=body.get("color"), **signed
            )
        case "rename":
            store.rename_class(int(body["id"]), str(body["name"]).strip(), **signed)
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
    desk.live.notify()
    return JSONResponse(
        answer | {"classes": classes(desk), "position": store.position()}, headers=FRESH
    )


def change_settings(desk: Desk, body: dict[str, Any]) -> Response:
    """Set how many labels a class should get."""
    target = int(body["target"])
    if not 1 <= target <= 100_000:
        raise FewshotLabError("The target must be a number of labels between 1 and 100,000.")
    desk.project.store.set("target", target)
    return JSONResponse({"target": target}, headers=FRESH)
