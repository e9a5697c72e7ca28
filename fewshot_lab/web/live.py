"""The one address the page listens at: what it has goes in, what is new comes out."""

import hashlib
import json
import secrets
import time
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk, desk_of, sight
from fewshot_lab.web.frames import pack
from fewshot_lab.web.guard import FRESH
from fewshot_lab.web.model import model_head
from fewshot_lab.web.overview import overview

# Long enough to spare idle traffic, short enough that a stopping server is not held up.
LONGEST_HOLD = 2.0
LOOK_AGAIN = 0.5
GLANCE = 0.1
PROCESS = secrets.token_hex(3)


async def live(request: Request) -> Response:
    """Answer as soon as something differs from what the page has, or after two seconds.

    Query parameters, each what the last answer said: ``rev`` (snapshot), ``labels`` (version),
    ``images`` (count), ``map`` (version), ``overview`` (hash); ``hold`` in seconds;
    ``annotator``: who looks.
    """
    have = dict(request.query_params)
    try:
        desk = desk_of(request.path_params["project"])
        message = await run_in_threadpool(_wait, desk, have)
    except FewshotLabError as error:
        return JSONResponse({"error": str(error)}, 400, FRESH)
    except ValueError:
        return JSONResponse({"error": "The request cannot be understood."}, 400, FRESH)
    return Response(message, media_type="application/octet-stream", headers=FRESH)


def _wait(desk: Desk, have: dict[str, str]) -> bytes:
    end = time.monotonic() + min(LONGEST_HOLD, float(have.get("hold", LONGEST_HOLD)))
    session, store = desk.live, desk.project.store
    rev = session.snapshot.rev
    message = news(desk, have)
    while message is None and (left := end - time.monotonic()) > 0:
        # New labels and a new snapshot are told at once, the slower rest twice a second.
        position = store.position()
        until = time.monotonic() + min(LOOK_AGAIN, left)
        while time.monotonic() < until:
            if session.wait(rev, GLANCE).rev != rev or store.position() != position:
                break
        message = news(desk, have)
    return message or pack({"same": True}, {})


def news(desk: Desk, have: dict[str, str]) -> bytes | None:
    """Return what the page lacks, packed; None where it has everything."""
    head: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}

    roll = desk.roll()
    ids = roll.ids
    known = int(have.get("images", 0))
    if known != len(ids):
        known = known if known < len(ids) else 0
        head["images"] = {"from": known, "n": len(ids)}
        arrays["ids"] = np.frombuffer(bytes.fromhex("".join(ids[known:])), dtype=np.uint8)

    layout = desk.layout(roll)
    version = layout.version if layout else ""
    if version != have.get("map", "") or (layout and "images" in head):
        head["map"] = {"version": version} | (layout.head if layout else {})
        if layout:
            arrays["xy"] = layout.xy.ravel()

    seen = sight(desk, roll, have.get("annotator", ""))
    labels = seen.codes
    if labels.version != have.get("labels") or "images" in head:
        head["labels"] = {"version": labels.version, "position": labels.position}
        _add_codes(desk, have, head, arrays, labels.codes)

    snapshot = desk.live.snapshot
    # Snapshots are counted from 0 in every process: a restarted server's are other ones.
    rev = f"{PROCESS}.{snapshot.rev}"
    if seen.hidden is not None:
        # What may be told of a prediction, and what is due, changes with one's own labels.
        rev += f".{labels.version}"
    if rev != have.get("rev") or "images" in head:
        head["rev"] = rev
        head["model"] = model_head(desk, snapshot, roll, seen)
        arrays |= desk.scores(roll, snapshot, labels.codes, seen.hidden, seen.veiled)

    # New colours are not held up by the rest: it comes with the next answer, which is asked for
    # at once.
    if "rev" not in head or not have.get("overview"):
        told = overview(desk, labels.position, seen)
        stamp = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]
        if stamp != have.get("overview"):
            head["overview"] = told | {"stamp": stamp}

    return pack(head, arrays) if head else None


def _add_codes(
    desk: Desk,
    have: dict[str, str],
    head: dict[str, Any],
    arrays: dict[str, np.ndarray],
    codes: np.ndarray,
) -> None:
    """Add the labels: only the changed ones where the page's state is still at hand."""
    before = desk.codes_at(have.get("labels", ""))
    if before is not None and len(before) == len(codes) and "images" not in head:
        changed = np.flatnonzero(before != codes)
        if len(changed) * 3 < len(codes):
            head["labels"]["from"] = have["labels"]
            arrays["changed_rows"] = changed.astype(np.uint32)
            arrays["changed_codes"] = codes[changed]
            return
    arrays["codes"] = codes
