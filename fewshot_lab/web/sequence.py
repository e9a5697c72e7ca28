"""The slices or frames around an image, in order; also those that were not imported.

Those that no longer can be read are not among them.
"""

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import PageState
from fewshot_lab.project import SliceSequence, sequence_of, slice_grey_values, slice_picture
from fewshot_lab.web.guard import json_answer
from fewshot_lab.web.images import (
    FOR_A_WHILE,
    LARGEST_SIDE,
    grey_answer,
    image_id_of,
    picture_answer,
)


def sequence(state: PageState, request: Request) -> Response:
    """Answer with the slices around an image: number, image ("" for none) and position of each."""
    image_id = image_id_of(request)
    slices = sequence_of(state.project, image_id)
    if slices is None:
        return json_answer({"sequence": None})
    numbers = slices.at_hand()
    places = [slices.places[number] for number in numbers]
    return json_answer(
        {
            "sequence": {
                "kind": slices.kind,
                "unit": slices.unit,
                "length": len(slices.places),
                "at": numbers.index(slices.number_of(image_id)),
                "numbers": numbers,
                "ids": [place.image_id or "" for place in places],
                "positions": [place.position for place in places],
            }
        }
    )


def slice_view(state: PageState, request: Request) -> Response:
    """Serve one slice as a picture."""
    slices, number = _slice_of(state, request)
    return picture_answer(slice_picture(state.project, slices, number, LARGEST_SIDE), FOR_A_WHILE)


def slice_grey(state: PageState, request: Request) -> Response:
    """Serve one slice's grey values, as the route of an image does."""
    slices, number = _slice_of(state, request)
    return grey_answer(slice_grey_values(state.project, slices, number, LARGEST_SIDE))


def _slice_of(state: PageState, request: Request) -> tuple[SliceSequence, int]:
    slices = sequence_of(state.project, image_id_of(request))
    if slices is None:
        raise FewshotLabError("This image is neither a slice of a volume nor a frame of a video.")
    number = request.path_params["number"]
    return slices, int(number) if number.isdecimal() and len(number) < 8 else -1
