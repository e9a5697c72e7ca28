"""Starting and stopping the work that an empty label page waits for."""

from typing import Any

from starlette.responses import JSONResponse, Response

from fewshot_lab import jobs
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import Desk
from fewshot_lab.web.guard import FRESH
from fewshot_lab.web.overview import job_row


def change_jobs(desk: Desk, body: dict[str, Any]) -> Response:
    """Start embedding or a new map, or stop a job."""
    folder = desk.project.folder
    match body["do"]:
        case "prepare":
            running = jobs.running(folder, "prepare")
            job = running[0] if running else jobs.start(folder, "prepare", [])
        case "map":
            neighbours, min_dist = int(body["neighbours"]), float(body["min_dist"])
            if not (2 <= neighbours <= 200 and 0 <= min_dist <= 0.99):
                raise FewshotLabError(
                    "A map takes 2 to 200 neighbours and a distance from 0 to 0.99."
                )
            arguments = ["--neighbours", str(neighbours), "--min-dist", f"{min_dist:g}", "--fresh"]
            job = jobs.start(folder, "map", arguments)
        case "stop":
            wanted = [job for job in jobs.list_jobs(folder) if job.id == body["id"]]
            if not wanted:
                raise FewshotLabError("There is no such job.")
            job = wanted[0]
            job.stop()
        case other:
            raise FewshotLabError(f"There is no job {other!r} for this page.")
    return JSONResponse({"job": job_row(job)}, headers=FRESH)
