"""Piles of images that are alike, for one key to label."""

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import SURE, PageState, piles_of
from fewshot_lab.web.guard import json_answer, visibility_for


def piles(state: PageState, request: Request) -> Response:
    """Answer with the piles of images without a label, the largest first."""
    piles = piles_of(state, visibility_for(state, request))
    rows = [{"ids": pile.image_ids, "left_out": pile.left_out} for pile in piles]
    return json_answer({"piles": rows, "sure": SURE})
