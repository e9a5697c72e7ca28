"""What kind a column is, and its values."""

import numpy as np
import pytest

from fewshot_lab.live import NO_VALUE, read_column


def days(*texts: str) -> list[float]:
    return [float(np.datetime64(text, "s").astype(int)) / 86_400 for text in texts]


def test_numbers_have_gaps_and_a_few_whole_ones_are_codes() -> None:
    read = read_column([1.5, None, "2.25", "", -3.0])
    assert read.kind == "number"
    np.testing.assert_array_equal(read.values, np.float32([1.5, np.nan, 2.25, np.nan, -3]))
    assert read_column([float(n) for n in range(40)]).kind == "number"
    sites = read_column([2.0, 10.0, 1.0, None, 2.0])
    assert (sites.kind, sites.names) == ("names", ["1", "2", "10"])
    assert sites.values.tolist() == [1, 2, 0, NO_VALUE, 1]


@pytest.mark.parametrize(
    ("texts", "meant"),
    [
        (["2019-02-28", "1969-12-31"], ["2019-02-28", "1969-12-31"]),
        (["2019/2/8", "2019/12/31"], ["2019-02-08", "2019-12-31"]),
        (["28.2.2019", "01.03.2019"], ["2019-02-28", "2019-03-01"]),
        ([20190228.0, "20190301"], ["2019-02-28", "2019-03-01"]),
        (["2019-02-28T12:00", "2019-02-28 06:00:30Z"], ["2019-02-28T12:00", "2019-02-28T06:00:30"]),
    ],
)  # fmt: skip
def test_dates_are_read_where_no_order_is_guessed(texts: list[str], meant: list[str]) -> None:
    read = read_column([*texts, None])
    assert read.kind == "date"
    np.testing.assert_allclose(read.values[:-1], days(*meant), atol=0.002)
    assert np.isnan(read.values[-1])


@pytest.mark.parametrize(
    "texts", [["2019-02-30"], ["2/3/2019"], ["2019-02-28", "unknown"], ["20190230", "20190301"]]
)
def test_what_is_no_date_is_none(texts: list[str]) -> None:
    assert read_column(texts).kind != "date"


def test_odd_values_are_names() -> None:
    for odd in ("nan", "inf", "1e999", "1_000x", "é", "2019-13-01"):
        assert read_column([odd, "1.5"]).kind == "names"
    nothing = read_column([None, ""])
    assert (nothing.kind, nothing.names) == ("names", [])


def test_a_hundred_thousand_different_values_keep_their_places() -> None:
    texts = [f"lesion {n * 7919 % 100_000}" for n in range(100_000)]
    read = read_column(texts)
    assert len(read.names) == 100_000
    assert [read.names[place] for place in read.values[::9973]] == texts[::9973]
