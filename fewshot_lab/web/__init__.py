"""The app's own addresses, beside Streamlit's: what the browser asks for without a script run."""

from urllib.parse import quote

from starlette.routing import BaseRoute, Route

from fewshot_lab.web.assets import PREFIX, plotly_file, plotly_url, workspace_file, workspace_url
from fewshot_lab.web.frames import pack, unpack
from fewshot_lab.web.guard import foreign, reading, writing
from fewshot_lab.web.images import facts, neighbours, picture, search, thumbnail
from fewshot_lab.web.labels import actions, change_classes, history, labels_csv
from fewshot_lab.web.live import live
from fewshot_lab.web.map import column
from fewshot_lab.web.model import answer_offer
from fewshot_lab.web.people import disagreement
from fewshot_lab.web.project import change_jobs, change_settings
from fewshot_lab.web.redirects import PAGES, to_page, to_project

__all__ = ["api_url", "foreign", "pack", "plotly_url", "routes", "unpack", "workspace_url"]

API = PREFIX + "/api/{project}"


def api_url(project: str) -> str:
    """Return the address under which a project's routes lie, without a slash at its end."""
    return f"{PREFIX}/api/{quote(project)}"


def routes() -> list[BaseRoute]:
    """Return the routes for ``st.App(..., routes=routes())``."""
    return [
        *(Route(f"/{word}", to_page) for word in PAGES),
        Route("/projects/{name}", to_project),
        Route(PREFIX + "/plotly-{version}.min.js", plotly_file),
        Route(PREFIX + "/workspace/{revision}/{name}", workspace_file),
        Route(API + "/live", live),
        Route(API + "/thumb/{image}", reading(thumbnail)),
        Route(API + "/picture/{image}", reading(picture)),
        Route(API + "/image/{image}", reading(facts)),
        Route(API + "/image/{image}/neighbours", reading(neighbours)),
        Route(API + "/search", reading(search)),
        Route(API + "/column", reading(column)),
        Route(API + "/disagreement", reading(disagreement)),
        Route(API + "/history", reading(history)),
        Route(API + "/labels.csv", reading(labels_csv)),
        Route(API + "/actions", writing(actions), methods=["POST"]),
        Route(API + "/classes", writing(change_classes), methods=["POST"]),
        Route(API + "/settings", writing(change_settings), methods=["POST"]),
        Route(API + "/backbone", writing(answer_offer), methods=["POST"]),
        Route(API + "/jobs", writing(change_jobs), methods=["POST"]),
    ]
