"""Using a bundle from the app."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.bundle_place import FILES
from fewshot_lab.export.facts import FORMAT
from fewshot_lab.files import expanded
from fewshot_lab.images import Candidate, Refused, read_rgb

if TYPE_CHECKING:
    from fewshot_lab.evaluation import Decision
    from fewshot_lab.export.predict_classifier import Classifier, Prediction


LARGEST = 4 * 2**30
"""Bytes of a bundle, unpacked."""
BOMB_FROM, BOMB_RATIO = 64 * 2**20, 20
LARGEST_SIDE = 4096
NO_COLOUR = "#808080"


class Bundle:
    """An exported classifier, ready to predict.

    No code in a bundle is executed: the app reads images with its own code, so a foreign bundle is
    as safe to open as its ONNX graph.

    Attributes
    ----------
    folder : Path
        Folder of its files; a temporary one for a ZIP.
    name : str
    classes : list of dict
        ``id``, ``name`` and ``color``, in the order of the probabilities.
    about : dict
        What bundle.json holds: data counts, backbone, classifier, versions, the check.
    metrics : dict
        What metrics.json holds.
    card : str
        MODEL_CARD.md.
    """

    def __init__(
        self, folder: Path, name: str, temporary: Path | None = None, *, threads: int = 0
    ) -> None:
        from fewshot_lab.export.predict_classifier import Classifier

        self.folder = folder
        self.name = name
        self._temporary = temporary
        self.about: dict[str, Any] = self._json("bundle.json")
        self.metrics: dict[str, Any] = self._json("metrics.json")
        number = self.about.get("format", FORMAT)
        if not isinstance(number, int):
            raise FewshotLabError(f"{name} is damaged: its format is {str(number)[:20]!r}.")
        if number > FORMAT:
            raise FewshotLabError(f"{name} was made by a newer version: update fewshot-lab.")
        card = folder / "MODEL_CARD.md"
        self.card = card.read_text("utf-8") if card.is_file() else ""
        self._check_reference()
        try:
            self._classifier: Classifier = Classifier(folder, threads=threads, read=read_rgb)
        except FewshotLabError as error:
            raise FewshotLabError(f"{name} is not a complete bundle: {error}") from error
        self.classes: list[dict[str, Any]] = [self._class(row) for row in self._classifier.classes]
        if not 0 < self._classifier.preprocessing.size <= LARGEST_SIDE:
            raise FewshotLabError(f"{name} is not a complete bundle: its pictures are too large.")

    @classmethod
    def open(cls, source: Path | str, *, threads: int = 0) -> Bundle:
        """Open a bundle's folder or ZIP.

        Parameters
        ----------
        source : path
        threads : int
            Number of threads; 0: one per core.

        Raises
        ------
        FewshotLabError
            It is missing, damaged, or not a bundle.
        """
        path = expanded(source)
        if path.is_dir():
            return cls(path, path.name, threads=threads)
        if not path.is_file():
            raise FewshotLabError(f"There is no bundle at {path}: give its folder or its ZIP.")
        folder = Path(tempfile.mkdtemp(prefix="fewshot-bundle-"))
        try:
            _unpack(path, folder)
            return cls(folder, path.stem, temporary=folder, threads=threads)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Bundle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()

    @property
    def names(self) -> list[str]:
        """The classes' names, in the order of the probabilities."""
        return self._classifier.names

    @property
    def decision(self) -> Decision | None:
        """The decision rule; None in old bundles."""
        return self._classifier.decision

    def predict(self, pictures: Iterable[str | Path | Candidate | Refused]) -> Iterator[Prediction]:
        """Yield one row per image, in order; also for DICOM.

        Parameters
        ----------
        pictures : iterable
            Files, or what :func:`fewshot_lab.images.scan` yields.

        Yields
        ------
        Prediction
            ``path``, ``predicted``, ``probability``, ``probabilities`` (K,), ``embedding`` (d,);
            ``reason`` where it cannot be read; ``decided``, ``classes``, ``unlike`` and
            ``similarity`` by the bundle's rule, None in bundles that have none; ``why`` it is
            referred.
        """
        return self._classifier.predict(pictures)

    @property
    def fingerprint(self) -> str:
        """The backbone's fingerprint; empty if the bundle does not contain it."""
        backbone = self.about.get("backbone")
        return str(backbone.get("fingerprint", "")) if isinstance(backbone, dict) else ""

    def _check_reference(self) -> None:
        # A ZIP of its own, which numpy unpacks into memory.
        path = self.folder / "reference.npz"
        if path.is_file():
            try:
                with zipfile.ZipFile(path) as archive:
                    needed = sum(member.file_size for member in archive.infolist())
            except zipfile.BadZipFile:
                needed = 0  # whoever reads it says that it is damaged
            if needed > BOMB_FROM and needed > BOMB_RATIO * path.stat().st_size:
                raise FewshotLabError(
                    f"{self.name} is damaged: reference.npz would unpack to "
                    f"{needed / 2**20:,.0f} MiB."
                )

    def _class(self, row: dict[str, Any]) -> dict[str, Any]:
        # A page writes the colour into a style.
        colour = row.get("color", NO_COLOUR)
        if not (isinstance(colour, str) and re.fullmatch("#[0-9A-Fa-f]{6}", colour)):
            raise FewshotLabError(f"{self.name} is damaged: {str(colour)[:20]!r} is not a colour.")
        return {**row, "color": colour}

    def _json(self, file: str) -> dict[str, Any]:
        path = self.folder / file
        if not path.is_file():
            return {}
        try:
            return dict(json.loads(path.read_text("utf-8")))
        except (ValueError, TypeError, RecursionError):
            raise FewshotLabError(f"{self.name} is damaged: {file} cannot be read.") from None


def _unpack(source: Path, folder: Path) -> None:
    """Take the bundle's files, and nothing else, out of a ZIP."""
    size = source.stat().st_size
    try:
        with zipfile.ZipFile(source) as archive:
            # zipfile reads no more of a member than it says here.
            members = [member for member in archive.infolist() if _is_part(member)]
            needed = sum(member.file_size for member in members)
            if needed > LARGEST or (needed > BOMB_FROM and needed > BOMB_RATIO * size):
                raise FewshotLabError(
                    f"{source.name} would unpack to {needed / 2**20:,.0f} MiB, as no bundle does."
                )
            for member in members:
                path = PurePosixPath(member.filename)
                with archive.open(member) as packed, (folder / path.name).open("wb") as file:
                    shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise FewshotLabError(f"{source.name} is neither a bundle's folder nor its ZIP.") from None
    except OSError as error:
        raise FewshotLabError(f"{source} cannot be read: {error.strerror or error}.") from None


def _is_part(member: zipfile.ZipInfo) -> bool:
    """Say whether a member is one of a bundle's files: at the top or in one folder."""
    path = PurePosixPath(member.filename)  # only known names, so that no path can lead elsewhere
    inside = len(path.parts) == 1 or (len(path.parts) == 2 and path.parts[0] != "..")
    return not member.is_dir() and path.name in FILES and inside
