"""Images: thumbnail, large view, grey values, facts, neighbours, search.

An id names its pixels, so that pictures can be kept for ever.
"""

from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL.Image import Image
from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import finite
from fewshot_lab.images import GreyValues, is_reference
from fewshot_lab.live import (
    PageState,
    slide_index,
    visible_facts,
    visible_neighbours,
    visible_search,
)
from fewshot_lab.web.assets import IMMUTABLE
from fewshot_lab.web.bodies import ID_LENGTH, ids_in
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import json_answer, visibility_for, whole_number
from fewshot_lab.web.people import opinion_rows

PACKED = "application/octet-stream"
# The message may gain something with a release, so not for ever.
FOR_A_WHILE = {"Cache-Control": "private, max-age=3600"}
LARGEST_SIDE = 2400
LOSSLESS_PIXELS = 1_000_000
MOST_NEIGHBOURS = 500
MOST_NAMES = 200
MOST_HITS = 1000


def thumbnail(state: PageState, request: Request) -> Response:
    """Serve a thumbnail (WebP, at most 256 px)."""
    data = state.project.thumbnail(image_id_of(request))
    return Response(data, media_type="image/webp", headers=IMMUTABLE)


def picture(state: PageState, request: Request) -> Response:
    """Serve the image itself, at most 2,400 px a side: as WebP without loss, large ones as JPEG."""
    image = state.project.picture(image_id_of(request), max_side=LARGEST_SIDE)
    return picture_answer(image, IMMUTABLE)


def picture_answer(image: Image, headers: dict[str, str]) -> Response:
    """Answer with a picture: as WebP without loss, large ones as JPEG."""
    buffer = BytesIO()
    if image.width * image.height > LOSSLESS_PIXELS:
        image.save(buffer, "JPEG", quality=92)
        return Response(buffer.getvalue(), media_type="image/jpeg", headers=headers)
    image.save(buffer, "WEBP", lossless=True, method=1)
    return Response(buffer.getvalue(), media_type="image/webp", headers=headers)


def grey_values(state: PageState, request: Request) -> Response:
    """Serve the grey values of the file, where they are more than the picture of 8 bit shows.

    The head says ``grey``, and then what the pixels mean (``fewshot_lab.images.GreyValues``);
    arrays: ``pixels`` (uint16, row by row) and, where some are no part of the picture, ``blank``.
    """
    return grey_answer(state.project.grey_values(image_id_of(request), max_side=LARGEST_SIDE))


def grey_answer(grey: GreyValues | None) -> Response:
    """Answer with grey values, or that there are none beyond the picture of 8 bit."""
    if grey is None:
        return Response(pack({"grey": False}, {}), media_type=PACKED, headers=FOR_A_WHILE)
    names = ("slope", "intercept", "low", "high", "unit", "inverted", "windows")
    height, width = grey.pixels.shape
    head = {name: getattr(grey, name) for name in names} | {"width": width, "height": height}
    arrays: dict[str, np.ndarray] = {"pixels": grey.pixels}
    if grey.blank is not None:
        arrays["blank"] = grey.blank.astype(np.uint8)
    message = pack({"grey": True, **head}, arrays)
    return Response(message, media_type=PACKED, headers=FOR_A_WHILE)


def image_id_of(request: Request) -> str:
    """Return the image that a path names; raise :class:`FewshotLabError` where it names none."""
    image_id = str(request.path_params["image"]).removesuffix(".webp")
    if len(image_id) != ID_LENGTH or not set(image_id) <= set("0123456789abcdef"):
        raise FewshotLabError(f"{image_id!r} is not an image id.")
    return image_id


def facts(state: PageState, request: Request) -> Response:
    """Answer with what is known of one image beside its pixels."""
    visibility = visibility_for(state, request)
    about = visible_facts(state.project, visibility, request.path_params["image"])
    row, label = about["row"], about["label"]
    sources = state.project.store.sources_of([row.id]).get(row.id, [])
    is_part = any(is_reference(Path(file)) for file, _ in sources)
    return json_answer(
        {
            **{name: getattr(row, name) for name in ("id", "path", "width", "height")},
            # Of a slide or a video: its size says nothing of the image.
            "bytes": None if is_part else row.bytes,
            "group": row.group,
            "reference": row.reference,
            "meta": finite(row.meta),
            "annotator": label.annotator if label else None,
            "labelled_at": label.time.timestamp() if label else None,
            "opinions": opinion_rows(about["opinions"]),
            "on_slide": row.id in slide_index(state).places,
        }
    )


def names(state: PageState, request: Request) -> Response:
    """Answer with the file names of some images, without their folders: these may tell a class."""
    ids = ids_in(request.query_params.get("images", ""))[:MOST_NAMES]
    rows = state.project.store.images(ids)
    return json_answer({"names": {row.id: PurePosixPath(row.path).name for row in rows}})


def neighbours(state: PageState, request: Request) -> Response:
    """Answer with the images most like one, the nearest first."""
    query = request.query_params
    image_id, visibility = request.path_params["image"], visibility_for(state, request)
    similar = visible_neighbours(
        state.project,
        visibility,
        image_id,
        min(MOST_NEIGHBOURS, whole_number(query, "k", 60)),
        unlabelled=query.get("unlabelled") == "1",
    )
    return json_answer(
        {
            "ids": [other for other, _ in similar],
            "similarity": [round(similarity, 4) for _, similarity in similar],
            # What its neighbours are would tell what it is.
            "classes_hidden": visibility.hides_prediction(image_id),
        }
    )


def search(state: PageState, request: Request) -> Response:
    """Answer with the images whose path holds a text."""
    text = request.query_params.get("text", "").strip()
    visibility = visibility_for(state, request)
    return json_answer({"ids": visible_search(state.project, visibility, text, MOST_HITS)})
