"""The one address the page listens at: what it has goes in, what is new comes out."""

from __future__ import annotations

import heapq
import random
import time
from threading import Lock

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import PageState
from fewshot_lab.web.frames import Message
from fewshot_lab.web.guard import annotator_in, answer, asking, message_answer, permitted
from fewshot_lab.web.page_contents import PageContents

# Long enough to spare idle traffic, short enough that a stopping server is not held up.
LONGEST_HOLD = 2.0
LOOK_AGAIN = 0.5
BEAT = 0.25
"""Seconds: so often at most a page gets something new."""
MANY = 20
QUIET = 30.0
LATER = 8.0, 16.0
"""Where more than ``MANY`` pages listen, those without an action for ``QUIET`` seconds are asked to
come back after so many seconds, drawn between the two; where more than ``AWAY`` are away, the more
the later, so that all of them together ask no more often."""
AWAY = 50
KEPT_CONTENTS = 32
# A page that waits keeps a thread: labels and pictures must not queue behind those.
WAITING = CapacityLimiter(256)

_away: list[float] = []
"""A heap: when the pages that were told to come later do."""
_lock = Lock()


async def live(request: Request) -> Response:
    """Answer as soon as something differs from what the page has, or after two seconds.

    Query parameters, each what the last answer said: ``rev`` (snapshot), ``labels`` (version),
    ``images`` (count), ``map`` (version), ``overview`` (hash); ``hold`` in seconds;
    ``annotator``: who looks. A page that has time is told when to ask again
    (``X-Fewshot-Later``, seconds).
    """

    def answered() -> Response:
        state = permitted(request, "look")
        have = dict(request.query_params) | {"annotator": asking(request)}
        later = _later(state, have)
        message = _wait(state, have | ({"hold": "0"} if later else {}))
        response = message_answer(message, request.headers)
        if later:
            response.headers["X-Fewshot-Later"] = f"{later:.2f}"
        return response

    return await to_thread.run_sync(answer, answered, limiter=WAITING)


def _wait(state: PageState, have: dict[str, str]) -> Message:
    end = time.monotonic() + (hold := _hold(have))
    if hold > 0:
        # All pages look at the same moments, and then share what is packed.
        time.sleep(min(hold, -time.monotonic() % BEAT))
    rev, position = state.live.snapshot.rev, _position(state)
    message = _shared_news(state, have, rev, position)
    while message is None and (left := end - time.monotonic()) > 0:
        # New labels and a new snapshot are told at the next beat, the slower rest twice a second.
        until = time.monotonic() + min(LOOK_AGAIN, left)
        before = rev, position
        while time.monotonic() < until and (rev, position) == before:
            rev = state.live.wait(rev, BEAT).rev
            position = _position(state)
        if rev == before[0] and position != before[1]:
            # The colours of new labels are nearly there: one answer brings both.
            rev = state.live.wait(rev, BEAT).rev
        message = _shared_news(state, have, rev, position)
    return message or Message.of({"same": True}, {})


def _later(state: PageState, have: dict[str, str]) -> float | None:
    """Return in how many seconds a page may ask again; None where it is to wait for news."""
    now = time.monotonic()
    with _lock:
        while _away and _away[0] < now:
            heapq.heappop(_away)
        listening = WAITING.borrowed_tokens + len(_away)
        acted = state.acted_at.get(annotator_in(have), -QUIET)
        if not have.get("overview") or listening <= MANY or now - acted < QUIET:
            return None
        later = random.uniform(*LATER) * max(1.0, len(_away) / AWAY)
        heapq.heappush(_away, now + later)
        return later


def _position(state: PageState) -> int:
    """Return the log's position as of this beat, read once for all pages."""
    beat = int(time.monotonic() / BEAT)
    return state.cached("position", beat, state.project.store.position)


def _shared_news(state: PageState, have: dict[str, str], rev: int, position: int) -> Message | None:
    """Return what a page lacks, made once for all pages that lack and may see the same."""
    viewer = _viewer(state, annotator_in(have), position)
    moment = rev, position, int(time.monotonic() / BEAT)
    with _lock:
        kept = state.page_contents
        contents = kept.get(viewer)
        if contents is None or contents.moment != moment:
            kept[viewer] = contents = PageContents(state, annotator_in(have), moment, contents)
        kept.move_to_end(viewer)
        while len(kept) > KEPT_CONTENTS:
            kept.popitem(last=False)
    return contents.news(have)


def _viewer(state: PageState, annotator: str, position: int) -> str:
    """Return whose view it is; "" where all annotators see the same."""
    team = state.cached("team", position, state.project.store.team)
    apart = team.split or team.double or team.blind or team.repeats
    own = apart or annotator in team.seniors or annotator in state.live.snapshot.pairs
    return annotator if own else ""


def _hold(have: dict[str, str]) -> float:
    try:
        return min(LONGEST_HOLD, float(have.get("hold", LONGEST_HOLD)))
    except ValueError:
        return LONGEST_HOLD
