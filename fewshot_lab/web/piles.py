"""Piles of images that are alike, for one key to label."""

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import PageState, piles_of
from fewshot_lab.web.guard import json_answer, visibility_for


def piles(state: PageState, request: Request) -> Response:
    """Answer with the piles of images without a label, the largest first."""
    rows = piles_of(state, visibility_for(state, request))
    return json_answer({"piles": [{"ids": p.image_ids, "left_out": p.left_out} for p in rows]})
