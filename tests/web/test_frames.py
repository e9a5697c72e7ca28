import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fewshot_lab.web import pack, unpack

NUMBERS = st.one_of(
    *(
        arrays.arrays(dtype, st.integers(0, 40))
        for dtype in (np.uint8, np.uint16, np.uint32, np.float32)
    )
)


@pytest.mark.slow
@given(st.dictionaries(st.text(min_size=1, max_size=8), NUMBERS, max_size=4), st.text())
def test_a_message_comes_back_as_it_was_sent(sent: dict[str, np.ndarray], word: str) -> None:
    head, found = unpack(pack({"word": word}, sent))
    assert head == {"word": word}
    assert found.keys() == sent.keys()
    for name, array in sent.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_every_array_starts_where_a_browser_can_look_at_it() -> None:
    message = pack({"x": "é"}, {"a": np.zeros(3, np.uint8), "b": np.array([7.5], np.float32)})
    start = message.index(np.array([7.5], np.float32).tobytes())
    assert start % 4 == 0
