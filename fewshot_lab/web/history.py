"""Looking back: the actions of the log, and the labels as they stood after any of them."""

import csv
from io import StringIO
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.live import Desk, sight, who
from fewshot_lab.web.guard import FRESH
from fewshot_lab.web.overview import history_row

ROWS = 50


def history(desk: Desk, request: Request) -> Response:
    """Answer with the actions before one, the newest first."""
    before = request.query_params.get("before")
    seen = sight(desk, desk.roll(), who(request))
    rows = desk.project.store.history(
        limit=ROWS,
        before=int(before) if before else None,
        annotator=seen.annotator if seen.own_log else None,
    )
    return JSONResponse({"rows": [history_row(row) for row in rows]}, headers=FRESH)


def labels_csv(desk: Desk, request: Request) -> Response:
    """Answer with the labels as of an action, as CSV."""
    at = request.query_params.get("at")
    roll = desk.roll()
    unseen = sight(desk, roll, who(request)).unseen(roll)
    rows = desk.project.store.export_labels(at=int(at) if at else None)
    rows = [row for row in rows if row["image"] not in unseen]
    columns = ("image", "path", "label", "kind", "annotator", "time", "split", "machine")
    text = StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    name = f"{desk.project.name}-labels{f'-{at}' if at else ''}.csv"
    return Response(
        text.getvalue(),
        media_type="text/csv; charset=utf-8",
        headers={**FRESH, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"},
    )
