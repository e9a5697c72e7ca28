"""The app's own addresses, beside Streamlit's: what the browser asks for without a script run."""

from collections.abc import Callable
from urllib.parse import quote

from starlette.routing import BaseRoute, Route

from fewshot_lab.web.assets import PREFIX, plotly_file, plotly_url, workspace_file, workspace_url
from fewshot_lab.web.bodies import (
    ActionsBody,
    ClassBody,
    JobBody,
    OfferBody,
    PairBody,
    SettingsBody,
    ViewBody,
)
from fewshot_lab.web.columns import column
from fewshot_lab.web.door import Door
from fewshot_lab.web.frames import pack, unpack
from fewshot_lab.web.guard import for_action, reading, writing
from fewshot_lab.web.health import health
from fewshot_lab.web.identity import NAME_HEADER, SESSION_HEADER, Identity, OpenId
from fewshot_lab.web.images import facts, grey_values, names, neighbours, picture, search, thumbnail
from fewshot_lab.web.labels import actions, change_classes, history, labels_csv
from fewshot_lab.web.live import live
from fewshot_lab.web.logs import log_to_file
from fewshot_lab.web.model import answer_offer
from fewshot_lab.web.pair import choose_pair
from fewshot_lab.web.people import disagreement
from fewshot_lab.web.piles import piles
from fewshot_lab.web.project import change_jobs, change_settings, change_views
from fewshot_lab.web.redirects import PAGES, to_page, to_project
from fewshot_lab.web.sequence import sequence, slice_grey, slice_view
from fewshot_lab.web.sign_in import sign_in_routes
from fewshot_lab.web.slides import slide_piece, slide_places, slide_tiles, slides

__all__ = [
    "NAME_HEADER",
    "SESSION_HEADER",
    "Door",
    "Identity",
    "OpenId",
    "api_url",
    "log_to_file",
    "pack",
    "plotly_url",
    "routes",
    "unpack",
    "workspace_url",
]

API = PREFIX + "/api/{project}"


def api_url(project: str) -> str:
    """Return the address under which a project's routes lie, without a slash at its end."""
    return f"{PREFIX}/api/{quote(project)}"


def routes(base: str = "", sign_in_url: Callable[[], str] | None = None) -> list[BaseRoute]:
    """Return the routes for ``st.App(..., routes=routes())``, below ``server.baseUrlPath``.

    ``sign_in_url`` returns where the sign-in with a provider begins. Routes of a project name an
    action; the middleware lets nobody to the others who is not signed in.
    """
    base = f"/{base.strip('/')}" if base.strip("/") else ""
    api = f"{base}{API}"
    return [
        *sign_in_routes(base, sign_in_url),
        *(Route(f"{base}/{word}", to_page) for word in PAGES),
        Route(base + "/projects/{name}", to_project),
        Route(base + PREFIX + "/health", health),
        Route(base + PREFIX + "/plotly-{version}.min.js", plotly_file),
        Route(base + PREFIX + "/workspace/{revision}/{name}", workspace_file),
        Route(api + "/live", for_action("look", live)),
        Route(api + "/thumb/{image}", reading("look", thumbnail)),
        Route(api + "/picture/{image}", reading("look", picture)),
        Route(api + "/grey/{image}", reading("look", grey_values)),
        Route(api + "/image/{image}", reading("look", facts)),
        Route(api + "/image/{image}/neighbours", reading("look", neighbours)),
        Route(api + "/image/{image}/sequence", reading("look", sequence)),
        Route(api + "/image/{image}/sequence/{number}", reading("look", slice_view)),
        Route(api + "/image/{image}/sequence/{number}/grey", reading("look", slice_grey)),
        Route(api + "/image/{image}/slides", reading("look", slide_places)),
        Route(api + "/slides", reading("look", slides)),
        Route(api + "/slide/{slide}/tiles", reading("look", slide_tiles)),
        Route(api + "/slide/{slide}/piece/{level}/{column}_{row}", reading("look", slide_piece)),
        Route(api + "/piles", reading("look", piles)),
        Route(api + "/names", reading("look", names)),
        Route(api + "/search", reading("look", search)),
        Route(api + "/column", reading("look", column)),
        Route(api + "/disagreement", reading("compare", disagreement)),
        Route(api + "/history", reading("look", history)),
        Route(api + "/labels.csv", reading("export", labels_csv)),
        Route(api + "/actions", writing("label", ActionsBody, actions), methods=["POST"]),
        Route(api + "/classes", writing("classes", ClassBody, change_classes), methods=["POST"]),
        Route(api + "/views", writing("label", ViewBody, change_views), methods=["POST"]),
        Route(
            api + "/settings", writing("settings", SettingsBody, change_settings), methods=["POST"]
        ),
        Route(api + "/pair", writing("label", PairBody, choose_pair), methods=["POST"]),
        Route(api + "/backbone", writing("settings", OfferBody, answer_offer), methods=["POST"]),
        Route(api + "/jobs", writing("prepare", JobBody, change_jobs), methods=["POST"]),
    ]
