"""Predict the classes of images with the classifier in this folder.

    python predict.py FOLDER --out predictions.csv

It needs Python 3.11 or later and three packages: onnxruntime, numpy and pillow. From Python::

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
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from fewshot_lab.backbones._preprocessing import Preprocessing
from fewshot_lab.images._kinds import (
    DICOM_SUFFIXES,
    HEAD,
    PICTURE_SUFFIXES,
    head_kind,
    is_noise,
    needs_a_look,
)
from fewshot_lab.images._pillow import Unreadable, decode, opened, picture_pages

BATCH = 32

Read = Callable[..., Image.Image]
Job = tuple[str, Path, int]


@dataclass(frozen=True)
class Row:
    """What the classifier says of one picture.

    Attributes
    ----------
    path : str
    predicted : str
        The name of the most probable class; empty where the picture cannot be read.
    probability : float
        Its calibrated probability; NaN where the picture cannot be read.
    probabilities : array (K,), float32, or None
        In the order of classes.json.
    embedding : array (d,), float32, or None
        What the backbone made of the picture.
    reason : str
        Why the picture cannot be read, else empty.
    """

    path: str
    predicted: str
    probability: float
    probabilities: np.ndarray | None
    embedding: np.ndarray | None
    reason: str = ""


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
    """

    def __init__(
        self, folder: str | Path | None = None, *, threads: int = 0, read: Read = decode
    ) -> None:
        import onnxruntime

        folder = Path(__file__).resolve().parent if folder is None else Path(folder)
        self.classes: list[dict] = json.loads((folder / "classes.json").read_text("utf-8"))
        self.preprocessing = Preprocessing.from_dict(
            json.loads((folder / "preprocessing.json").read_text("utf-8"))
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._read = read

    @property
    def names(self) -> list[str]:
        """The classes' names, in the order of the probabilities."""
        return [str(row["name"]) for row in self.classes]

    def prepare(self, picture: str | Path | Image.Image, frame: int = 0) -> np.ndarray:
        """Return a file or a picture as the model's input, uint8 (size, size, 3)."""
        if not isinstance(picture, Image.Image):
            at_least = self.preprocessing.shortest_side()
            picture = self._read(Path(picture), frame, at_least=at_least)
        return self.preprocessing.array(picture)

    def run(self, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return probabilities (n, K) and embeddings (n, d) of uint8 inputs (n, size, size, 3)."""
        probabilities, embedding = self._session.run(
            ["probabilities", "embedding"], {"images": inputs}
        )
        return probabilities, embedding

    def predict(
        self, pictures: Iterable[str | Path | Job], *, batch: int = BATCH
    ) -> Iterator[Row]:
        """Yield one row per picture, in order; one that cannot be read never stops the others.

        Parameters
        ----------
        pictures : iterable
            Files, or tuples (name for the row, file, frame).
        """
        jobs = (p if isinstance(p, tuple) else (str(p), Path(p), 0) for p in pictures)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:

            def start() -> list[tuple[Job, Future]]:
                return [(job, pool.submit(self._attempt, job)) for job in islice(jobs, batch)]

            waiting = start()
            while waiting:
                reading, waiting = waiting, start()  # the next are read while these are computed
                done = [(job, future.result()) for job, future in reading]
                inputs = [found for _, found in done if not isinstance(found, str)]
                answers = iter(zip(*self.run(np.stack(inputs)), strict=True) if inputs else ())
                for (name, _, _), found in done:
                    if isinstance(found, str):
                        yield Row(name, "", float("nan"), None, None, found)
                        continue
                    probabilities, embedding = next(answers)
                    best = int(probabilities.argmax())
                    yield Row(
                        name,
                        self.names[best],
                        float(probabilities[best]),
                        probabilities,
                        embedding,
                    )

    def _attempt(self, job: Job) -> np.ndarray | str:
        """Return the model's input, or the reason why there is none."""
        _, file, frame = job
        try:
            return self.prepare(file, frame)
        except Exception as error:  # whatever is wrong with one picture
            return str(error) or type(error).__name__


def find_pictures(folder: str | Path) -> Iterator[Job]:
    """Yield the pictures under a folder, sorted; each page of a TIFF by itself ("a.tif#0")."""
    root = Path(folder)
    if root.is_file():
        yield from _pages(root.name, root)
        return
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not is_noise(name))
        for name in sorted(names):
            file = Path(parent, name)
            if not is_noise(name) and _is_picture(file):
                yield from _pages(file.relative_to(root).as_posix(), file)


def _is_picture(file: Path) -> bool:
    if file.suffix.lower() in PICTURE_SUFFIXES | DICOM_SUFFIXES:
        return True
    if not needs_a_look(file.name):
        return False
    try:
        with file.open("rb") as stream:
            return head_kind(stream.read(HEAD)) is not None
    except OSError:
        return False


def _pages(name: str, file: Path) -> Iterator[Job]:
    pages = 1
    with suppress(Unreadable), opened(file) as image:
        if image.format == "TIFF":
            pages = sum(1 for _ in picture_pages(image))
    for frame in range(pages):
        yield (f"{name}#{frame}" if pages > 1 else name), file, frame


def write_predictions(
    rows: Iterable[Row],
    names: list[str],
    out: str | Path,
    *,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, list[tuple[str, str]]]:
    """Write predictions as CSV, and what could not be read beside it as ``NAME.errors.csv``.

    Parameters
    ----------
    rows : iterable of Row
    names : list of str
        The classes, in the order of the probabilities.
    out : path
        The columns are path, predicted, probability and one ``p_`` column per class. Nothing is
        there before the last row is written.

    Returns
    -------
    int, list of (path, reason)
        How many pictures have a prediction, and those that have none.
    """
    out = Path(out)
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    errors: list[tuple[str, str]] = []
    count = 0
    try:
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "predicted", "probability", *(f"p_{n}" for n in names)])
            for row in rows:
                if row.probabilities is None:
                    errors.append((row.path, row.reason))
                else:
                    count += 1
                    values = (f"{value:.6f}" for value in row.probabilities)
                    writer.writerow([row.path, row.predicted, f"{row.probability:.6f}", *values])
                if progress is not None:
                    progress(count + len(errors))
        beside.replace(out)
    finally:
        beside.unlink(missing_ok=True)
    listed = out.with_name(f"{out.stem}.errors.csv")
    if errors:
        with listed.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["path", "reason"])
            writer.writerows(errors)
    else:
        listed.unlink(missing_ok=True)  # from an earlier run
    return count, errors


