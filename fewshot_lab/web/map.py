"""The map's colours by a column: one value for every image."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import PageState, visible_column
from fewshot_lab.store import colour_for
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import arrays_answer, visibility_for

NO_VALUE = 0xFFFF
# More different values than this are shown as one "other" group: no eye tells so many colours.
MOST_VALUES = 40
# A handful of whole numbers is a code (site 1, 2, 3), not a quantity.
FEW_NUMBERS = 12

Value = str | float | None


def column(state: PageState, request: Request) -> Response:
    """Answer with one value for every image: a number, or the place in a list of names.

    ``name`` is a metadata column, or ``@reference`` or ``@group``.
    """
    visibility = visibility_for(state, request)
    by_image = visible_column(state.project, visibility, request.query_params.get("name", ""))
    values = [by_image.get(image_id) for image_id in visibility.order.ids]
    numbers = _as_numbers(values)
    if numbers is not None:
        finite = numbers[np.isfinite(numbers)]
        head = {"kind": "number", "low": float(finite.min()), "high": float(finite.max())}
        return arrays_answer(pack(head, {"values": numbers}))
    names, codes = _as_names(values)
    # More colours than names: those that classes of the same name have are not used again.
    colors = [colour_for(place) for place in range(2 * len(names))]
    head = {"kind": "names", "names": names, "colors": colors}
    return arrays_answer(pack(head, {"values": codes}))


def _as_numbers(values: Sequence[Value]) -> NDArray[np.float32] | None:
    """Return numbers, NaN where there is none; None where these are names or codes."""
    try:
        numbers = np.array(
            [math.nan if v is None or v == "" else float(v) for v in values], dtype=np.float32
        )
    except (TypeError, ValueError):
        return None
    finite = numbers[np.isfinite(numbers)]
    few = len(np.unique(finite)) <= FEW_NUMBERS
    return None if few and bool(np.all(np.mod(finite, 1) == 0)) else numbers


def _as_names(values: Sequence[Value]) -> tuple[list[str], NDArray[np.uint16]]:
    texts = [None if v is None or v == "" else _text(v) for v in values]
    counts = Counter(text for text in texts if text is not None)
    ranked = sorted(counts, key=lambda text: (-counts[text], text))
    names = sorted(ranked[:MOST_VALUES], key=_natural)
    place = {text: at for at, text in enumerate(names)}
    if len(ranked) > MOST_VALUES:
        names.append(f"{len(ranked) - MOST_VALUES:,} others")
    rest = len(names) - 1
    codes = [NO_VALUE if t is None else place.get(t, rest) for t in texts]
    return names, np.array(codes, dtype=np.uint16)


def _natural(text: str) -> tuple[int, float, str]:
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text.casefold()


def _text(value: str | float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
