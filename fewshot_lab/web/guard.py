"""What every route does first and last: origin, project, body, and errors as one sentence."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError, Unavailable
from fewshot_lab.files import full_disk
from fewshot_lab.live import PageState, Visibility, page_state_of, visibility_of
from fewshot_lab.store import LONGEST_NAME
from fewshot_lab.web.bodies import Body, sentence_of
from fewshot_lab.web.door import OTHER_SITE, from_other_site, origin_differs

B = TypeVar("B", bound=Body)
Endpoint = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)

# The database takes one writer at a time; labels queue behind nothing else.
WRITING = CapacityLimiter(8)
LARGEST_BODY = 32 * 2**20
FRESH = {"Cache-Control": "no-store"}


def reading(work: Callable[[PageState, Request], Response]) -> Endpoint:
    """Return an endpoint that runs ``work`` in a thread, with the project that the path names."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, lambda: work(_state(request), request))

    return endpoint


def writing(body: type[B], work: Callable[[PageState, B], Response]) -> Endpoint:
    """Return an endpoint for a POST of JSON, refused when another site's page sends it."""

    async def endpoint(request: Request) -> Response:
        if sentence := foreign(request):
            return json_answer({"error": sentence}, 403)
        try:
            text = await _read(request)
        except ClientDisconnect:  # nobody is there to be answered
            return Response(status_code=400)
        if text is None:
            sentence = f"The request is larger than {LARGEST_BODY // 2**20} MiB."
            return json_answer({"error": sentence}, 413)
        return await to_thread.run_sync(
            answer,
            lambda: work(_state(request), body.model_validate_json(text)),
            limiter=WRITING,
        )

    return endpoint


async def _read(request: Request) -> bytes | None:
    """Return the body; None where it is too large, of which no more is read."""
    text = bytearray()
    async for part in request.stream():
        text += part
        if len(text) > LARGEST_BODY:
            return None
    return bytes(text)


def foreign(request: Request) -> str | None:
    """Say why a request must not change anything; None where it may.

    A page of another site can make a browser send a POST here, but it cannot add a header of its
    own without asking first, and it cannot hide its origin.
    """
    if "x-fewshot" not in request.headers:
        return "The header X-Fewshot is missing."
    if from_other_site(request.headers) or origin_differs(request.headers):
        return OTHER_SITE
    return None


def visibility_for(state: PageState, request: Request) -> Visibility:
    """Return what whoever asks may see; somebody unnamed is shown least."""
    return visibility_of(state, state.order(), annotator_in(request.query_params))


def annotator_in(query: Any) -> str:
    """Return who asks; nobody has a longer name than a label can carry."""
    name = str(query.get("annotator", ""))
    return name if len(name) <= LONGEST_NAME else ""


def whole_number(query: Any, name: str, default: int | None = None, *, signed: bool = False) -> int:
    """Return a number of the query, of at most nine digits.

    Raises
    ------
    FewshotLabError
        Where it is missing or is none.
    """
    text = query.get(name)
    if text is None and default is not None:
        return default
    if text is None or not re.fullmatch("-?[0-9]{1,9}" if signed else "[0-9]{1,9}", text):
        raise FewshotLabError(f"The request needs a whole number for “{name}”.")
    return int(text)


def json_answer(content: Any, status: int = 200) -> JSONResponse:
    """Return an answer that no browser keeps."""
    return JSONResponse(content, status, FRESH)


def arrays_answer(message: bytes) -> Response:
    """Return a packed message as an answer that no browser keeps."""
    return Response(message, media_type="application/octet-stream", headers=FRESH)


def _state(request: Request) -> PageState:
    return page_state_of(request.path_params["project"])


def answer(work: Callable[[], Response]) -> Response:
    """Return what ``work`` answers, or its error as a sentence.

    A 4xx will be the same when it is asked again; a 503 is worth another try.
    """
    try:
        return work()
    except ValidationError as error:
        return json_answer({"error": sentence_of(error)}, 400)
    except Unavailable as error:
        return json_answer({"error": str(error)}, 503)
    except FewshotLabError as error:
        return json_answer({"error": str(error)}, 400)
    except Exception as error:
        if sentence := full_disk(error):
            return json_answer({"error": sentence}, 503)
        _log.exception("A request failed")
        sentence = "The server could not do this; its log says why."
        return json_answer({"error": sentence}, 500)
