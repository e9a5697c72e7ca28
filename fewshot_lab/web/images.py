"""Questions about images: one image's facts, its neighbours, a search, a column."""

import math
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import KIND_MASK, Desk, sight, who
from fewshot_lab.store import colour_for
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import FRESH
from fewshot_lab.web.people import opinions_of

MOST_NEIGHBOURS = 500
NO_VALUE = 0xFFFF
# More different values than this are shown as one "other" group: no eye tells so many colours.
MOST_VALUES = 40


def facts(desk: Desk, request: Request) -> Response:
    """Answer with what is known of one image beside its pixels."""
    store = desk.project.store
    image_id = request.path_params["image"]
    row = store.image(image_id)
    roll = desk.roll()
    seen = sight(desk, roll, who(request))
    label = None if seen.hides(roll, image_id) else store.labels_of([image_id]).get(image_id)
    # Whoever labels it must not be swayed: a folder is often named after what is in it.
    concealed = seen.conceals(roll, image_id)
    return JSONResponse(
        {
            "id": row.id,
            "path": PurePosixPath(row.path).name if concealed else row.path,
            "width": row.width,
            "height": row.height,
            "bytes": row.bytes,
            "group": row.group,
            "reference": None if concealed else row.reference,
            "meta": {key: _plain(value) for key, value in (row.meta or {}).items()},
            "annotator": label.annotator if label else None,
            "labelled_at": _seconds(label.time) if label else None,
            "opinions": [] if seen.hides(roll, image_id) else opinions_of(desk, image_id),
        },
        headers=FRESH,
    )


def neighbours(desk: Desk, request: Request) -> Response:
    """Answer with the images most like one, the nearest first."""
    query = request.query_params
    k = min(MOST_NEIGHBOURS, int(query.get("k", 60)))
    image_id, unlabelled = request.path_params["image"], query.get("unlabelled") == "1"
    roll = desk.roll()
    seen = sight(desk, roll, who(request))
    if unlabelled and seen.hidden is not None:
        # Unlabelled as far as whoever asks can see.
        found = [
            (other, similarity)
            for other, similarity in desk.project.neighbours(image_id, len(roll.ids))
            if not seen.codes.codes[roll.row[other]] & KIND_MASK
        ][:k]
    else:
        found = desk.project.neighbours(image_id, k, unlabelled_only=unlabelled)
    return JSONResponse(
        {
            "ids": [image_id for image_id, _ in found],
            "similarity": [round(similarity, 4) for _, similarity in found],
        },
        headers=FRESH,
    )


def search(desk: Desk, request: Request) -> Response:
    """Answer with the images whose path holds a text."""
    text = request.query_params.get("text", "").strip()
    ids = desk.project.store.search(text, limit=1000) if text else []
    return JSONResponse({"ids": ids}, headers=FRESH)


def column(desk: Desk, request: Request) -> Response:
    """Answer with one value for every image: a number, or the place in a list of names.

    ``name`` is a metadata column, or ``@reference`` or ``@group``.
    """
    name = request.query_params["name"]
    store = desk.project.store
    values: dict[str, Any]
    if name in ("@reference", "@group"):
        field = name[1:]
        values = {row.id: getattr(row, field) for row in store.images()}
        if field == "reference":
            roll = desk.roll()
            seen = sight(desk, roll, who(request))
            values = {i: None if seen.veils(roll, i) else v for i, v in values.items()}
    elif name in store.columns():
        values = store.column(name)
    else:
        raise FewshotLabError(f"There is no column {name!r}.")
    listed = [values.get(image_id) for image_id in desk.roll().ids]
    numbers = _as_numbers(listed)
    if numbers is not None:
        finite = numbers[np.isfinite(numbers)]
        head = {"kind": "number", "low": float(finite.min()), "high": float(finite.max())}
        return _binary(pack(head, {"values": numbers}))
    names, codes = _as_names(listed)
    # More colours than names: those that classes of the same name have are not used again.
    colors = [colour_for(place) for place in range(2 * len(names))]
    return _binary(pack({"kind": "names", "names": names, "colors": colors}, {"values": codes}))


def _as_numbers(values: list[Any]) -> np.ndarray | None:
    """Return float32 numbers, NaN where there is none; None where a value is no number."""
    numbers = np.full(len(values), np.nan, dtype=np.float32)
    some = False
    for at, value in enumerate(values):
        if value is None or value == "":
            continue
        try:
            numbers[at] = float(value)
        except (TypeError, ValueError):
            return None
        some = True
    few = len(np.unique(numbers[np.isfinite(numbers)])) <= 12
    whole = bool(np.all(np.mod(numbers[np.isfinite(numbers)], 1) == 0))
    # A handful of whole numbers is a code (site 1, 2, 3), not a quantity.
    return numbers if some and not (few and whole) else None


def _as_names(values: list[Any]) -> tuple[list[str], np.ndarray]:
    texts = [None if v is None or v == "" else _text(v) for v in values]
    counts: dict[str, int] = {}
    for text in texts:
        if text is not None:
            counts[text] = counts.get(text, 0) + 1
    ranked = sorted(counts, key=lambda text: (-counts[text], text))
    kept = sorted(ranked[:MOST_VALUES], key=_natural)
    place = {text: at for at, text in enumerate(kept)}
    if len(ranked) > MOST_VALUES:
        kept.append(f"{len(ranked) - MOST_VALUES:,} others")
    rest = len(kept) - 1
    codes = [NO_VALUE if t is None else place.get(t, rest) for t in texts]
    return kept, np.array(codes, dtype=np.uint16)


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text.casefold()


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _seconds(time: Any) -> float:
    return float(time.timestamp()) if hasattr(time, "timestamp") else float(time)


def _binary(message: bytes) -> Response:
    return Response(message, media_type="application/octet-stream", headers=FRESH)
