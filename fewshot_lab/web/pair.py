"""Two classes that an annotator's suggestions are to tell apart."""

from starlette.responses import Response

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import PageState, visibility_of
from fewshot_lab.project import set_class_pair
from fewshot_lab.web.bodies import PairBody
from fewshot_lab.web.guard import json_answer


def choose_pair(state: PageState, body: PairBody) -> Response:
    """Let an annotator's suggestions dwell on two classes, or no longer."""
    pair = None if body.classes is None else (body.classes[0], body.classes[1])
    blind = not visibility_of(state, state.order(), body.annotator).reasons_shown
    if pair is not None and blind:
        raise FewshotLabError(
            "Images are labelled blind here: images between two classes would reveal the "
            "predictions."
        )
    set_class_pair(state.project, body.annotator, pair)
    state.live.notify()
    return json_answer({"pair": pair})
