"""The app's own addresses, beside Streamlit's: what the browser asks for without a script run."""

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
)
from fewshot_lab.web.door import Door
from fewshot_lab.web.frames import pack, unpack
from fewshot_lab.web.guard import reading, writing
from fewshot_lab.web.health import health
from fewshot_lab.web.images import facts, grey_values, names, neighbours, picture, search, thumbnail
from fewshot_lab.web.labels import actions, change_classes, history, labels_csv
from fewshot_lab.web.live import live
from fewshot_lab.web.logs import log_to_file
from fewshot_lab.web.map import column
from fewshot_lab.web.model import answer_offer
from fewshot_lab.web.pair import choose_pair
from fewshot_lab.web.people import disagreement
from fewshot_lab.web.piles import piles
from fewshot_lab.web.project import change_jobs, change_settings
from fewshot_lab.web.redirects import PAGES, to_page, to_project

__all__ = [
    "Door",
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


def routes(base: str = "") -> list[BaseRoute]:
    """Return the routes for ``st.App(..., routes=routes())``, below ``server.baseUrlPath``."""
    base = f"/{base.strip('/')}" if base.strip("/") else ""
    api = f"{base}{API}"
    return [
        *(Route(f"{base}/{word}", to_page) for word in PAGES),
        Route(base + "/projects/{name}", to_project),
        Route(base + PREFIX + "/health", health),
        Route(base + PREFIX + "/plotly-{version}.min.js", plotly_file),
        Route(base + PREFIX + "/workspace/{revision}/{name}", workspace_file),
        Route(api + "/live", live),
        Route(api + "/thumb/{image}", reading(thumbnail)),
        Route(api + "/picture/{image}", reading(picture)),
        Route(api + "/grey/{image}", reading(grey_values)),
        Route(api + "/image/{image}", reading(facts)),
        Route(api + "/image/{image}/neighbours", reading(neighbours)),
        Route(api + "/piles", reading(piles)),
        Route(api + "/names", reading(names)),
        Route(api + "/search", reading(search)),
        Route(api + "/column", reading(column)),
        Route(api + "/disagreement", reading(disagreement)),
        Route(api + "/history", reading(history)),
        Route(api + "/labels.csv", reading(labels_csv)),
        Route(api + "/actions", writing(ActionsBody, actions), methods=["POST"]),
        Route(api + "/classes", writing(ClassBody, change_classes), methods=["POST"]),
        Route(api + "/settings", writing(SettingsBody, change_settings), methods=["POST"]),
        Route(api + "/pair", writing(PairBody, choose_pair), methods=["POST"]),
        Route(api + "/backbone", writing(OfferBody, answer_offer), methods=["POST"]),
        Route(api + "/jobs", writing(JobBody, change_jobs), methods=["POST"]),
    ]
