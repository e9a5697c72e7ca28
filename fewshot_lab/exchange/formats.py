"""The formats by name: how each is written and read, and what it carries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from fewshot_lab.exchange import anndata, coco, cvat, fiftyone, label_studio, parquet
from fewshot_lab.exchange.pictures import Contents, Outgoing

FormatName = Literal["label-studio", "coco", "cvat", "fiftyone", "anndata", "parquet"]


class Format(NamedTuple):
    """A format of another tool.

    Attributes
    ----------
    title : str
    file : str
        What a file of it is called usually; a folder ends with "/".
    write : callable
        Writes all that goes out to a path.
    read : callable
        Returns what a path holds.
    predictions : "none", "for annotators" or "all"
        For annotators: without those of audit images, whose labels must not follow any.
    numbers : bool
        Whether it carries embeddings and the probability of each class.
    """

    title: str
    file: str
    write: Callable[[Path, Outgoing], None]
    read: Callable[[Path], Contents]
    predictions: Literal["none", "for annotators", "all"] = "none"
    numbers: bool = False


FORMATS: dict[FormatName, Format] = {
    "label-studio": Format(
        "Label Studio", "tasks.json", label_studio.write, label_studio.read, "for annotators"
    ),
    "coco": Format("COCO", "coco.json", coco.write, coco.read),
    "cvat": Format("CVAT", "annotations.xml", cvat.write, cvat.read),
    "fiftyone": Format("FiftyOne", "fiftyone/", fiftyone.write, fiftyone.read, "for annotators"),
    "anndata": Format("AnnData", "images.h5ad", anndata.write, anndata.read, "all", numbers=True),
    "parquet": Format(
        "Parquet", "images.parquet", parquet.write, parquet.read, "all", numbers=True
    ),
}
assert tuple(FORMATS) == get_args(FormatName)
