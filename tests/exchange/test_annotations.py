"""Outlines out of QuPath's GeoJSON: which objects are labels, and how much of a tile they cover."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.annotations import covered, read_outlines

pytest.importorskip("shapely")


def ring(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]


def feature(geometry: dict[str, Any], name: str | None = None, **properties: Any) -> dict[str, Any]:
    properties = {"objectType": "annotation"} | properties
    if name is not None:
        properties["classification"] = {"name": name, "color": [200, 0, 0]}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def boxes(side: float, n: int) -> np.ndarray:
    corner = np.arange(n) * side
    x, y = (grid.ravel() for grid in np.meshgrid(corner, corner))
    return np.stack([x, y, x + side, y + side], axis=1)


@pytest.fixture
def outlines(tmp_path: Path):
    def read(contents: Any):
        file = tmp_path / "slide.geojson"
        file.write_text(json.dumps(contents), encoding="utf-8")
        return read_outlines(file)

    return read


def test_holes_multipolygons_and_inner_annotations(outlines) -> None:
    """Counted by hand on tiles of 10 px: holes are not covered, the smaller area has its own."""
    found = outlines(
        {
            "type": "FeatureCollection",
            "features": [
                feature(polygon(ring(0, 0, 40, 20), ring(10, 0, 20, 10)), "Stroma"),
                feature(
                    {
                        "type": "MultiPolygon",
                        "coordinates": [[ring(20, 0, 30, 10)], [ring(35, 30, 40, 40)]],
                    },
                    "Tumour",
                ),
            ],
        }
    )
    names, shares = covered(found, boxes(10, 4))
    assert names == ["Stroma", "Tumour"]
    stroma, tumour = shares.T.reshape(2, 4, 4)
    assert stroma.tolist() == [[1, 0, 0, 1], [1, 1, 1, 1], [0] * 4, [0] * 4]
    assert tumour.tolist() == [[0, 0, 1, 0], [0] * 4, [0] * 4, [0, 0, 0, 0.5]]
    assert found.left_out == {}


def test_what_is_no_area_of_a_person_is_told_and_left_out(outlines) -> None:
    found = outlines(
        [
            feature(polygon(ring(0, 0, 10, 10)), "Tumour"),
            feature({"type": "LineString", "coordinates": [[0, 0], [5, 5]]}, "Tumour"),
            feature({"type": "MultiPoint", "coordinates": [[1, 1], [2, 2]]}, "Tumour"),
            feature(polygon(ring(0, 0, 5, 5))),
            feature(polygon(ring(0, 0, 5, 5)), "Ignore*"),
            feature(polygon(ring(0, 0, 5, 5)), "Tumour", objectType="tile"),
            feature({"type": "Polygon", "coordinates": [[[0, 0], [1, "x"]]]}, "Tumour"),
            feature({"type": "Polygon", "coordinates": []}, "Tumour"),
            {
                "type": "Feature",
                "geometry": polygon(ring(20, 0, 30, 10)),
                "properties": {"classification": {"names": ["Immune", "Positive"], "color": [1]}},
            },
        ]
    )
    assert [outline.class_name for outline in found.areas] == ["Tumour", "Immune: Positive"]
    assert found.left_out == {
        "line": 1,
        "point": 1,
        "nothing": 1,
        "ignored": 1,
        "object": 1,
        "broken": 1,
        "empty": 1,
    }
    assert "1 line, 1 point, 1 area without a class" in found.left_out_sentence


def test_an_outline_that_crosses_itself_is_mended(outlines) -> None:
    bow_tie = polygon([[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]])
    _, shares = covered(outlines([feature(bow_tie, "a")]), boxes(10, 1))
    assert shares == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not a complete JSON"),
        ("[]", "holds no GeoJSON objects"),
        ('{"features": [{"geometry": null, "properties": {}}]}', "holds no area with a class"),
    ],
)
def test_what_is_no_annotation_file_is_refused(tmp_path, text, sentence) -> None:
    file = tmp_path / "a.geojson"
    file.write_text(text)
    with pytest.raises(FewshotLabError, match=sentence):
        read_outlines(file)


sides = st.lists(st.integers(0, 60), min_size=2, max_size=2, unique=True).map(sorted)
corners = st.tuples(sides, sides).map(lambda xy: (xy[0][0], xy[1][0], xy[0][1], xy[1][1]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(corners, st.sampled_from("ab")), min_size=1, max_size=5))
def test_shares_are_those_of_counted_pixels(tmp_path_factory, rectangles) -> None:
    """Independent reference: rectangles with whole corners, painted largest first and counted."""
    file = tmp_path_factory.mktemp("q") / "a.geojson"
    file.write_text(json.dumps([feature(polygon(ring(*c)), name) for c, name in rectangles]))
    names, shares = covered(read_outlines(file), boxes(20, 3))
    area = [(c[2] - c[0]) * (c[3] - c[1]) for c, _ in rectangles]
    if any(
        area[i] == area[j] and rectangles[i][1] != rectangles[j][1]
        for i in range(len(area))
        for j in range(i)
    ):
        return  # which of two as large is the inner one is not said
    painted = np.full((60, 60), "", dtype=object)
    for k in sorted(range(len(area)), key=lambda k: -area[k]):
        (x0, y0, x1, y1), name = rectangles[k]
        painted[y0:y1, x0:x1] = name
    for column, name in enumerate(names):
        counted = (painted == name).reshape(3, 20, 3, 20).mean(axis=(1, 3))
        assert shares[:, column].reshape(3, 3) == pytest.approx(counted)
