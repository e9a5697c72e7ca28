"""Thumbnails and large views. An id names its pixels, so both can be kept for ever."""

from io import BytesIO

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk
from fewshot_lab.web.guard import IMMUTABLE

LARGEST_SIDE = 2400


def thumbnail(desk: Desk, request: Request) -> Response:
    """Serve a thumbnail (WebP, at most 256 px)."""
    data = desk.project.thumbnail(_id(request))
    return Response(data, media_type="image/webp", headers=IMMUTABLE)


def picture(desk: Desk, request: Request) -> Response:
    """Serve the image itself as WebP without loss, at most 2,400 px a side."""
    image = desk.project.picture(_id(request), max_side=LARGEST_SIDE)
    buffer = BytesIO()
    if image.width * image.height > 1_000_000:
        image.save(buffer, "JPEG", quality=92)
        return Response(buffer.getvalue(), media_type="image/jpeg", headers=IMMUTABLE)
    image.save(buffer, "WEBP", lossless=True, method=1)
    return Response(buffer.getvalue(), media_type="image/webp", headers=IMMUTABLE)


def _id(request: Request) -> str:
    image_id = str(request.path_params["image"]).removesuffix(".webp")
    if len(image_id) != 20 or not set(image_id) <= set("0123456789abcdef"):
        raise FewshotLabError(f"{image_id!r} is not an image id.")
    return image_id
