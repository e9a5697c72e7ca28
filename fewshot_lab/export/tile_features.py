"""Tiles of a slide as GeoJSON that QuPath opens (0.4 and later); predict.py carries this text."""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from fewshot_lab.whole_files import writing_beside

NAMESPACE = uuid.UUID("6f1d2b0e-5b0c-4c57-9a63-3d9b7a2d8f10")


@dataclass(frozen=True)
class TileFeature:
    """One tile on its slide, and what is said of it.

    Attributes
    ----------
    name : str
        Names the tile in its slide: the same name is the same object in QuPath.
    x, y, width, height : float
        In pixels of the slide's full resolution, from the corner that QuPath counts from.
    class_name : str or None
        What it is coloured by; None for a tile without any.
    colour : str
        "#rrggbb" of the class.
    probabilities : mapping
        Of each class, by name.
    metadata : mapping
        Texts that QuPath shows beside the measurements (0.5 and later).
    """

    name: str
    x: float
    y: float
    width: float
    height: float
    class_name: Optional[str] = None  # noqa: UP045 (predict.py runs on Python 3.9)
    colour: str = "#808080"
    probabilities: Mapping[str, float] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def as_geojson(self) -> dict[str, Any]:
        """Return the tile as a GeoJSON feature.

        As QuPath's PathObjectTypeAdapter reads it: a tile object with a classification (name and
        colour together, else QuPath refuses the file) and measurements by name.
        """
        left, top, right, bottom = self.x, self.y, self.x + self.width, self.y + self.height
        ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]
        properties: dict[str, Any] = {"objectType": "tile", "name": self.name}
        if self.class_name is not None:
            colour = [int(self.colour[at : at + 2], 16) for at in (1, 3, 5)]
            properties["classification"] = {"name": self.class_name, "color": colour}
        measured = {f"Probability: {k}": round(float(p), 6) for k, p in self.probabilities.items()}
        if self.class_name in self.probabilities:
            measured = {"Probability": measured[f"Probability: {self.class_name}"], **measured}
        if measured:
            properties["measurements"] = measured
        if self.metadata:
            properties["metadata"] = dict(self.metadata)
        return {
            "type": "Feature",
            "id": str(uuid.uuid5(NAMESPACE, self.name)),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "properties": properties,
        }


def write_features(file: Path, tiles: Iterable[TileFeature], log: str | None = None) -> int:
    """Write tiles as a FeatureCollection, one a line; return how many there are.

    Nothing is there before the last one is written. ``log`` is a hash of the labels that the tiles
    were predicted from.
    """
    count = 0
    with writing_beside(file) as beside, beside.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write('{"type": "FeatureCollection", ')
        stream.write(f'"log": {json.dumps(log)}, "features": [' if log else '"features": [')
        for count, tile in enumerate(tiles, 1):
            stream.write("\n" if count == 1 else ",\n")
            stream.write(json.dumps(tile.as_geojson(), ensure_ascii=False))
        stream.write("\n]}\n")
    return count
