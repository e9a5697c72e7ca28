"""Outlines that a person drew in QuPath, read from GeoJSON, and how much of each tile they cover.

QuPath counts in pixels of the slide's full resolution; an annotation may lie within another, and
then the inner one says what is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import read_json
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from shapely import Geometry

LINES = ("LineString", "MultiLineString")
POINTS = ("Point", "MultiPoint")
AREAS = ("Polygon", "MultiPolygon")
OBJECTS = ("detection", "cell", "tile", "tmaCore", "root")
"""What QuPath, or this app, made by itself: no label of a person."""


@dataclass(frozen=True)
class Outline:
    """An area that somebody gave a class."""

    class_name: str
    area: Geometry


@dataclass(frozen=True)
class Outlines:
    """What a file of annotations holds.

    Attributes
    ----------
    areas : list of Outline
        Where two overlap, the smaller one has it.
    left_out : dict
        How many objects were left out, by what they are: "line", "point", ...
    """

    areas: list[Outline]
    left_out: dict[str, int]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all areas."""
        each = np.array([outline.area.bounds for outline in self.areas])
        low, high = each[:, :2].min(axis=0), each[:, 2:].max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def left_out_sentence(self) -> str:
        """Say what was left out; "" for nothing."""
        if not self.left_out:
            return ""
        each = ", ".join(plural(n, *_words(kind)) for kind, n in self.left_out.items())
        return f"Left out: {each}. Only classified areas become labels."


def _words(kind: str) -> tuple[str, ...]:
    words = {
        "nothing": ("area without a class", "areas without a class"),
        "ignored": ("area of a class that ends in “*”", "areas of classes that end in “*”"),
        "object": ("detection, cell or tile", "detections, cells or tiles"),
        "empty": ("outline that encloses nothing", "outlines that enclose nothing"),
        "broken": ("object that is no outline", "objects that are no outlines"),
    }
    return words.get(kind, (kind,))


def read_outlines(file: Path) -> Outlines:
    """Return the classified areas of a GeoJSON file: as QuPath 0.2 to 0.6 writes it, or others.

    Raises
    ------
    FewshotLabError
        Where it is no GeoJSON, or holds no classified area.
    """
    shapely = geometry_library()
    contents = read_json(file)
    features = list(_features(contents))
    if not features:
        raise FewshotLabError(
            f"{file.name} holds no GeoJSON objects: in QuPath, use File, Export objects as GeoJSON."
        )
    left_out: Counter[str] = Counter()
    areas = []
    for feature in features:
        geometry = feature.get("geometry")
        name = class_of(feature)
        kind = _left_out(feature, geometry, name)
        if kind is None:
            area = _area(shapely, geometry, left_out)
            kind = "empty" if area is not None and area.is_empty else None
            if area is None:
                kind = "broken"
            elif kind is None:
                areas.append(Outline(str(name), area))
        if kind:
            left_out[kind] += 1
    outlines = Outlines(_apart(shapely, areas), {k: n for k, n in left_out.items() if n})
    if not areas:
        raise FewshotLabError(
            f"{file.name} holds no area with a class. {outlines.left_out_sentence}".strip()
        )
    return outlines


def geometry_library() -> Any:
    """Return shapely.

    Raises
    ------
    FewshotLabError
        Where it is missing, with the command that installs it.
    """
    try:
        import shapely
    except ImportError:
        raise FewshotLabError(
            "Reading outlines needs one package more: pip install fewshot-lab[slides]"
        ) from None
    return shapely


def _features(contents: Any) -> Iterator[dict[str, Any]]:
    """Yield all features: of a collection, a list or alone, and those that lie within others."""
    if isinstance(contents, list):
        for each in contents:
            yield from _features(each)
    elif isinstance(contents, dict) and isinstance(contents.get("features"), list):
        yield from _features(contents["features"])
    elif isinstance(contents, dict) and "geometry" in contents:
        yield contents
        properties = _properties(contents)
        for name in ("childObjects", "children"):
            if isinstance(properties.get(name), list):
                yield from _features(properties[name])


