"""Predicting a folder of pictures with a bundle, into a CSV."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError, as_sentence
from fewshot_lab.export.bundle import Bundle
from fewshot_lab.images import WHOLE_SLIDE, scan
from fewshot_lab.images.slides import GRID_SUFFIX, load_grid, open_slide
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from fewshot_lab.export.predict_classifier import Prediction
    from fewshot_lab.export.predict_groups import FindGroup


@dataclass(frozen=True)
class PredictReport:
    """What :func:`predict_folder` did.

    Attributes
    ----------
    predicted : int
        Pictures with a prediction.
    errors : list of (path, reason)
        Pictures without one.
    out : Path
        The predictions.
    errors_file : Path or None
        The list of those that could not be read, if any.
    referred, unlike : int or None
        Pictures that the bundle's rule leaves to a person, and those unlike anything labelled;
        None without a rule.
    groups_out : Path or None
        The answers for each patient, where they were asked for.
    groups : str
        What is in it, as a sentence.
    slides_out : Path or None
        The answers for each whole slide, where there was one.
    slides : str
        What was written of them, as a sentence.
    """

    predicted: int
    errors: list[tuple[str, str]]
    out: Path
    errors_file: Path | None
    referred: int | None = None
    unlike: int | None = None
    groups_out: Path | None = None
    groups: str = ""
    slides_out: Path | None = None
    slides: str = ""


def predict_folder(
    bundle: Bundle,
    folder: Path | str,
    out: Path | str,
    *,
    find: FindGroup | None = None,
    groups_out: Path | None = None,
    part: tuple[int, int] = (0, 1),
    tile_px: int | None = None,
    mpp: float | None = None,
    slide_mpp: float | None = None,
    progress: Progress = silent,
) -> PredictReport:
    """Predict every picture of a folder (a ZIP, a manifest, one file) into a CSV.

    Parameters
    ----------
    bundle : Bundle
    folder : path
        Whatever can be imported can be predicted.
    out : path
        CSV with the columns path (relative to ``folder``), predicted, probability, a ``p_``
        column per class, decision, prediction_set, unlike, similarity and why. What could not be
        read is listed beside it in ``NAME.errors.csv``.
    find : callable, optional
        Tells the patient of a path, as :func:`group_finder` returns it: then a second CSV has one
        row for each patient.
    groups_out : path, optional
        That CSV; beside ``out`` as ``NAME.groups.csv`` by default.
    part : (i, n)
        Only every n-th picture from the i-th on; all parts together have each once. No part has
        whole slides: what is said of each slide is written where all is one part.
    tile_px, mpp : optional
        How whole slides are cut, instead of as the bundle says: side of a tile in its own pixels,
        micrometres per pixel of it.
    slide_mpp : float, optional
        Micrometres per pixel of slides that do not say theirs.

    Raises
    ------
    FewshotLabError
        Where there is no picture, one row for each patient is asked of a part, or ``out`` cannot
        be written. Nothing is written then.
    """
    from fewshot_lab.export.predict_geojson import SlideAnswers
    from fewshot_lab.export.predict_groups import GroupTally, groups_file
    from fewshot_lab.export.predict_slides import NO_TILES, TileSettings
    from fewshot_lab.export.predict_table import write_predictions

    out = Path(out)
    i, parts = part
    if parts > 1 and find is not None:
        raise FewshotLabError(
            "A part of the images does not hold whole patients: predict all of them at once, or "
            "leave the patients out."
        )
    tally = None if find is None else GroupTally(find, bundle.names, bundle.decision)
    beside = None if tally is None else groups_file(out, groups_out)
    settings = TileSettings.chosen(bundle.folder, tile_px, mpp)
    tiling = None if settings is None else settings.tiling(slide_mpp)
    with tempfile.TemporaryDirectory(prefix="fewshot-predict-") as unpacked:
        grids = Path(unpacked)
        pictures = scan(Path(folder), extract_to=grids, tiling=tiling, grids=grids)
        by_slide = SlideAnswers(out, bundle.classes, bundle.decision, partial(_origin, grids))
        seen = 0
        referred: list[bool] = []
        unlike: list[bool] = []

        def counted() -> Iterator[Prediction]:
            nonlocal seen
            for row in bundle.predict(islice(pictures, i, None, parts)):
                seen += 1
                if row.decided is not None:
                    referred.append(not row.decided)
                if row.unlike is not None:
                    unlike.append(row.unlike)
                progress("predicting", seen, max(pictures.total // parts, seen))
                yield row
            if not seen and parts == 1:
                raise FewshotLabError(f"There is no picture in {folder}.")

        with as_sentence(f"{out} cannot be written"):
            rows = counted() if tally is None else tally.watch(counted())
            if parts == 1:
                rows = by_slide.watch(rows)
            predicted, errors = write_predictions(rows, bundle.names, out)
            if tally is not None and beside is not None:
                tally.write(beside)
            by_slide.write()
    listed = out.with_name(f"{out.stem}.errors.csv")
    return PredictReport(
        predicted,
        errors,
        out,
        listed if errors else None,
        sum(referred) if referred else None,
        sum(unlike) if unlike else None,
        beside,
        "" if tally is None or beside is None else tally.sentence(beside),
        by_slide.table if by_slide.count else None,
        by_slide.sentence or (NO_TILES if WHOLE_SLIDE in dict(errors).values() else ""),
    )


def _origin(grids: Path, slide: str) -> tuple[int, int]:
    """Return where QuPath counts a slide's pixels from; a folder says how each slide is cut."""
    known = map(load_grid, grids.glob(f"*{GRID_SUFFIX}"))
    return next(open_slide(Path(grid.slide)).origin for grid in known if grid.name == slide)
