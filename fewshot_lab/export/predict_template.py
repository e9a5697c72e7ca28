"""Predict the classes of images with the classifier in this folder.

    python predict.py FOLDER --out predictions.csv
    python predict.py FOLDER --group-pattern '([^/]+)/[^/]+$'   # one row per patient, too
    python predict.py FOLDER --watch counts                     # says when other images come
    python predict.py SLIDE.svs                                 # tiles, one row per slide, GeoJSON

It needs Python 3.9 or later and three packages: onnxruntime 1.16, numpy 1.21 and pillow 9.4, each
that or later; for whole slides also openslide-python and openslide-bin. From Python::

    from predict import Classifier

    classifier = Classifier()
    for row in classifier.predict(["a.png", "b.jpg"]):
        print(row.path, row.predicted, row.probability, row.reason)

For research only; this is not a medical device. MODEL_CARD.md says what the classifier was made
from, how good it was found to be, and where its limits lie.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Union

import numpy as np
import PIL
from PIL import Image

from fewshot_lab.backbones.picture_statistics import picture_statistics
from fewshot_lab.backbones.preprocessing import Preprocessing
from fewshot_lab.cells import CSV_MARK, table_encoding, text_cells
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.costs import check_costs, choose
from fewshot_lab.evaluation.decisions import Decision
from fewshot_lab.export.predict_geojson import SlideFiles
from fewshot_lab.export.predict_groups import GroupTally, group_finder, groups_file
from fewshot_lab.export.predict_slides import (
    SlideTilePicture,
    SlideTiles,
    TileSettings,
    is_slide_file,
    slide_of_path,
)
from fewshot_lab.export.predict_watch import Watch
from fewshot_lab.images.candidates import Candidate, Refused
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.folder import Listing, list_file, list_folder
from fewshot_lab.images.pillow_decoder import decode, opened
from fewshot_lab.images.tiff_pages import picture_pages
from fewshot_lab.images.unreadable import Unreadable, why_undecodable

BATCH = 32
NEEDED = ("model.onnx", "classes.json", "preprocessing.json")
PROBABILITIES = "probabilities"
REQUIRES = {"python": "3.9", "onnxruntime": "1.16", "numpy": "1.21", "pillow": "9.4"}
"""The oldest release of each that a bundle works with."""

Read = Callable[..., Image.Image]
Picture = Union[str, Path, Candidate, Refused, SlideTilePicture]  # noqa: UP007 (Python 3.9)


@dataclass(frozen=True)
class Prediction:
    """What the classifier says of one picture.

    Attributes
    ----------
    path : str
    predicted : str
        The name of the most probable class, or of that of least expected cost where errors differ
        in cost; empty where the picture cannot be read.
    probability : float
        Its calibrated probability; NaN where the picture cannot be read.
    probabilities : array (K,), float32, or None
        In the order of classes.json.
    embedding : array (d,), float32, or None
        What the backbone made of the picture.
    reason : str
        Why the picture cannot be read, else empty.
    decided : bool or None
        Whether the classifier is sure enough by the rule in decision.json, and the picture like
        something labelled; where not, it is to be referred to a person. None without a rule, as
        below.
    classes : tuple of str or None
        The prediction set.
    unlike : bool or None
        Whether the picture is unlike anything labelled.
    similarity : float or None
        To the labelled images.
    why : str
        Why it is referred, in a sentence; empty where it is decided.
    """

    path: str
    predicted: str
    probability: float
    probabilities: np.ndarray | None
    embedding: np.ndarray | None = field(repr=False)
    reason: str = ""
    decided: bool | None = None
    classes: tuple[str, ...] | None = None
    unlike: bool | None = None
    similarity: float | None = None
    why: str = ""


class Classifier:
    """The classifier in a folder.

    Parameters
    ----------
    folder : path, optional
        Where model.onnx, classes.json and preprocessing.json lie; this file's folder by default.
    threads : int
        For the arithmetic; 0: as many as there are cores.
    read : callable, optional
        ``read(path, frame, at_least=...)`` returns a picture as 8-bit RGB.

    Attributes
    ----------
    classes : list of dict
        ``id``, ``name`` and ``color`` of each class, in the order of the probabilities.
    names : list of str
        The classes' names.
    decision : Decision or None
        What follows from a probability; None in a folder without decision.json.

    Raises
    ------
    FewshotLabError
        Where a file is missing, or damaged, or a package too old.
    """

    def __init__(
        self, folder: str | Path | None = None, *, threads: int = 0, read: Read = decode
    ) -> None:
        import onnxruntime

        for name, module in (("onnxruntime", onnxruntime), ("numpy", np), ("pillow", PIL)):
            refuse_older(name, module.__version__)
        folder = Path(__file__).resolve().parent if folder is None else Path(folder)
        for file in NEEDED:
            if not (folder / file).is_file():
                raise FewshotLabError(f"{file} is missing.")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        with _reading("classes.json"):
            text = (folder / "classes.json").read_text("utf-8")
            self.classes: list[dict[str, Any]] = json.loads(text)
            self.names: list[str] = [str(row["name"]) for row in self.classes]
        with _reading("preprocessing.json"):
            self.preprocessing = Preprocessing.from_dict(
                json.loads((folder / "preprocessing.json").read_text("utf-8"))
            )
        with _reading("decision.json, or reference.npz with it,"):
            self.decision = Decision.load(folder)
            if self.decision is not None and self.decision.costs is not None:
                check_costs(self.decision.costs, len(self.classes))
        with _reading("model.onnx"):
            self._session = onnxruntime.InferenceSession(
                str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
            )
            known = {out.name: out.shape[-1] for out in self._session.get_outputs()}[PROBABILITIES]
        if known != len(self.classes):
            raise FewshotLabError(
                f"model.onnx knows {known} classes and classes.json {len(self.classes)}."
            )
        self._read = read

    def prepare(self, picture: str | Path | Image.Image, frame: int = 0) -> np.ndarray:
        """Return a file or a picture as the model's input, uint8 (size, size, 3)."""
        if not isinstance(picture, Image.Image):
            picture = self._read(Path(picture), frame, at_least=self.preprocessing.at_least)
        return self.preprocessing.array(picture)

    def run(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (n, K) and embeddings (n, d) of uint8 inputs (n, size, size, 3)."""
        probabilities, embedding = self._session.run(
            [PROBABILITIES, "embedding"], {"images": inputs}
        )
        return probabilities, embedding

    def statistics(self, inputs: np.ndarray) -> np.ndarray | None:
        """Return the pictures' statistics (n, s) where the rule asks for them."""
        kind = None if self.decision is None else self.decision.kind
        if kind is None or not kind.needs_statistics:
            return None
        return np.stack([picture_statistics(pixels) for pixels in inputs])

    def predict(self, pictures: Iterable[Picture], *, batch: int = BATCH) -> Iterator[Prediction]:
        """Yield one row per picture, in order; one that cannot be read never stops the others."""
        items = iter(pictures)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:

            def start() -> list[tuple[str, Future[Any]]]:
                return [
                    (_name(item), pool.submit(self._attempt, item)) for item in islice(items, batch)
                ]

            waiting = start()
            while waiting:
                reading, waiting = waiting, start()  # the next are read while these are computed
                done = [(name, future.result()) for name, future in reading]
                inputs = [pixels for _, pixels in done if not isinstance(pixels, str)]
                answers = iter(self.answers(np.stack(inputs)) if inputs else ())
                for name, pixels in done:
                    if isinstance(pixels, str):
                        yield Prediction(name, "", float("nan"), None, None, pixels)
                        continue
                    yield replace(next(answers), path=name)

    def answers(self, inputs: np.ndarray) -> list[Prediction]:
        """Return the predictions of uint8 inputs (n, size, size, 3), without paths."""
        probabilities, embedding = self.run(inputs)
        best = choose(probabilities, None if self.decision is None else self.decision.costs)
        rows = [
            Prediction("", self.names[k], float(p[k]), p, e)
            for k, p, e in zip(best, probabilities, embedding)  # noqa: B905 (Python 3.9 has no strict)
        ]
        if self.decision is None:
            return rows
        decision = self.decision.apply(probabilities, embedding, self.statistics(inputs))
        for i, row in enumerate(rows):
            sets, similarity = decision.sets, decision.similarity
            inside = None if sets is None else np.flatnonzero(sets[i])
            rows[i] = replace(
                row,
                decided=None if self.decision.thresholds is None else bool(decision.decided[i]),
                classes=None if inside is None else tuple(self.names[k] for k in inside),
                unlike=bool(decision.unlike[i]) if self.decision.tells_unlike else None,
                similarity=None if similarity is None else float(similarity[i]),
                why=self.decision.sentence(decision.reasons[i], probabilities[i], self.names),
            )
        return rows

    def _attempt(self, item: Picture) -> np.ndarray | str:
        """Return the model's input, or the reason why there is none."""
        if isinstance(item, Refused):
            return item.reason
        try:
            if isinstance(item, SlideTilePicture):
                return self.prepare(item.read())
            if isinstance(item, Candidate):
                return self.prepare(item.file, item.frame)
            return self.prepare(item)
        except (Unreadable, FewshotLabError) as error:
            return str(error)
        except Exception as error:  # whatever is wrong with one picture
            return why_undecodable(error, b"")


def refuse_older(name: str, installed: str) -> None:
    """Say in a sentence which release a bundle needs.

    Raises
    ------
    FewshotLabError
    """

    def numbers(version: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", version)[:2]]

    if numbers(installed) < numbers(REQUIRES[name]):
        raise FewshotLabError(
            f"This classifier needs {name} {REQUIRES[name]} or later, and {installed} is "
            f"installed: pip install --upgrade {name}"
        )


@contextmanager
def _reading(file: str) -> Iterator[None]:
    """Say in a sentence which file of a bundle is damaged."""
    try:
        yield
    except Exception as error:  # every library has its own kinds
        raise FewshotLabError(f"{file} cannot be read; copy the bundle anew.") from error


def _name(item: Picture) -> str:
    return item.path if isinstance(item, (Candidate, Refused, SlideTilePicture)) else str(item)


def find_pictures(
    folder: str | Path, open_tiles: Callable[[str, Path], SlideTiles] | None = None
) -> list[Candidate | Refused | SlideTilePicture]:
    """List the pictures under a folder, sorted; each page of a TIFF by itself ("a.tif#0").

    ``open_tiles`` opens a whole slide, of which every tile with tissue is a picture.
    """
    root = Path(folder)
    if root.is_dir():
        listing = list_folder(root)
    else:
        listing = Listing()
        list_file(listing, root.name, root, named=True)
    pictures: list[Candidate | Refused | SlideTilePicture] = list(listing.refused)
    for path, file in listing.files:
        if open_tiles is not None and is_slide_file(file):
            try:
                tiles = open_tiles(path, file).pictures()
            except FewshotLabError as error:
                pictures.append(Refused(path, str(error)))
                continue
            pictures += tiles or [Refused(path, "No tissue was found on this slide.")]
            continue
        kind = _kind(file)
        if kind in ("dicom", "nifti"):
            pictures.append(Refused(path, f"This is {kind.upper()}: predict it with fewshot-lab."))
            continue
        pages = 1
        with suppress(Unreadable), opened(file) as image:
            if image.format == "TIFF":
                pages = sum(1 for _ in picture_pages(image))
        pictures += [
            Candidate(f"{path}#{frame}" if pages > 1 else path, file, frame)
            for frame in range(pages)
        ]
    return pictures


def _kind(file: Path) -> str:
    try:
        return kind_of(file)
    except OSError:
        return ""  # reading it says why


RULE_COLUMNS = ("decision", "prediction_set", "unlike", "similarity", "why")
"""Columns for what follows from a probability: "decided" or "referred"; classes, joined by "|";
"yes" or "no"; the cosine to the labelled images; why it is referred."""


def header(names: list[str]) -> list[str]:
    """Return the columns of a table of predictions."""
    return ["path", "predicted", "probability", *(f"p_{name}" for name in names), *RULE_COLUMNS]


def rule_cells(
    decided: bool | None,
    classes: tuple[str, ...] | None,
    unlike: bool | None,
    similarity: float | None,
    why: str,
) -> list[str]:
    """Return the cells of :data:`RULE_COLUMNS`; empty where there is no rule."""
    return [
        "" if decided is None else "decided" if decided else "referred",
        "" if classes is None else "|".join(classes),
        "" if unlike is None else "yes" if unlike else "no",
        "" if similarity is None else f"{similarity:.4f}",
        why,
    ]


def write_predictions(
    rows: Iterable[Prediction],
    names: list[str],
    out: str | Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, list[tuple[str, str]]]:
    """Write predictions as CSV, and what could not be read beside it as ``NAME.errors.csv``.

    Parameters
    ----------
    rows : iterable of Prediction
    names : list of str
        The classes, in the order of the probabilities.
    out : path
        The columns are path, predicted, probability, one ``p_`` column per class, then
        :data:`RULE_COLUMNS`, empty without a rule. Nothing is there before the last row is written.

    Returns
    -------
    int, list of (path, reason)
        How many pictures have a prediction, and those that have none.

    Raises
    ------
    FewshotLabError
        Where ``out`` is a folder, or lies in none.
    """
    out = Path(out)
    if out.is_dir():  # said before any picture is looked at
        raise FewshotLabError(f"{out} is a folder: name the CSV to write.")
    if not out.absolute().parent.is_dir():
        raise FewshotLabError(f"The folder {out.absolute().parent} does not exist.")
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    errors: list[tuple[str, str]] = []
    count = 0
    try:
        with beside.open("w", newline="", encoding=table_encoding()) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header(names))
            for row in rows:
                if row.probabilities is None:
                    errors.append((row.path, row.reason))
                else:
                    count += 1
                    values = (f"{value:.6f}" for value in row.probabilities)
                    head = [row.path, row.predicted, f"{row.probability:.6f}"]
                    rule = rule_cells(row.decided, row.classes, row.unlike, row.similarity, row.why)
                    writer.writerow(text_cells([*head, *values, *rule]))
                if progress is not None:
                    progress(count + len(errors))
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
    listed = out.with_name(f"{out.stem}.errors.csv")
    if errors:
        with listed.open("w", newline="", encoding=table_encoding()) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "reason"])
            writer.writerows(map(text_cells, errors))
    else:
        listed.unlink(missing_ok=True)  # from an earlier run
    return count, errors


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
    with _reading("tiles.json"):
        settings = TileSettings.load(Path(__file__).resolve().parent)
    if settings is None and options.tile_px is None:
        raise FewshotLabError(
            "The classifier was made of no slides: give --tile-px, and --mpp, for its images."
        )
    if settings is None or options.tile_px is not None:
        return TileSettings(options.tile_px, options.mpp)
    return settings if options.mpp is None else replace(settings, mpp=options.mpp)


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
        slide_tally = None
        if not pictures:
            print(f"There is no picture in {options.folder}.", file=sys.stderr)
            return 1

        def show(done: int) -> None:
            if sys.stderr.isatty() and (done % 10 == 0 or done == len(pictures)):
                print(f"\r{done} of {len(pictures)}", end="", file=sys.stderr, flush=True)

        rows = classifier.predict(pictures)
        if slides:
            slides_out = options.out.with_name(f"{options.out.stem}.slides.csv")
            slide_tally = GroupTally(slide_of_path, classifier.names, classifier.decision)
            slide_tally.answers = replace(slide_tally.answers, noun="slide")
            origins = {name: tiles.origin for name, tiles in slides.items()}
            features = SlideFiles(options.out, classifier.classes, origins)
            rows = features.watch(slide_tally.watch(rows))
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
        if slide_tally is not None:
            slide_tally.write(slides_out)
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
    if slide_tally is not None:
        files = ", ".join(str(file) for file in features.written)
        print(f"{slide_tally.sentence(slides_out)} For QuPath: {files or 'nothing'}.")
    if tally is not None:
        print(tally.sentence(groups_out))
    if watched:
        print(watched)
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
