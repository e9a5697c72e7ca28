"""MedMNIST: 2D data sets as one ``.npz`` of arrays, written out as PNG files."""

import re
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.candidates import Candidate
from fewshot_lab.images.durable_files import DurableFiles
from fewshot_lab.images.eight_bit import to_8bit

_SPLITS = ("train", "val", "test")


class MedMnist:
    """A MedMNIST file, read picture by picture (the 224 px sets are too large for memory)."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.name = file.stem
        known = re.sub(r"(_\d+)?$", "", self.name.lower())
        names = Path(__file__).with_suffix(".toml").read_text("utf-8")
        self._names = tomllib.loads(names).get(known)
        try:
            with zipfile.ZipFile(file) as archive:
                shapes = {split: _array_header(archive, f"{split}_images")[0] for split in _SPLITS}
                self._labels = {split: _whole(archive, f"{split}_labels") for split in _SPLITS}
        except FewshotLabError:
            raise
        except Exception:  # zipfile, zlib and numpy raise many things on damaged files
            raise FewshotLabError(
                f"{file.name} cannot be read as a MedMNIST file: it is damaged or truncated."
            ) from None
        shapes = {split: shape for split, shape in shapes.items() if shape is not None}
        if not shapes:
            raise FewshotLabError(
                f"{file.name} is not a MedMNIST file: it has no array 'train_images', "
                "'val_images' or 'test_images'."
            )
        for shape in shapes.values():
            if not (len(shape) == 3 or (len(shape) == 4 and shape[-1] in (3, 4))):
                raise FewshotLabError(
                    f"{file.name} holds arrays of shape {shape}: only 2D pictures, grey or "
                    "colour, can be imported."
                )
        self._shapes = shapes
        self.total = sum(shape[0] for shape in shapes.values())

    def pictures(self, folder: Path) -> Iterator[Candidate]:
        """Write the pictures below a folder as PNG and yield them; those that are there stay."""
        with zipfile.ZipFile(self.file) as archive:
            for split in self._shapes:
                yield from self._split(archive, split, folder)

    def _split(self, archive: zipfile.ZipFile, split: str, folder: Path) -> Iterator[Candidate]:
        labels = self._labels[split]
        shape, dtype, stream = _array_header(archive, f"{split}_images")
        assert shape is not None and stream is not None
        with stream, DurableFiles(folder) as files:
            size = int(np.prod(shape[1:])) * dtype.itemsize
            done: list[Candidate] = []
            for number in range(shape[0]):
                path = f"{self.name}/{split}/{number:05d}.png"
                raw = b""
                with suppress(OSError, EOFError, zipfile.BadZipFile, zlib.error):
                    raw = stream.read(size)
                if len(raw) < size:
                    raise FewshotLabError(
                        f"{self.file.name} is truncated or damaged in {split}_images."
                    )
                target = folder / path
                if not target.is_file():
                    values = to_8bit(np.frombuffer(raw, dtype).reshape(shape[1:]))
                    part = files.write(target, size)
                    Image.fromarray(values).save(part, "PNG", compress_level=1)
                reference, meta = self._label(labels, number)
                meta = {"split": split, **meta}
                done.append(Candidate(path, target, reference=reference, meta=meta))
                if files.full:
                    files.settle()
                if not files:
                    yield from done
                    done.clear()
            files.settle()
            yield from done

    def _label(
        self, labels: np.ndarray | None, number: int
    ) -> tuple[str | None, dict[str, str | float]]:
        if labels is None or number >= len(labels):
            return None, {}
        row = np.atleast_1d(labels[number])
        if row.size == 1:
            return self._class(int(row[0])), {}
        # several findings in one picture (ChestMNIST) are no single class
        findings = [self._class(int(k)) for k in np.flatnonzero(row)]
        return None, {"findings": ", ".join(findings) or "none"}

    def _class(self, k: int) -> str:
        return self._names[k] if self._names and 0 <= k < len(self._names) else str(k)


def _array_header(archive: zipfile.ZipFile, name: str) -> tuple[Any, Any, Any]:
    """Open an array of an npz: shape, dtype and the stream at its first value."""
    try:
        stream = archive.open(f"{name}.npy")
    except KeyError:
        return None, None, None
    version = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read(stream)
    if dtype.hasobject or dtype.kind not in "uif" or fortran:
        raise FewshotLabError(f"The array {name!r} of {archive.filename} is not made of pictures.")
    return shape, dtype, stream


def _whole(archive: zipfile.ZipFile, name: str) -> np.ndarray | None:
    shape, dtype, stream = _array_header(archive, name)
    if shape is None:
        return None
    with stream:
        size = int(np.prod(shape)) * dtype.itemsize
        return np.frombuffer(stream.read(size), dtype).reshape(shape)
