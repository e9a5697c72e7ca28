"""Addresses that people type, and where they lead."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse

# Streamlit shows the home page at "/" alone, and a dialog of its own for what it does not know.
PAGES = {"projects": "", "home": "", "map": "label", "runs": "pretrain", "backbones": "backbone"}


async def to_page(request: Request) -> RedirectResponse:
    """Lead from another word for a page to the page, with what the address asks for."""
    page = PAGES[request.url.path.rsplit("/", 1)[-1]]
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"./{page}{query}", 302)


async def to_project(request: Request) -> RedirectResponse:
    """Lead from ``/projects/NAME`` to the project's map."""
    return RedirectResponse(f"../label?project={quote(request.path_params['name'])}", 302)
