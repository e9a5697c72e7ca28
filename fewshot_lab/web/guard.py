"""What every route does first and last: who asks, origin, project, body, errors as one sentence.

Each route names an action of :data:`fewshot_lab.accounts.ACTIONS`, which says who may.
"""

import logging
import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.accounts import ROLES, Role, Visitor, must_be_allowed
from fewshot_lab.acting import acting
from fewshot_lab.errors import FewshotLabError, Forbidden, NoProject, NotSignedIn, Unavailable
from fewshot_lab.files import disk_sentence
from fewshot_lab.live import PageState, Visibility, page_state_of, visibility_of
from fewshot_lab.store import LONGEST_NAME
from fewshot_lab.web.bodies import Body, sentence_of
from fewshot_lab.web.door import OTHER_SITE, body_of, from_other_site, origin_differs
from fewshot_lab.web.frames import Message
from fewshot_lab.web.identity import visitor_of

B = TypeVar("B", bound=Body)
Endpoint = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)

# The database takes one writer at a time; labels queue behind nothing else.
WRITING = CapacityLimiter(8)
LARGEST_BODY = 32 * 2**20
MOST_NAMES = 1000
FRESH = {"Cache-Control": "no-store"}
STATUS = {NotSignedIn: 401, Forbidden: 403, Unavailable: 503}
ROLE_SECONDS = 1.0
"""For so long a role is taken to be what it was, by whoever only reads."""


def reading(action: str, work: Callable[[PageState, Request], Response]) -> Endpoint:
    """Return an endpoint that runs ``work`` in a thread, with the project that the path names."""

    def answered(request: Request) -> Response:
        state = permitted(request, action)
        with acting(visitor_of(request).name):
            return work(state, request)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, lambda: answered(request))

    return for_action(action, endpoint)


def writing(action: str, body: type[B], work: Callable[[PageState, B], Response]) -> Endpoint:
    """Return an endpoint for a POST of JSON, refused when another site's page sends it."""

    def answered(request: Request, text: bytes) -> Response:
        state = permitted(request, action)
        posted = body.model_validate_json(text)
        visitor = visitor_of(request)
        if visitor.name is not None:
            must_be_by(visitor.name, posted.authors())
        for further in posted.further_actions():
            permitted(request, further)
        if len(state.acted_at) > MOST_NAMES:  # a request may name whom it likes
            state.acted_at.clear()
        state.acted_at |= dict.fromkeys(posted.authors(), time.monotonic())
        with acting(visitor.name or next(iter(posted.authors()), None)):
            return work(state, posted)

    async def endpoint(request: Request) -> Response:
        if sentence := foreign(request):
            return json_answer({"error": sentence}, 403)
        text = await body_of(request, LARGEST_BODY)
        if text is None:
            sentence = f"The request is larger than {LARGEST_BODY // 2**20} MiB."
            return json_answer({"error": sentence}, 413)
        return await to_thread.run_sync(answer, lambda: answered(request, text), limiter=WRITING)

    return for_action(action, endpoint)


def for_action(action: str, endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint with what it does."""
    endpoint.action = action  # type: ignore[attr-defined]
    return endpoint


def permitted(request: Request, action: str) -> PageState:
    """Return the project that the path names, where whoever asks may do this in it.

    Raises
    ------
    NotSignedIn, Forbidden
    """
    visitor = visitor_of(request)
    try:
        state = page_state_of(request.path_params["project"])
    except NoProject:
        if visitor.administrator:
            raise
        must_be_allowed(None, action)  # nobody learns which projects there are
        raise
    must_be_allowed(role_in(state, visitor, fresh=request.method != "GET"), action)
    return state


def role_in(state: PageState, visitor: Visitor, *, fresh: bool) -> Role | None:
    """Return what somebody is in a project, now or as of a moment ago."""
    if visitor.administrator:
        return Role.ADMINISTRATOR
    name = str(visitor.name)
    read = partial(state.project.store.role_of, name)
    moment = int(time.monotonic() / ROLE_SECONDS)
    word = read() if fresh else state.cached(("role", name), moment, read)
    return ROLES.get(word) if word else None


def must_be_by(name: str, authors: set[str]) -> None:
    """Refuse what somebody else did: its label would carry the wrong name.

    Raises
    ------
    Forbidden
    """
    for other in authors - {name}:
        raise Forbidden(
            f"This was done as {other}, and {name} is signed in: it stays in this browser until "
            f"{other} signs in."
        )


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
    return visibility_of(state, state.order(), asking(request))


def asking(request: Request) -> str:
    """Return who asks: whoever is signed in; where nobody has to be, the name in the query."""
    return visitor_of(request).name or annotator_in(request.query_params)


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


def message_answer(message: Message, headers: Headers) -> Response:
    """Return a message as an answer that no browser keeps, zipped where the browser takes that."""
    if message.zipped is None or "gzip" not in headers.get("accept-encoding", ""):
        return arrays_answer(message.body)
    response = arrays_answer(message.zipped)
    response.headers.update({"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    return response


def answer(work: Callable[[], Response]) -> Response:
    """Return what ``work`` answers, or its error as a sentence.

    A 4xx will be the same when it is asked again; a 503 is worth another try.
    """
    try:
        return work()
    except ValidationError as error:
        return json_answer({"error": sentence_of(error)}, 400)
    except FewshotLabError as error:
        status = next((s for kind, s in STATUS.items() if isinstance(error, kind)), 400)
        return json_answer({"error": str(error)}, status)
    except Exception as error:
        if sentence := disk_sentence(error):
            return json_answer({"error": sentence}, 503)
        _log.exception("A request failed")
        sentence = "The server could not do this; its log says why."
        return json_answer({"error": sentence}, 500)
