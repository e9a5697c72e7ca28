"""What a Ray worker does with a batch of files: decode, compute, return rows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fewshot_lab.export.bundle import Bundle
from fewshot_lab.images import Candidate, Refused

_Items = Sequence[Candidate | Refused]


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
        self._bundle = Bundle.open(bundle)
        self._embeddings = embeddings

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the columns of a batch of files."""
        from fewshot_lab.export.predict_template import header, rule_cells

        names = self._bundle.names
        with _items(batch) as items:
            rows = list(self._bundle.predict(items))
        columns: dict[str, list[Any]] = {name: [] for name in [*header(names), "reason"]}
        embeddings: list[Any] = []
        for path, row in zip(batch["path"], rows, strict=True):
            chances = [None] * len(names) if row.probabilities is None else row.probabilities
            rule = rule_cells(row.decided, row.classes, row.unlike, row.similarity, row.why)
            chance = None if row.probabilities is None else row.probability
            cells = [str(path), row.predicted, chance, *chances, *rule, row.reason]
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
        from fewshot_lab.backbones import find

        self._backbone = find(backbone)
        self._module = self._backbone.load("cpu")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the columns of a batch of files."""
        import torch

        from fewshot_lab.embeddings import ImageItem, decode_image

        embeddings: list[Any] = []
        reasons = []
        with _items(batch) as items:
            for item in items:
                if isinstance(item, Refused):
                    pixels: Any = item.reason
                else:
                    one = ImageItem(item.path, item.file, item.frame)
                    pixels = decode_image(one, self._backbone.preprocessing)
                reasons.append(pixels if isinstance(pixels, str) else "")
                embeddings.append(None if isinstance(pixels, str) else pixels)
        there = [k for k, pixels in enumerate(embeddings) if pixels is not None]
        if there:
            stacked = torch.from_numpy(np.stack([embeddings[k] for k in there]))
            with torch.inference_mode():
                vectors = self._module(stacked).float().numpy()
            for k, vector in zip(there, vectors, strict=True):
                embeddings[k] = vector.tolist()
        columns = {"path": [str(path) for path in batch["path"]], "reason": reasons}
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
    """Give the files of a batch; what came as bytes, from object storage, lies in a folder."""
    paths = [str(path) for path in batch["path"]]
    if "bytes" not in batch:
        facts = zip(paths, batch["file"], batch["frame"], batch["refused"], strict=True)
        yield [
            Refused(path, str(refused)) if refused else Candidate(path, Path(str(file)), int(frame))
            for path, file, frame, refused in facts
        ]
        return
    with tempfile.TemporaryDirectory(prefix="fewshot-ray-") as folder:
        items = []
        for k, (path, content) in enumerate(zip(paths, batch["bytes"], strict=True)):
            file = Path(folder) / f"{k}{PurePosixPath(path).suffix}"
            file.write_bytes(content)
            items.append(Candidate(path, file))
        yield items