def _properties(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def class_of(feature: dict[str, Any]) -> str | None:
    """Return a feature's class as QuPath names it: "Tumor: Positive" where it has two parts."""
    given = _properties(feature).get("classification")
    if isinstance(given, dict):
        names = given.get("names")
        given = ": ".join(map(str, names)) if isinstance(names, list) else given.get("name")
    return given.strip() or None if isinstance(given, str) else None


def _left_out(feature: dict[str, Any], geometry: Any, name: str | None) -> str | None:
    """Say why a feature is no labelled area; None where it may be one."""
    properties = _properties(feature)
    kind = properties.get("objectType", properties.get("object_type", feature.get("id")))
    if kind in OBJECTS or str(kind).endswith(("DetectionObject", "CellObject", "TileObject")):
        return "object"
    if not isinstance(geometry, dict):
        return "broken"
    if geometry.get("type") in LINES:
        return "line"
    if geometry.get("type") in POINTS:
        return "point"
    if name is None:
        return "nothing"
    return "ignored" if name.endswith("*") else None


def _area(shapely: Any, geometry: Any, left_out: Counter[str]) -> Geometry | None:
    """Return the area of a geometry, mended where it crosses itself; None where it is none."""
    if geometry.get("type") == "GeometryCollection":
        parts = [each for each in geometry.get("geometries") or [] if isinstance(each, dict)]
        left_out["line"] += sum(each.get("type") in LINES for each in parts)
        left_out["point"] += sum(each.get("type") in POINTS for each in parts)
        areas = [_area(shapely, each, left_out) for each in parts if each.get("type") in AREAS]
        return shapely.union_all([each for each in areas if each is not None])
    try:
        area = shapely.geometry.shape(geometry)
        if not np.isfinite(area.bounds).all() and not area.is_empty:
            return None
        return _polygons(shapely, area)
    except Exception:  # whatever shapely makes of what is no geometry
        return None


def _polygons(shapely: Any, area: Geometry) -> Geometry:
    """Return what encloses an area; mending an outline may leave lines and points over."""
    parts = shapely.get_parts(shapely.make_valid(area, method="structure"))
    return shapely.union_all([part for part in parts if part.geom_type in AREAS])


def _apart(shapely: Any, areas: Sequence[Outline]) -> list[Outline]:
    """Return areas without what smaller ones of another class within them take."""
    by_size = sorted(areas, key=lambda outline: outline.area.area)
    tree = shapely.STRtree([outline.area for outline in by_size])
    apart = []
    for place, outline in enumerate(by_size):
        near = tree.query(outline.area, predicate="intersects")
        inner = [
            by_size[k].area
            for k in near.tolist()
            if k < place and by_size[k].class_name != outline.class_name
        ]
        rest = outline.area.difference(shapely.union_all(inner)) if inner else outline.area
        if not rest.is_empty:
            apart.append(Outline(outline.class_name, rest))
    return apart


def covered(outlines: Outlines, boxes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the classes, and how much of each box each of them covers.

    Parameters
    ----------
    outlines : Outlines
    boxes : array (n, 4)
        Left, top, right, bottom of each tile, in the outlines' pixels.

    Returns
    -------
    list (K,) of str, array (n, K)
        Shares, 0 to 1.
    """
    shapely = geometry_library()
    names = sorted({outline.class_name for outline in outlines.areas})
    tiles = shapely.box(*boxes.T)
    tree = shapely.STRtree(tiles)
    shares = np.zeros((len(boxes), len(names)))
    for name in names:
        area = shapely.union_all([o.area for o in outlines.areas if o.class_name == name])
        column = names.index(name)
        for part in shapely.get_parts(area):
            shapely.prepare(part)
            near = tree.query(part, predicate="intersects")
            inside = shapely.covers(part, tiles[near])
            shares[near[inside], column] = 1.0
            edge = near[~inside]
            cut = shapely.area(shapely.intersection(tiles[edge], part))
            shares[edge, column] += cut / shapely.area(tiles[edge])
    return names, np.minimum(shares, 1.0)
