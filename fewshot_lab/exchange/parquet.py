"""Parquet: a row for each image, with everything that is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import MOST_ROWS, row_opinions
from fewshot_lab.exchange.numbers import rows_of
from fewshot_lab.exchange.pictures import Contents, Outgoing
from fewshot_lab.tables import find_column
from fewshot_lab.whole_files import writing_beside

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 4096
OPINIONS = "opinions"


def write(file: Path, outgoing: Outgoing) -> None:
    """Write a table; what it was made with stands in the schema's metadata "fewshot_lab"."""
    import pyarrow.parquet as pq

    schema = _schema(outgoing)
    with writing_beside(file) as beside, pq.ParquetWriter(beside, schema) as writer:
        for batch in _batches(outgoing, schema):
            writer.write_batch(batch)


def _schema(outgoing: Outgoing) -> pa.Schema:
    import pyarrow as pa

    opinion = pa.struct([(name, pa.string()) for name in ("label", "annotator", "time")])
    fields = [(name, pa.string()) for name in ("image", "path", "file")]
    fields += [("width", pa.int32()), ("height", pa.int32())]
    fields += [(name, pa.string()) for name in ("group", "label", "split")]
    fields += [(OPINIONS, pa.list_(opinion))]
    fields += [("predicted", pa.string()), ("probability", pa.float32())]
    if (numbers := outgoing.numbers) is not None:
        fields += [(f"probability {name}", pa.float32()) for name in numbers.class_names]
        fields += [("embedding", pa.list_(pa.float32(), len(numbers.columns)))]
    return pa.schema(fields, {"fewshot_lab": json.dumps(outgoing.about)})


def _batches(outgoing: Outgoing, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import numpy as np
    import pyarrow as pa

    numbers = outgoing.numbers
    for start in range(0, len(outgoing.pictures), ROWS):
        batch = outgoing.pictures[start : start + ROWS]
        columns: dict[str, Any] = {
            "image": [each.id for each in batch],
            **{
                name: [getattr(each, name) for each in batch]
                for name in ("path", "file", "width", "height")
            },
            **{
                name: [getattr(each, name) or None for each in batch]
                for name in ("group", "label", "split")
            },
            OPINIONS: [[opinion._asdict() for opinion in each.opinions] for each in batch],
            "predicted": [each.prediction and each.prediction.label for each in batch],
            "probability": [each.prediction and each.prediction.probability for each in batch],
        }
        if numbers is not None:
            embeddings, probabilities = rows_of(numbers, [each.id for each in batch])
            away = np.isnan(embeddings).all(axis=1)
            for name, column in zip(numbers.class_names, probabilities.T, strict=True):
                columns[f"probability {name}"] = pa.array(column, mask=away)
            columns["embedding"] = pa.FixedSizeListArray.from_arrays(
                embeddings.ravel(), len(numbers.columns), mask=pa.array(away)
            )
        yield pa.record_batch(columns, schema)


def read(file: Path) -> Contents:
    """Return the opinions of our own table; of another, its columns of path and label.

    Raises
    ------
    FewshotLabError
        Where it cannot be read or has no such columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(file).names
        own = OPINIONS in names and "path" in names
        path, label = ("path", OPINIONS) if own else _path_and_label(file, names)
        if (rows_stated := pq.read_metadata(file).num_rows) > MOST_ROWS:
            raise FewshotLabError(f"{file.name} states {rows_stated:,} rows, more than are read.")
        columns = pq.read_table(file, columns=[path, label])
        rows = [(str(each[path] or ""), each[label]) for each in columns.to_pylist()]
    except OSError as error:
        raise FewshotLabError(f"{file} cannot be read: {error.strerror or error}.") from None
    except pa.ArrowException as error:
        raise FewshotLabError(f"{file.name} is not a complete Parquet file: {error}.") from None
    if own:
        opinions = [(path, each) for path, some in rows for each in some or ()]
        return row_opinions(opinions, file)
    return row_opinions([(path, {"label": label}) for path, label in rows], file)


def _path_and_label(file: Path, names: list[str]) -> tuple[str, str]:
    places = [find_column(names, column) for column in ("path", "label")]
    if None in places:
        raise FewshotLabError(
            f"{file.name} has neither our column {OPINIONS} nor the columns path and label; it "
            f"has {', '.join(names[:8])}."
        )
    path, label = (names[place] for place in places if place is not None)
    return path, label
