"""The workspace's own modules and Plotly's, under addresses that change with their content."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

PREFIX = "/fewshot"
IMMUTABLE = {"Cache-Control": "private, max-age=31536000, immutable"}
WORKSPACE = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


def workspace_url(name: str) -> str:
    """Return the address of a file of the workspace; a changed file changes it."""
    return f"{PREFIX}/workspace/{_revision()}/{name}"


@cache
def plotly_url() -> str:
    """Return the address of the plotly.min.js that the installed plotly package ships."""
    import plotly

    return f"{PREFIX}/plotly-{plotly.__version__}.min.js"


def _revision() -> str:
    # One address for all modules, as they import each other by relative names. Stat only: this
    # runs with every mount of the page.
    digest = hashlib.sha256()
    for path in sorted(WORKSPACE.iterdir()):
        if path.suffix in TYPES:
            stat = path.stat()
            digest.update(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns};".encode())
    return digest.hexdigest()[:16]


async def workspace_file(request: Request) -> Response:
    """Serve one module or style sheet."""
    name = request.path_params["name"]
    path = WORKSPACE / name
    if path.parent != WORKSPACE or path.suffix not in TYPES or not path.is_file():
        return Response("There is no such file.", 404)
    # An outdated revision must not store today's file for ever under yesterday's address.
    headers = IMMUTABLE if request.path_params["revision"] == _revision() else {}
    return Response(path.read_bytes(), media_type=TYPES[path.suffix], headers=headers)


async def plotly_file(request: Request) -> Response:
    """Serve Plotly, compressed once."""
    headers = {**IMMUTABLE, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(_plotly(True), media_type="text/javascript", headers=headers)
    return Response(_plotly(False), media_type="text/javascript", headers=headers)


@cache
def _plotly(compressed: bool) -> bytes:
    import plotly

    data = (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes()
    return gzip.compress(data, 6) if compressed else data
