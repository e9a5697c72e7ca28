"""The one address the page listens at: what it has goes in, what is new comes out."""

from __future__ import annotations

import hashlib
import heapq
import json
import random
import secrets
import time
from collections import OrderedDict
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from anyio import CapacityLimiter, to_thread
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import PageState, image_scores, visibility_of
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import (
    annotator_in,
    answer,
    arrays_answer,
    asking,
    permitted,
    whole_number,
)
from fewshot_lab.web.model import model_head
from fewshot_lab.web.project import overview

# Long enough to spare idle traffic, short enough that a stopping server is not held up.
LONGEST_HOLD = 2.0
LOOK_AGAIN = 0.5
BEAT = 0.25
"""Seconds: so often at most a page gets something new."""
MANY = 20
QUIET = 30.0
LATER = 8.0, 16.0
"""Where more than ``MANY`` pages listen, those without an action for ``QUIET`` seconds are asked to
come back after so many seconds, drawn between the two."""
HAVE = ("rev", "labels", "images", "map", "overview")
KEPT_MESSAGES = 32
# A page that waits keeps a thread: labels and pictures must not queue behind those.
WAITING = CapacityLimiter(256)
PROCESS = secrets.token_hex(3)

_messages: WeakKeyDictionary[PageState, OrderedDict[Any, _Shared]] = WeakKeyDictionary()
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
        response = arrays_answer(_wait(state, have | ({"hold": "0"} if later else {})))
        if later:
            response.headers["X-Fewshot-Later"] = f"{later:.2f}"
        return response

    return await to_thread.run_sync(answer, answered, limiter=WAITING)


def _wait(state: PageState, have: dict[str, str]) -> bytes:
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
        message = _shared_news(state, have, rev, position)
    return message or pack({"same": True}, {})


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
        later = random.uniform(*LATER)
        heapq.heappush(_away, now + later)
        return later


def _position(state: PageState) -> int:
    """Return the log's position as of this beat, read once for all pages."""
    beat = int(time.monotonic() / BEAT)
    return state.cached("position", beat, state.project.store.position)


def _shared_news(state: PageState, have: dict[str, str], rev: int, position: int) -> bytes | None:
    """Return what a page lacks, packed once for all pages that lack and may see the same."""
    key = (*(have.get(name, "") for name in HAVE), _viewer(state, annotator_in(have), position))
    with _lock:
        messages = _messages.setdefault(state, OrderedDict())
        shared = messages.setdefault(key, _Shared())
        messages.move_to_end(key)
        while len(messages) > KEPT_MESSAGES:
            messages.popitem(last=False)
    with shared.lock:
        moment = rev, position, int(time.monotonic() / BEAT)
        if shared.moment != moment:
            shared.moment, shared.message = moment, news(state, have)
        return shared.message


def _viewer(state: PageState, annotator: str, position: int) -> str:
    """Return whose view it is; "" where all annotators see the same."""
    team = state.cached("team", position, state.project.store.team)
    apart = team.split or team.double or team.blind or team.repeats
    own = apart or annotator in team.seniors or annotator in state.live.snapshot.pairs
    return annotator if own else ""


class _Shared:
    """A message, and the moment at which it was packed."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.moment: tuple[int, int, int] | None = None
        self.message: bytes | None = None


def _hold(have: dict[str, str]) -> float:
    try:
        return min(LONGEST_HOLD, float(have.get("hold", LONGEST_HOLD)))
    except ValueError:
        return LONGEST_HOLD


def news(state: PageState, have: dict[str, str]) -> bytes | None:
    """Return what the page lacks, packed; None where it has everything."""
    head: dict[str, Any] = {}
    arrays: dict[str, NDArray[Any]] = {}
    order = state.order()
    visibility = visibility_of(state, order, annotator_in(have))

    n, known = len(order.ids), whole_number(have, "images", 0)
    anew = known != n
    if anew:
        known = known if known < n else 0
        head["images"] = {"from": known, "n": n}
        arrays["ids"] = np.frombuffer(bytes.fromhex("".join(order.ids[known:])), dtype=np.uint8)

    layout = state.layout(order)
    version = layout.version if layout else ""
    if version != have.get("map", "") or (layout and anew):
        head["map"] = {"version": version}
        if layout:
            head["map"] |= {"method": layout.source.method, "settings": layout.source.settings}
            arrays["xy"] = layout.xy.ravel()

    labels = visibility.codes
    if labels.version != have.get("labels") or anew:
        head["labels"] = {"version": labels.version, "position": labels.position}
        before = None if anew else state.codes_at(have.get("labels", ""))
        changed = _changed_labels(before, labels.codes)
        if changed is not None:
            head["labels"]["from"] = have["labels"]
        arrays |= changed or {"codes": labels.codes}

    snapshot = state.live.snapshot
    # Snapshots are counted from 0 in every process: a restarted server's are other ones.
    rev = f"{PROCESS}.{snapshot.rev}"
    if visibility.labels_hidden is not None:
        # What may be told of a prediction, and what is due, changes with one's own labels.
        rev += f".{labels.version}"
    if rev != have.get("rev") or anew:
        head |= {"rev": rev, "model": model_head(state, snapshot, visibility)}
        arrays |= image_scores(state, snapshot, visibility)

    # New colours are not held up by the rest: it comes with the next answer, which is asked for
    # at once.
    if "rev" not in head or not have.get("overview"):
        facts = overview(state, labels.position, visibility)
        stamp = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
        if stamp != have.get("overview"):
            head["overview"] = facts | {"stamp": stamp}

    return pack(head, arrays) if head else None


def _changed_labels(
    before: NDArray[np.uint16] | None, codes: NDArray[np.uint16]
) -> dict[str, NDArray[Any]] | None:
    """Return the labels that changed; None where it is as short to send all."""
    if before is None or len(before) != len(codes):
        return None
    rows = np.flatnonzero(before != codes)
    if len(rows) * 3 >= len(codes):
        return None
    return {"changed_rows": rows.astype(np.uint32), "changed_codes": codes[rows]}
