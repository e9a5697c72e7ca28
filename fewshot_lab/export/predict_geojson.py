"""What is said of the tiles of slides as GeoJSON for QuPath; predict.py carries this text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional

from fewshot_lab.export.predict_slides import TILE_MARK, slide_of_path
from fewshot_lab.export.tile_features import TileFeature, write_features


class SlideFiles:
    """Writes a GeoJSON for each slide while its predictions pass.

    Parameters
    ----------
    out : path
        The CSV of predictions; files go beside it, as ``NAME.SLIDE.geojson``.
    classes : list of dict
        ``name`` and ``color``, in the order of the probabilities.
    origins : dict
        From a slide's name to where QuPath counts its pixels from.
    """

    def __init__(
        self, out: Path, classes: list[dict[str, Any]], origins: dict[str, tuple[int, int]]
    ):
        self._out = out
        self._names = [str(row["name"]) for row in classes]
        self._colours = {str(row["name"]): str(row["color"]) for row in classes}
        self._origins = origins
        self.written: list[Path] = []

    def watch(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield predictions as they come; a slide's tiles come one after the other."""
        now: Optional[str] = None  # noqa: UP045
        tiles: list[TileFeature] = []
        for row in rows:
            slide = slide_of_path(row.path)
            if slide != now:
                self._write(now, tiles)
                now, tiles = slide, []
            if slide is not None and row.probabilities is not None:
                tiles.append(self._feature(slide, row))
            yield row
        self._write(now, tiles)

    def _feature(self, slide: str, row: Any) -> TileFeature:
        x, y, width, height = map(int, row.path.rpartition(TILE_MARK)[2].split(","))
        left, top = self._origins.get(slide, (0, 0))
        odds = {name: float(p) for name, p in zip(self._names, row.probabilities)}  # noqa: B905
        about = {"Why": row.why} if row.why else {}
        name = f"{slide.rpartition('/')[2]} {x},{y}"
        place = (x - left, y - top, width, height)
        return TileFeature(name, *place, row.predicted, self._colours[row.predicted], odds, about)

    def _write(self, slide: str | None, tiles: list[TileFeature]) -> None:
        if slide is None or not tiles:
            return
        stem = Path(slide).with_suffix("").as_posix().strip("/").replace("/", "_")
        file = self._out.with_name(f"{self._out.stem}.{stem}.geojson")
        write_features(file, tiles)
        self.written.append(file)
