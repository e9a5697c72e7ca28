"""What a Ray worker does with a batch of files: decode, compute, return rows."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fewshot_lab.backbones import find
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.bundle import Bundle
from fewshot_lab.images import Candidate, Refused, has_picture_suffix, scan

_Items = list[Candidate | Refused]


def file_rows(source: str, unpacked: Path) -> list[dict[str, Any]]:
    """Return what is to be read: a row for each picture, for each file of object storage.

    Parameters
    ----------
    source : str
        What can be imported, or an address with "://", listed by its file names' endings.
    unpacked : Path
        Where the pictures of a ZIP go.

    Returns
    -------
    list of dict
        ``path`` as it is written, ``file`` to open, ``frame``, ``refused`` with the reason.
    """
    if "://" in source:
        return _objects(source)
    rows = []
    for item in scan(Path(source), extract_to=unpacked):
        refused = item.reason if isinstance(item, Refused) else ""
        file = "" if isinstance(item, Refused) else str(item.file.absolute())
        frame = 0 if isinstance(item, Refused) else item.frame
        rows.append({"path": item.path, "file": file, "frame": frame, "refused": refused})
    return rows


def _objects(source: str) -> list[dict[str, Any]]:
    import pyarrow as pa
    from pyarrow.fs import FileSelector, FileSystem, FileType

    try:
        system, root = FileSystem.from_uri(source)
        entries = system.get_file_info(FileSelector(root, recursive=True))
    except (OSError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise FewshotLabError(f"{source} cannot be listed: {reason}") from None
    files = [entry.path for entry in entries if entry.type == FileType.File]
    return [
        {
            "path": file.removeprefix(root).lstrip("/"),
            "file": f"{source.rstrip('/')}/{file.removeprefix(root).lstrip('/')}",
            "frame": 0,
            "refused": "",
        }
        for file in sorted(files)
        if has_picture_suffix(file)
    ]


class PredictedRows:
    """Predicts by a bundle. Ray makes one in each worker, and a new one where a worker died.

    Parameters
    ----------
    bundle : str
        Its folder or ZIP, where every worker can read it.
    embeddings : bool
        Whether the rows hold the embeddings, too.
    """

    def __init__(self, bundle: str, embeddings: bool) -> None:
        self._bundle = Bundle.open(bundle, threads=1)  # one processor for each worker
        self._embeddings = embeddings

    @staticmethod
    def prepare(bundle: str, embeddings: bool) -> dict[str, Any]:
        """Check the bundle, and return what tells its rows from those of another."""
        with Bundle.open(bundle) as opened:
            about = json.dumps(opened.about, sort_keys=True).encode()
        return {"bundle": hashlib.sha256(about).hexdigest(), "embeddings": embeddings}

    def __call__(self, batch: dict[str, Any]) -> Any:
        """Return the Arrow table of a batch of files."""
        from fewshot_lab.export.predict_table import header, rule_cells

        names = self._bundle.names
        with _items(batch) as items:
            rows = list(self._bundle.predict(items))
        columns: dict[str, list[Any]] = {name: [] for name in [*header(names), "reason"]}
        embeddings: list[Any] = []
        for row in rows:
            chances = [None] * len(names) if row.probabilities is None else row.probabilities
            rule = rule_cells(row.decided, row.classes, row.unlike, row.similarity, row.why)
            chance = None if row.probabilities is None else row.probability
            cells = [row.path, row.predicted, chance, *chances, *rule, row.reason]
            for column, cell in zip(columns.values(), cells, strict=True):
                column.append(cell if isinstance(cell, str) or cell is None else float(cell))
            embeddings.append([] if row.embedding is None else row.embedding.tolist())
        return _table(columns, embeddings if self._embeddings else None)


class EmbeddedRows:
    """Embeds by a backbone, as :class:`PredictedRows` predicts.

    Parameters
    ----------
    backbone : str
        A name that every worker knows, or a checkpoint file.
    """

    def __init__(self, backbone: str) -> None:
        self._backbone = find(backbone)
        self._module = self._backbone.load("cpu")

    @staticmethod
    def prepare(backbone: str) -> dict[str, Any]:
        """Fetch the weights, and return what tells their rows from those of others."""
        chosen = find(backbone)
        ready, sentence = chosen.available()
        if not ready:
            raise FewshotLabError(sentence)
        chosen.fetch()
        return {"backbone": chosen.fingerprint}

    def __call__(self, batch: dict[str, Any]) -> Any:
        """Return the Arrow table of a batch of files."""
        import torch

        from fewshot_lab.embeddings import ImageItem, decode_image

        embeddings: list[Any] = []
        paths = []
        reasons = []
        with _items(batch) as items:
            for item in items:
                if isinstance(item, Refused):
                    pixels: Any = item.reason
                else:
                    one = ImageItem(item.path, item.file, item.frame)
                    pixels = decode_image(one, self._backbone.preprocessing)
                paths.append(item.path)
                reasons.append(pixels if isinstance(pixels, str) else "")
                embeddings.append(None if isinstance(pixels, str) else pixels)
        readable = [k for k, pixels in enumerate(embeddings) if pixels is not None]
        if readable:
            stacked = torch.from_numpy(np.stack([embeddings[k] for k in readable]))
            with torch.inference_mode():
                vectors = self._module(stacked).float().numpy()
            for k, vector in zip(readable, vectors, strict=True):
                embeddings[k] = vector.tolist()
        columns: dict[str, list[Any]] = {"path": paths, "reason": reasons}
        return _table(columns, [vector or [] for vector in embeddings])


def _table(columns: dict[str, list[Any]], embeddings: list[Any] | None) -> Any:
    """Return an Arrow table whose types do not depend on what a batch holds."""
    import pyarrow as pa

    numbers = {name for name in columns if name == "probability" or name.startswith("p_")}
    arrays = {
        name: pa.array(cells, pa.float32() if name in numbers else pa.string())
        for name, cells in columns.items()
    }
    if embeddings is not None:
        arrays["embedding"] = pa.array(embeddings, pa.list_(pa.float32()))
    return pa.table(arrays)


@contextmanager
def _items(batch: dict[str, Any]) -> Iterator[_Items]:
    """Give the pictures of a batch; those of object storage lie in a folder meanwhile."""
    facts = [batch[name].tolist() for name in ("path", "file", "frame", "refused")]
    items: _Items = []
    with tempfile.TemporaryDirectory(prefix="fewshot-ray-") as folder:
        for k, (path, file, frame, refused) in enumerate(zip(*facts, strict=True)):
            if refused:
                items.append(Refused(path, refused))
            elif "://" in file:
                items += _fetched(path, file, Path(folder, str(k)))
            else:
                items.append(Candidate(path, Path(file), frame))
        yield items


def _fetched(path: str, address: str, folder: Path) -> _Items:
    """Return the pictures of one file of object storage, each of its frames."""
    import pyarrow as pa
    from pyarrow.fs import FileSystem

    name = PurePosixPath(path).name
    folder.mkdir()
    try:
        system, key = FileSystem.from_uri(address)
        with system.open_input_stream(key) as stream:
            (folder / name).write_bytes(stream.read())
    except (OSError, pa.ArrowInvalid) as error:
        return [Refused(path, f"It could not be fetched: {str(error).splitlines()[0]}")]
    parent = path.removesuffix(name)
    return [replace(item, path=parent + item.path) for item in scan(folder / name)]