def main(arguments: list[str] | None = None) -> int:
    """Predict a folder from the command line."""
    parser = argparse.ArgumentParser(description="Predict the classes of the images in a folder.")
    parser.add_argument("folder", type=Path, help="searched with all its subfolders")
    parser.add_argument("--out", type=Path, default=Path("predictions.csv"))
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    options = parser.parse_args(arguments)
    if not options.folder.exists():
        print(f"{options.folder} is not there.", file=sys.stderr)
        return 1
    try:
        classifier = Classifier(threads=options.threads)
        jobs = list(find_pictures(options.folder))
        if not jobs:
            print(f"There is no picture in {options.folder}.", file=sys.stderr)
            return 1

        def show(done: int) -> None:
            if sys.stderr.isatty() and (done % 10 == 0 or done == len(jobs)):
                print(f"\r{done} of {len(jobs)}", end="", file=sys.stderr, flush=True)

        rows = classifier.predict(jobs)
        count, errors = write_predictions(rows, classifier.names, options.out, progress=show)
    except OSError as error:
        print(f"{error.filename or options.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing was written.", file=sys.stderr)
        return 130
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for path, reason in errors:
        print(f"{path}: {reason}", file=sys.stderr)
    print(f"{count} predicted, {len(errors)} could not be read: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
