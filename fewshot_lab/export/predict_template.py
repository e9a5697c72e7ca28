"""Predict the classes of images with the classifier in this folder.

    python predict.py FOLDER --out predictions.csv
    python predict.py FOLDER --group-pattern '([^/]+)/[^/]+$'   # one row per patient, too
    python predict.py FOLDER --watch counts                     # says when other images come
    python predict.py SLIDE.svs                                 # tiles, one row per slide, GeoJSON

It needs Python 3.9 or later and three packages: onnxruntime 1.16, numpy 1.21 and pillow 9.4, each
that or later; for whole slides also openslide-python, openslide-bin, tifffile, imagecodecs and
pydicom. From Python::

    from predict import Classifier

    classifier = Classifier()
    for row in classifier.predict(["a.png", "b.jpg"]):
        print(row.path, row.predicted, row.probability, row.reason)

For research only; this is not a medical device. MODEL_CARD.md says what the classifier was made
from, how good it was found to be, and where its limits lie.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fewshot_lab.cells import CSV_MARK
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.predict_classifier import Classifier
from fewshot_lab.export.predict_geojson import SlideAnswers
from fewshot_lab.export.predict_groups import GroupTally, group_finder, groups_file
from fewshot_lab.export.predict_pictures import find_pictures
from fewshot_lab.export.predict_slides import NO_TILES, SlideTiles, TileSettings
from fewshot_lab.export.predict_table import write_predictions
from fewshot_lab.export.predict_watch import Watch


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Predict the classes of the images in a folder.")
    parser.add_argument("folder", type=Path, help="searched with all its subfolders; or one image")
    parser.add_argument(
        "--out", type=Path, default=Path("predictions.csv"), help="the CSV: %(default)s"
    )
    parser.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="one row for each patient, too: finds the patient in a path by its first brackets",
    )
    parser.add_argument(
        "--group-column", metavar="COLUMN", help="the same by a column of the manifest"
    )
    parser.add_argument(
        "--manifest", type=Path, help="a CSV with a column path, relative to FOLDER, and COLUMN"
    )
    parser.add_argument(
        "--groups-out", type=Path, help="the CSV of patients: beside --out, as NAME.groups.csv"
    )
    parser.add_argument(
        "--tile-px", type=int, help="slides: side of a tile in pixels, where tiles.json is missing"
    )
    parser.add_argument(
        "--mpp", type=float, help="slides: micrometres per pixel of a tile, as the classifier knows"
    )
    parser.add_argument(
        "--slide-mpp", type=float, help="slides: micrometres per pixel where the file says none"
    )
    parser.add_argument(
        "--watch",
        type=Path,
        metavar="FOLDER",
        help="keep counts there (no image, no name), and say when images are no longer like those "
        "that the classifier was made on",
    )
    parser.add_argument(
        "--no-bom",
        action="store_true",
        help="leave out the mark that tells spreadsheets that the CSVs are UTF-8",
    )
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    return parser


def _tile_settings(options: argparse.Namespace) -> TileSettings:
    """Return how slides are cut: as the bundle says, else as asked."""
    folder = Path(__file__).resolve().parent
    settings = TileSettings.chosen(folder, options.tile_px, options.mpp)
    if settings is None:
        raise FewshotLabError(NO_TILES)
    return settings


def main(arguments: list[str] | None = None) -> int:
    """Predict a folder from the command line."""
    options = _parser().parse_args(arguments)
    if not options.folder.exists():
        print(f"{options.folder} is not there.", file=sys.stderr)
        return 1
    if options.no_bom:
        os.environ[CSV_MARK] = "0"
    try:
        find = group_finder(options.group_pattern, options.group_column, options.manifest)
        classifier = Classifier(threads=options.threads)
        slides: dict[str, SlideTiles] = {}

        def open_tiles(name: str, file: Path) -> SlideTiles:
            slides[name] = SlideTiles(file, name, _tile_settings(options), options.slide_mpp)
            return slides[name]

        pictures = find_pictures(options.folder, open_tiles)
        if not pictures:
            print(f"There is no picture in {options.folder}.", file=sys.stderr)
            return 1

        def show(done: int) -> None:
            if sys.stderr.isatty() and (done % 10 == 0 or done == len(pictures)):
                print(f"\r{done} of {len(pictures)}", end="", file=sys.stderr, flush=True)

        by_slide = SlideAnswers(
            options.out, classifier.classes, classifier.decision, lambda name: slides[name].origin
        )
        rows = by_slide.watch(classifier.predict(pictures))
        tally = None
        if find is not None:
            groups_out = groups_file(options.out, options.groups_out)
            tally = GroupTally(find, classifier.names, classifier.decision)
            rows = tally.watch(rows)
        watch = None
        if options.watch is not None:
            pool = None if classifier.decision is None else classifier.decision.pool
            watch = Watch(options.watch, pool, classifier.names)
            rows = watch.passing(rows)
        count, errors = write_predictions(rows, classifier.names, options.out, progress=show)
        by_slide.write()
        if tally is not None:
            tally.write(groups_out)
        watched = "" if watch is None else watch.finish(options.out)
    except FewshotLabError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename or options.out}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing was written.", file=sys.stderr)
        return 130
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for path, reason in errors:
        print(f"{path}: {reason}", file=sys.stderr)
    print(f"{count} predicted, {len(errors)} could not be read: {options.out}")
    if by_slide.count:
        print(by_slide.sentence)
    if tally is not None:
        print(tally.sentence(groups_out))
    if watched:
        print(watched)
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
