"""Tiles as QuPath reads them, by the rules of its PathObjectTypeAdapter."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from fewshot_lab.export import TileFeature, write_features


def as_qupath_reads(
    feature: dict[str, Any],
) -> tuple[str, str | None, tuple[int, ...] | None, dict]:
    """Return type, class, colour and measurements; raise where QuPath 0.4 to 0.6 would."""
    assert feature["type"] == "Feature"
    uuid.UUID(feature["id"])
    properties = feature["properties"]
    assert properties["objectType"] in ("annotation", "detection", "tile", "cell")
    assert isinstance(properties["name"], str)
    given = properties.get("classification")
    if given is not None:
        assert "name" in given and "color" in given  # without both: "Unable to parse PathClass"
        assert len(given["color"]) == 3 and all(
            type(c) is int and 0 <= c < 256 for c in given["color"]
        )
    measured = properties.get("measurements", {})
    assert all(isinstance(value, float) for value in measured.values())
    assert all(isinstance(text, str) for text in properties.get("metadata", {}).values())
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1] and len(ring) >= 4
    kind = properties["objectType"]
    return kind, given and given["name"], given and tuple(given["color"]), measured


def test_class_colour_and_probabilities_are_where_qupath_looks_for_them(tmp_path: Path) -> None:
    tiles = [
        TileFeature("a", 0, 0, 256, 256, "Tumör", "#D55E00", {"Tumör": 0.75, "rest": 0.25}),
        TileFeature("b", 256, 0, 256, 256, metadata={"Label": "unsure"}),
    ]
    file = tmp_path / "out.geojson"
    assert write_features(file, iter(tiles)) == 2
    written = json.loads(file.read_text("utf-8"))
    assert written["type"] == "FeatureCollection"
    first, second = map(as_qupath_reads, written["features"])
    assert first == (
        "tile",
        "Tumör",
        (0xD5, 0x5E, 0),
        {"Probability": 0.75, "Probability: Tumör": 0.75, "Probability: rest": 0.25},
    )
    assert second == ("tile", None, None, {})
    shapely = pytest.importorskip("shapely")
    areas = [shapely.geometry.shape(each["geometry"]) for each in written["features"]]
    assert [area.bounds for area in areas] == [(0, 0, 256, 256), (256, 0, 512, 256)]


def test_the_same_tile_is_the_same_object_and_no_tiles_are_an_empty_collection(tmp_path) -> None:
    tile = TileFeature("slide 1, x", 0, 0, 1, 1).as_geojson()
    assert tile["id"] == TileFeature("slide 1, x", 5, 5, 1, 1).as_geojson()["id"]
    assert write_features(tmp_path / "none.geojson", []) == 0
    assert json.loads((tmp_path / "none.geojson").read_text())["features"] == []


def test_what_is_stopped_half_way_leaves_the_file_that_was_there(tmp_path) -> None:
    file = tmp_path / "out.geojson"
    file.write_text("before")

    def stopping():
        yield TileFeature("a", 0, 0, 1, 1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_features(file, stopping())
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]
