"""What several annotators say of the same images: conflicts to settle, cells of the matrix."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk, sight, who
from fewshot_lab.project import conflicts
from fewshot_lab.web.guard import FRESH


def opinions_of(desk: Desk, image_id: str) -> list[dict[str, Any]]:
    """Return what each annotator says of an image, where more than one has said something."""
    by = desk.project.store.opinions().get(image_id, {})
    if len(by) < 2:
        return []
    return [
        {
            "annotator": annotator,
            "kind": label.kind,
            "class_id": label.class_id,
            "at": label.time.timestamp(),
            "decided": label.decided,
        }
        for annotator, label in sorted(by.items(), key=lambda item: item[1].event_id)
    ]


def disagreement(desk: Desk, request: Request) -> Response:
    """Answer with images people disagree on: all "conflicts", or one "cell" of the matrix.

    To a senior all conflicts are shown, to anybody else those that they have labelled themselves,
    as far as others' labels are hidden before.
    """
    query = request.query_params
    roll = desk.roll()
    seen = sight(desk, roll, who(request))
    if query["what"] == "conflicts":
        if seen.annotator not in seen.team.seniors:
            names = ", ".join(seen.team.seniors)
            raise FewshotLabError(
                f"Only a senior decides where opinions differ: {names}."
                if names
                else "No senior is named yet: Evaluate, People says who decides."
            )
        found = [(c.image_id, c.decided) for c in conflicts(desk.project)]
    elif query["what"] == "cell":
        report = desk.project.team.report()
        cells = report.cells(query.get("a"), query.get("b"))
        unseen = seen.unseen(roll) if seen.annotator not in seen.team.seniors else set()
        ids = cells.get((int(query["row"]), int(query["column"])), [])
        found = [(image_id, False) for image_id in ids if image_id not in unseen]
    else:
        raise FewshotLabError(f"There is nothing named {query['what']!r} to show.")
    return JSONResponse(
        {
            "ids": [image_id for image_id, _ in found],
            "decided": [image_id for image_id, decided in found if decided],
            "opinions": {image_id: opinions_of(desk, image_id) for image_id, _ in found},
        },
        headers=FRESH,
    )
