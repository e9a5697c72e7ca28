"""What several annotators say of the same images: conflicts to settle, cells of the matrix."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import PageState, disagreeing_images, images_to_decide, shared_opinions
from fewshot_lab.store import Label
from fewshot_lab.web.guard import json_answer, visibility_for, whole_number


def opinion_rows(opinions: list[Label]) -> list[dict[str, Any]]:
    """Return what each annotator says of an image."""
    return [
        {
            "annotator": label.annotator,
            "kind": label.kind,
            "class_id": label.class_id,
            "at": label.time.timestamp(),
            "decided": label.decided,
        }
        for label in opinions
    ]


def disagreement(state: PageState, request: Request) -> Response:
    """Answer with images people disagree on: all "conflicts", or one "cell" of the matrix."""
    query, visibility = request.query_params, visibility_for(state, request)
    match query.get("what"):
        case "conflicts":
            images = images_to_decide(state.project, visibility)
        case "cell":
            pair = query.get("a"), query.get("b")
            row, column = (whole_number(query, name, signed=True) for name in ("row", "column"))
            ids = disagreeing_images(state.project, visibility, pair, (row, column))
            images = [(image_id, False) for image_id in ids]
        case other:
            raise FewshotLabError(f"There is nothing named {other!r} to show.")
    return json_answer(
        {
            "ids": [image_id for image_id, _ in images],
            "decided": [image_id for image_id, decided in images if decided],
            "opinions": {i: opinion_rows(shared_opinions(state.project, i)) for i, _ in images},
        }
    )
