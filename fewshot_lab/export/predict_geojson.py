"""What is said of slides and their tiles, for tables and QuPath; predict.py carries this text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from fewshot_lab.evaluation.decisions import Decision
from fewshot_lab.export.predict_groups import GroupTally
from fewshot_lab.export.predict_slides import TILE_MARK, slide_of_path
from fewshot_lab.export.tile_features import TileFeature, write_features


class SlideAnswers:
    """Gathers what is said of each slide while predictions pass, tile after tile.

    Parameters
    ----------
    out : path
        The CSV of predictions. Beside it go ``NAME.slides.csv`` with a row for each slide, and for
        each slide ``NAME.SLIDE.geojson``.
    classes : list of dict
        ``name`` and ``color``, in the order of the probabilities.
    decision : Decision or None
        The bundle's rule.
    origin_of : callable
        Returns where QuPath counts the pixels of a slide from, by its name.

    Attributes
    ----------
    table : Path
    written : list of Path
        The GeoJSON files.
    """

    def __init__(
        self,
        out: Path,
        classes: list[dict[str, Any]],
        decision: Decision | None,
        origin_of: Callable[[str], tuple[int, int]],
    ) -> None:
        self._out = out
        self.table = out.with_name(f"{out.stem}.slides.csv")
        self._names = [str(row["name"]) for row in classes]
        self._colours = {str(row["name"]): str(row["color"]) for row in classes}
        self._origin_of = origin_of
        self._tally = GroupTally(slide_of_path, self._names, decision)
        self._tally.answers = replace(self._tally.answers, noun="slide")
        self.written: list[Path] = []

    @property
    def count(self) -> int:
        """How many slides there were."""
        return self._tally.count

    def watch(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield predictions as they come; a slide's tiles come one after the other.

        Raises
        ------
        FewshotLabError
            Where a slide cannot be opened any more.
        """
        now: Optional[str] = None  # noqa: UP045
        tiles: list[TileFeature] = []
        left = top = 0
        for row in self._tally.watch(rows):
            slide = slide_of_path(row.path)
            if slide != now:
                self._write(now, tiles)
                now, tiles = slide, []
                left, top = (0, 0) if slide is None else self._origin_of(slide)
            if slide is not None and row.probabilities is not None:
                tiles.append(self._feature(slide, row, left, top))
            yield row
        self._write(now, tiles)

    def write(self) -> None:
        """Write the table of slides, where there was any."""
        if self.count:
            self._tally.write(self.table)

    @property
    def sentence(self) -> str:
        """What was written; nothing where there was no slide."""
        if not self.count:
            return ""
        files = ", ".join(str(file) for file in self.written)
        return f"{self._tally.sentence(self.table)} For QuPath: {files or 'nothing'}."

    def _feature(self, slide: str, row: Any, left: int, top: int) -> TileFeature:
        x, y, width, height = map(int, row.path.rpartition(TILE_MARK)[2].split(","))
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
