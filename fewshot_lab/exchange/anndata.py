"""AnnData: an HDF5 file of AnnData's on-disk format 0.1.0, written and read with h5py.

Format: https://anndata.readthedocs.io/en/stable/fileformat-prose.html. The package itself holds
pandas to other versions than Streamlit does, and is not needed for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange.files import MOST_ROWS, row_opinions
from fewshot_lab.exchange.numbers import rows_of
from fewshot_lab.exchange.pictures import Contents, Outgoing
from fewshot_lab.tables import find_column
from fewshot_lab.whole_files import writing_beside

if TYPE_CHECKING:
    import h5py

ROWS = 4096
INDEX = "_index"
OPINIONS = "opinions"


def write(file: Path, outgoing: Outgoing) -> None:
    """Write embeddings as X, what is known of images as obs, and opinions as a table in uns.

    An image without an embedding has a row of NaN and ``embedded`` False.
    """
    h5py = _h5py()
    numbers, pictures = outgoing.numbers, outgoing.pictures
    with writing_beside(file) as beside, h5py.File(beside, "w") as root:
        _encode(root, "anndata", "0.1.0")
        _write_images(root, outgoing)
        _frame(root, "var", numbers.columns if numbers else [], {})
        for name in ("layers", "obsp", "varm", "varp"):
            _encode(root.create_group(name), "dict", "0.1.0")
        obsm = _encode(root.create_group("obsm"), "dict", "0.1.0")
        uns = _encode(root.create_group("uns"), "dict", "0.1.0")
        for name, text in outgoing.about.items():
            _encode(uns.create_dataset(name, data=text, dtype=h5py.string_dtype()), "string")
        rows = [(each, opinion) for each in pictures for opinion in each.opinions]
        _frame(
            uns,
            OPINIONS,
            [str(n) for n in range(len(rows))],
            {
                "image": [each.id for each, _ in rows],
                "path": [each.path for each, _ in rows],
                "label": [opinion.label for _, opinion in rows],
                "annotator": [opinion.annotator or "" for _, opinion in rows],
                "time": [opinion.time for _, opinion in rows],
            },
        )
        if numbers is None:
            return
        _strings(uns, "probability_classes", numbers.class_names)
        X = _encode(root.create_dataset("X", (len(pictures), len(numbers.columns)), "f4"), "array")
        probabilities = None
        if numbers.class_names:
            shape = (len(pictures), len(numbers.class_names))
            probabilities = _encode(obsm.create_dataset("probabilities", shape, "f4"), "array")
        for start in range(0, len(pictures), ROWS):
            ids = [each.id for each in pictures[start : start + ROWS]]
            embeddings, rows_of_probabilities = rows_of(numbers, ids)
            X[start : start + len(ids)] = embeddings
            if probabilities is not None:
                probabilities[start : start + len(ids)] = rows_of_probabilities


def _write_images(root: h5py.Group, outgoing: Outgoing) -> None:
    pictures, numbers = outgoing.pictures, outgoing.numbers
    embedded = numbers.embedded if numbers else set()
    predictions = [each.prediction for each in pictures]
    _frame(
        root,
        "obs",
        [each.id for each in pictures],
        {
            "path": [each.path for each in pictures],
            "file": [each.file for each in pictures],
            "width": np.array([each.width for each in pictures], np.int32),
            "height": np.array([each.height for each in pictures], np.int32),
            "embedded": np.array([each.id in embedded for each in pictures], bool),
        },
        {
            "group": [each.group for each in pictures],
            "label": [each.label for each in pictures],
            "split": [each.split for each in pictures],
            "predicted": [each.label if each else "" for each in predictions],
        },
        {"probability": [each.probability if each else np.nan for each in predictions]},
    )


def _frame(
    parent: h5py.Group,
    name: str,
    index: Sequence[str],
    columns: Mapping[str, Any],
    categories: Mapping[str, Sequence[str]] | None = None,
    floats: Mapping[str, Sequence[float]] | None = None,
) -> None:
    """Write a table: texts and arrays, categories with "" for none, and fractions."""
    frame = _encode(parent.create_group(name), "dataframe", "0.2.0")
    order = [*columns, *(categories or {}), *(floats or {})]
    # As a whole array: one that is empty would else become an attribute of numbers.
    frame.attrs.create("column-order", np.array(order, dtype=_h5py().string_dtype()))
    frame.attrs[INDEX] = INDEX
    _strings(frame, INDEX, index)
    for key, values in columns.items():
        if isinstance(values, np.ndarray):
            _encode(frame.create_dataset(key, data=values), "array")
        else:
            _strings(frame, key, values)
    for key, texts in (categories or {}).items():
        known = sorted(set(texts) - {""})
        code = {text: n for n, text in enumerate(known)}
        group = _encode(frame.create_group(key), "categorical", "0.2.0")
        group.attrs["ordered"] = False
        codes = np.array([code.get(text, -1) for text in texts], np.int32)
        _encode(group.create_dataset("codes", data=codes), "array")
        _strings(group, "categories", known)
    for key, fractions in (floats or {}).items():
        _encode(frame.create_dataset(key, data=np.array(fractions, np.float32)), "array")


def _strings(parent: h5py.Group, name: str, texts: Sequence[str]) -> None:
    values = np.array([text.encode("utf-8", "replace") for text in texts], dtype=object)
    dataset = parent.create_dataset(name, (len(texts),), dtype=_h5py().string_dtype())
    if len(texts):
        dataset[:] = values
    _encode(dataset, "string-array")


def _encode(item: Any, kind: str, version: str = "0.2.0") -> Any:
    item.attrs["encoding-type"] = kind
    item.attrs["encoding-version"] = version
    return item


def _h5py() -> Any:
    try:
        import h5py
    except ModuleNotFoundError:
        raise FewshotLabError(
            "AnnData files need h5py: pip install fewshot-lab[exchange]."
        ) from None
    return h5py


def read(file: Path) -> Contents:
    """Return the opinions of our own file; of another, labels and paths out of its obs.

    Paths are a column of obs with a usual name, else its index.

    Raises
    ------
    FewshotLabError
        Where it cannot be read or has no labels.
    """
    h5py = _h5py()
    try:
        with h5py.File(file, "r") as root:
            if "uns" in root and OPINIONS in (uns := _inside(root, "uns")):
                table = _read_frame(_inside(uns, OPINIONS))
                own = all(name in table for name in ("path", "label", "annotator", "time"))
                if own:
                    rows = [
                        dict(zip(table, row, strict=True))
                        for row in zip(*table.values(), strict=True)
                    ]
                    return row_opinions([(row["path"], row) for row in rows], file)
            obs = _read_frame(_inside(root, "obs")) if "obs" in root else {}
    except OSError as error:
        if not file.is_file():
            raise FewshotLabError(f"{file} is not there; check the path.") from None
        raise FewshotLabError(f"{file.name} is not a complete HDF5 file: {error}.") from None
    except (KeyError, ValueError, TypeError) as error:
        raise FewshotLabError(f"{file.name} is not a valid AnnData file: {error}.") from None
    names = [name for name in obs if name != INDEX]
    place = find_column(names, "label")
    if place is None:
        raise FewshotLabError(
            f"{file.name} has no labels: its obs needs a column label (AnnData 0.8 or later "
            f"writes it). It has {', '.join(names[:8]) or 'no columns'}."
        )
    path = find_column(names, "path")
    paths = obs[INDEX if path is None else names[path]]
    labels = obs[names[place]]
    return row_opinions([(p, {"label": t}) for p, t in zip(paths, labels, strict=True)], file)


def _read_frame(frame: h5py.Group) -> dict[str, list[str]]:
    """Return a table's columns of texts and categories; its index is called "_index"."""
    columns = {INDEX: _texts(_inside(frame, str(frame.attrs[INDEX])))}
    for name in frame.attrs["column-order"]:
        name = name.decode() if isinstance(name, bytes) else str(name)
        if (texts := _texts(_inside(frame, name))) is not None:
            columns[name] = texts
    return {name: texts for name, texts in columns.items() if texts is not None}


def _inside(group: h5py.Group, name: str) -> Any:
    """Return what lies in the file itself under a name.

    HDF5 may lead to any file of the machine, as links or as where a table's bytes are, and may
    state any length.

    Raises
    ------
    ValueError
        Where it lies elsewhere, or is longer than any list of images.
    """
    h5py = _h5py()
    if "/" in name or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name} is not in the file itself")
    item = group[name]
    if isinstance(item, h5py.Dataset):
        if item.is_virtual or item.external:
            raise ValueError(f"{name} is not in the file itself")
        if item.size is not None and item.size > MOST_ROWS:
            raise ValueError(f"{name} has {item.size:,} entries")
    return item


def _texts(item: Any) -> list[str] | None:
    kind = item.attrs.get("encoding-type")
    if kind == "categorical":
        known, codes = _texts(_inside(item, "categories")), _inside(item, "codes")
        return known and [known[code] if code >= 0 else "" for code in codes[:].tolist()]
    if kind == "nullable-string-array":
        away = _inside(item, "mask")[:]
        texts = _texts(_inside(item, "values")) or []
        return ["" if gone else text for text, gone in zip(texts, away, strict=True)]
    if kind == "string-array":
        return [text.decode("utf-8", "replace") for text in item[:]]
    return None
