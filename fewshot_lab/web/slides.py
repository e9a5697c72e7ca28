"""Whole slides: which there are, where their tiles lie, and the pieces of their pyramids.

What people and the classifier say of a tile is not told here: the page has it from ``live``, as
far as whoever looks may see it.
"""

from io import BytesIO

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import UnreadableImage
from fewshot_lab.images.slides import open_slide
from fewshot_lab.live import PageState, slide_index
from fewshot_lab.web.assets import IMMUTABLE
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import arrays_answer, json_answer

PIECE = 256
HIGHEST = 20


def slides(state: PageState, request: Request) -> Response:
    """Answer with the slides that the project has tiles of."""
    index = slide_index(state)
    rows = [
        {
            "key": key,
            "name": index.titles[key],
            "width": slide.width,
            "height": slide.height,
            "mpp": slide.mpp,
            "tiles": len(index.tiles[key]),
        }
        for key, slide in index.slides.items()
    ]
    return json_answer({"slides": rows})


def slide_tiles(state: PageState, request: Request) -> Response:
    """Answer with a slide's tiles: ``ids`` (10 bytes each) and ``boxes`` (x, y, width, height)."""
    index = slide_index(state)
    key = request.path_params["slide"]
    index.slide(key)
    tiles = index.tiles[key]
    boxes = np.array([(t.x, t.y, t.width, t.height) for t in tiles], dtype=np.uint32)
    ids = bytes.fromhex("".join(tile.image_id for tile in tiles))
    arrays: dict[str, np.ndarray] = {
        "ids": np.frombuffer(ids, dtype=np.uint8),
        "boxes": boxes.ravel(),
    }
    return arrays_answer(pack({"n": len(tiles)}, arrays))


def slide_places(state: PageState, request: Request) -> Response:
    """Answer with the slides that an image is a tile of."""
    keys = slide_index(state).places.get(request.path_params["image"], [])
    return json_answer({"places": [{"slide": key} for key in keys]})


def slide_piece(state: PageState, request: Request) -> Response:
    """Serve a piece of a slide's pyramid, 256 px a side; level 0 is the slide's own pixels.

    Labels and overviews that a scanner puts beside the slide may name the patient: they are
    never served.
    """
    slide = slide_index(state).slide(request.path_params["slide"])
    level, column, row = (_number(request, name) for name in ("level", "column", "row"))
    side = PIECE << level
    x, y = column * side, row * side
    if level > HIGHEST or x >= slide.width or y >= slide.height:
        raise FewshotLabError("The slide has no such piece.")
    try:
        picture = open_slide(slide.file).region(x, y, side, PIECE)
    except UnreadableImage as error:
        raise FewshotLabError(str(error)) from None
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return Response(buffer.getvalue(), media_type="image/jpeg", headers=IMMUTABLE)


def _number(request: Request, name: str) -> int:
    text = request.path_params[name]
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise FewshotLabError("The slide has no such piece.")
    return int(text)
