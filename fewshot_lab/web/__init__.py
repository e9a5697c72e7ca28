"""The app's own addresses, beside Streamlit's: what the browser asks for without a script run."""

from starlette.routing import BaseRoute, Route

from fewshot_lab.web.addresses import ELSEWHERE, elsewhere, project
from fewshot_lab.web.assets import PREFIX, plotly_file, plotly_url, workspace_file, workspace_url
from fewshot_lab.web.backbone import answer_offer
from fewshot_lab.web.classes import change_classes, change_settings
from fewshot_lab.web.frames import pack, unpack
from fewshot_lab.web.guard import foreign, reading, writing
from fewshot_lab.web.history import history, labels_csv
from fewshot_lab.web.images import column, facts, neighbours, search
from fewshot_lab.web.jobs import change_jobs
from fewshot_lab.web.labels import actions
from fewshot_lab.web.live import live
from fewshot_lab.web.people import disagreement
from fewshot_lab.web.pictures import picture, thumbnail

__all__ = ["api_url", "foreign", "pack", "plotly_url", "routes", "unpack", "workspace_url"]

API = PREFIX + "/api/{project}"


def api_url(project: str) -> str:
    """Return the address under which a project's routes lie, without a slash at its end."""
    from urllib.parse import quote

    return f"{PREFIX}/api/{quote(project)}"


def routes() -> list[BaseRoute]:
    """Return the routes for ``st.App(..., routes=routes())``."""
    return [
        *(Route(f"/{word}", elsewhere) for word in ELSEWHERE),
        Route("/projects/{name}", project),
        Route(PREFIX + "/plotly-{version}.min.js", plotly_file),
        Route(PREFIX + "/workspace/{stamp}/{name}", workspace_file),
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
