"""What is drawn over a video's frame: which writing it hides."""

import pytest

from fewshot_lab.images import Box
from fewshot_lab.ui.clip_form import box_of, covers

NAME = Box(10, 20, 100, 30)


@pytest.mark.parametrize(
    ("drawn", "hides"),
    [
        (NAME, True),
        (Box(0, 0, 640, 60), True),
        (Box(11, 20, 100, 30), False),  # one column of pixels is left
        (Box(10, 20, 100, 29), False),
        (Box(300, 300, 200, 100), False),
    ],
)
def test_writing_is_hidden_by_a_box_that_covers_all_of_it(drawn: Box, *, hides: bool) -> None:
    assert covers(drawn, NAME) is hides


def test_what_is_drawn_past_the_edge_ends_at_the_edge() -> None:
    assert box_of({"x": [120.4, -3.0], "y": [10.0, 700.0]}, 640, 480) == Box(0, 10, 120, 470)
    assert box_of({"x": [5.0, 6.0], "y": [5.0, 90.0]}, 640, 480) is None
