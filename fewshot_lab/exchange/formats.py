"""The formats by name: how each is written and read, and what it carries."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from fewshot_lab.exchange import anndata, coco, cvat, fiftyone, label_studio, parquet
from fewshot_lab.exchange.pictures import Contents, Outgoing

FormatName = Literal["label-studio", "coco", "cvat", "fiftyone", "anndata", "parquet"]


_LABELS = "What each person said of each image."
_EVERYTHING = (
    "For analysis: what each person said, the label that counts, the classifier's probability of "
    "each class, and the embedding of each image."
)


class Format(NamedTuple):
    """A format of another tool.

    Attributes
    ----------
    title : str
    file : str
        What a file of it is called.
    carries : str
        What is in it, in a clinician's words.
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
    carries: str
    write: Callable[[Path, Outgoing], None]
    read: Callable[[Path], Contents]
    predictions: Literal["none", "for annotators", "all"] = "none"
    numbers: bool = False


FORMATS: dict[FormatName, Format] = {
    "label-studio": Format(
        "Label Studio",
        "tasks.json",
        "What each person said of each image, and what the classifier says.",
        label_studio.write,
        label_studio.read,
        "for annotators",
    ),
    "coco": Format("COCO", "coco.json", _LABELS, coco.write, coco.read),
    "cvat": Format("CVAT", "annotations.xml", _LABELS, cvat.write, cvat.read),
    "fiftyone": Format(
        "FiftyOne",
        "fiftyone.zip",
        "The label that counts, what each person said, and what the classifier says. A folder, "
        "packed as a ZIP.",
        fiftyone.write,
        fiftyone.read,
        "for annotators",
    ),
    "anndata": Format(
        "AnnData", "images.h5ad", _EVERYTHING, anndata.write, anndata.read, "all", numbers=True
    ),
    "parquet": Format(
        "Parquet", "images.parquet", _EVERYTHING, parquet.write, parquet.read, "all", numbers=True
    ),
}
assert tuple(FORMATS) == get_args(FormatName)
