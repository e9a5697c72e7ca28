"""What a labelling person answers when another backbone is offered."""

from typing import Any

from starlette.responses import JSONResponse, Response

from fewshot_lab import jobs
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk
from fewshot_lab.project import backbone_offer, decline_offer, put_into_use
from fewshot_lab.web.guard import FRESH


def answer_offer(desk: Desk, body: dict[str, Any]) -> Response:
    """Switch to the backbone offered, or go back to the one before, or offer nothing for long."""
    project = desk.project
    match body["do"]:
        case "take":
            offer = backbone_offer(project)
            if offer is None or offer["backbone"] != body["backbone"]:
                raise FewshotLabError("This offer has been overtaken; look again.")
            if not put_into_use(project, offer["backbone"]):
                jobs.start(project.folder, "prepare", ["--backbone", offer["backbone"]])
        case "decline":
            decline_offer(project)
        case other:
            raise FewshotLabError(f"There is no answer {other!r} to an offer.")
    desk.live.notify()
    return JSONResponse({"offer": desk.offer(fresh=True)}, headers=FRESH)
