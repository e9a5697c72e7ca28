"""Columns to colour and to filter by, fetched when they are looked at."""

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import (
    PageState,
    read_column,
    visible_annotators,
    visible_column,
    visible_flags,
)
from fewshot_lab.store import colour_for
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import arrays_answer, visibility_for

COLOURED = 24
"""The most frequent values of a column that have a colour: no eye tells more."""
SETS = {"@annotator": visible_annotators, "@flag": visible_flags}


def column(state: PageState, request: Request) -> Response:
    """Answer with one value for every image, by the column's kind.

    ``name`` is a metadata column, or ``@reference`` or ``@group``: ``values`` are numbers, days
    since 1970, or places in ``names``. Or it is ``@annotator`` or ``@flag``: ``values`` say
    which of the ``names`` hold, by their bits.
    """
    visibility = visibility_for(state, request)
    name = request.query_params.get("name", "")
    if sets := SETS.get(name):
        names, bits = sets(state, visibility)
        return arrays_answer(pack({"kind": "sets", "names": names}, {"values": bits}))
    by_image = visible_column(state.project, visibility, name)
    read = read_column([by_image.get(image_id) for image_id in visibility.order.ids])
    head = {"kind": read.kind, "names": read.names}
    if read.kind == "names":
        # More colours than are shown: those that classes of the same name have are not used again.
        head["colors"] = [colour_for(place) for place in range(2 * min(COLOURED, len(read.names)))]
    return arrays_answer(pack(head, {"values": read.values}))
