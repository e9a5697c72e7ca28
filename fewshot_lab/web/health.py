"""Whether the server lives and could take a label: for load balancers, containers and monitors."""

import time

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.operations import readiness
from fewshot_lab.web.guard import json_answer

KEPT_SECONDS = 2.0
"""For so long an answer holds: however often it is asked, the database is not."""

_ONE = CapacityLimiter(1)
_last: tuple[float, dict[str, bool]] = (-KEPT_SECONDS, {})


async def health(request: Request) -> Response:
    """Answer 200 where labels can be taken, else 503; with what is missing, and nothing secret."""
    parts = await to_thread.run_sync(_parts, limiter=_ONE)
    ready = all(parts.values())
    return json_answer({"live": True, "ready": ready, **parts}, 200 if ready else 503)


def _parts() -> dict[str, bool]:
    global _last
    if time.monotonic() - _last[0] >= KEPT_SECONDS:
        parts = readiness()
        _last = time.monotonic(), parts
    return _last[1]
