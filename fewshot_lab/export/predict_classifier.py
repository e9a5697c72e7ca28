"""The classifier of a bundle, and what it says of pictures; predict.py carries this text."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Union

import numpy as np
import PIL
from PIL import Image

from fewshot_lab.backbones.picture_statistics import picture_statistics
from fewshot_lab.backbones.preprocessing import Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.costs import check_costs, choose
from fewshot_lab.evaluation.decisions import Decision
from fewshot_lab.export.predict_slides import SlideTilePicture
from fewshot_lab.images.candidates import Candidate, Refused
from fewshot_lab.images.pillow_decoder import decode
from fewshot_lab.images.unreadable import why_undecodable

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
        with reading_file("classes.json"):
            text = (folder / "classes.json").read_text("utf-8")
            self.classes: list[dict[str, Any]] = json.loads(text)
            self.names: list[str] = [str(row["name"]) for row in self.classes]
        with reading_file("preprocessing.json"):
            self.preprocessing = Preprocessing.from_dict(
                json.loads((folder / "preprocessing.json").read_text("utf-8"))
            )
        with reading_file("decision.json, or reference.npz with it,"):
            self.decision = Decision.load(folder)
            if self.decision is not None and self.decision.costs is not None:
                check_costs(self.decision.costs, len(self.classes))
        with reading_file("model.onnx"):
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
        except FewshotLabError as error:
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
def reading_file(file: str) -> Iterator[None]:
    """Say in a sentence which file of a bundle is damaged."""
    try:
        yield
    except Exception as error:  # every library has its own kinds
        raise FewshotLabError(f"{file} cannot be read; copy the bundle again.") from error


def _name(item: Picture) -> str:
    return item.path if isinstance(item, (Candidate, Refused, SlideTilePicture)) else str(item)
