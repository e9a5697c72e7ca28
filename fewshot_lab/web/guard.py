"""What every route does first and last: origin, project, and errors as one sentence."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import PageState, Visibility, page_state_of, visibility_of

Endpoint = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)

FRESH = {"Cache-Control": "no-store"}
IMMUTABLE = {
    "Cache-Control": "private, max-age=31536000, immutable",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def reading(work: Callable[[PageState, Request], Response]) -> Endpoint:
    """Return an endpoint that runs ``work`` in a thread, with the project that the path names."""

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(_answer, lambda: work(_state(request), request))

    return endpoint


def writing(work: Callable[[PageState, dict[str, Any]], Response]) -> Endpoint:
    """Return an endpoint for a POST of JSON, refused when another site's page sends it."""

    async def endpoint(request: Request) -> Response:
        if sentence := foreign(request):
            return json_answer({"error": sentence}, 403)
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return json_answer({"error": "The request's body must be a JSON object."}, 400)
        return await run_in_threadpool(_answer, lambda: work(_state(request), body))

    return endpoint


def foreign(request: Request) -> str | None:
    """Say why a request must not change anything; None where it may.

    A page of another site can make a browser send a POST here, but it cannot add a header of its
    own without asking first, and it cannot hide its origin.
    """
    if "x-fewshot" not in request.headers:
        return "The header X-Fewshot is missing."
    site = request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        return "Requests from other sites are refused."
    origin = request.headers.get("origin")
    if origin is not None:
        hosts = {request.headers.get("host"), request.headers.get("x-forwarded-host")}
        if urlsplit(origin).netloc not in hosts:
            return "Requests from other sites are refused."
    return None


def visibility_for(state: PageState, request: Request) -> Visibility:
    """Return what whoever asks may see; somebody unnamed is shown least."""
    return visibility_of(state, state.order(), request.query_params.get("annotator", ""))


def json_answer(content: Any, status: int = 200) -> JSONResponse:
    """Return an answer that no browser keeps."""
    return JSONResponse(content, status, FRESH)


def arrays_answer(message: bytes) -> Response:
    """Return a packed message as an answer that no browser keeps."""
    return Response(message, media_type="application/octet-stream", headers=FRESH)


def _state(request: Request) -> PageState:
    return page_state_of(request.path_params["project"])


def _answer(work: Callable[[], Response]) -> Response:
    try:
        return work()
    except FewshotLabError as error:
        return json_answer({"error": str(error)}, 400)
    except (KeyError, TypeError, ValueError) as error:
        _log.exception("A request could not be understood")
        sentence = f"The request cannot be understood ({type(error).__name__}: {error})."
        return json_answer({"error": sentence}, 400)
    except Exception:
        _log.exception("A request failed")
        sentence = "The server could not do this; its log says why."
        return json_answer({"error": sentence}, 500)
