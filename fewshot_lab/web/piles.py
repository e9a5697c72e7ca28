"""Piles of images that are alike, for one key to label."""

from starlette.requests import Request
from starlette.responses import Response

from fewshot_lab.live import SURE, PageState, piles_of
from fewshot_lab.web.guard import json_answer, visibility_for


def piles(state: PageState, request: Request) -> Response:
    """Answer with the piles of images without a label, the largest first."""
    visibility = visibility_for(state, request)
    piles = piles_of(state, visibility)
    rows = [{"ids": pile.image_ids, "left_out": pile.left_out} for pile in piles]
    blind = "" if visibility.reasons_shown else "Images are labelled blind here: one by one."
    return json_answer({"piles": rows, "sure": SURE, "blind": blind})
