"""The map on disk, and making or extending it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fewshot_lab.embeddings.embeddings import Embeddings
from fewshot_lab.embeddings.index import build_index
from fewshot_lab.embeddings.map_layout import pca_map, place_new
from fewshot_lab.embeddings.umap_layout import umap_map
from fewshot_lab.files import npz_bytes, write_atomically
from fewshot_lab.progress import Progress, silent

Vectors = Callable[[list[str]], npt.NDArray[Any]]

GROWTH = 4
"""New images are placed on the old map until there are this many times more new than old."""


@dataclass(frozen=True)
class Map:
    """Where each image lies.

    Attributes
    ----------
    ids
        n image ids.
    xy
        float32 (n, 2).
    method
        ``"pca"`` or ``"umap"``.
    settings
        ``neighbours``, ``min_dist``, ``seed``, and ``laid_out``: how many of the images, the
        first ones, the layout was made from; the rest were placed among them later.
    fingerprint
        Of the backbone.
    """

    ids: list[str] = field(repr=False)
    xy: npt.NDArray[np.float32] = field(repr=False)
    method: Literal["pca", "umap"]
    settings: dict[str, Any] = field(default_factory=dict)
    fingerprint: str = ""


def _file(folder: Path) -> Path:
    return Path(folder) / "map.npz"


def save_map(folder: Path, map_: Map) -> None:
    """Write a map, whole or not at all."""
    facts = {"method": map_.method, "settings": map_.settings, "fingerprint": map_.fingerprint}
    ids, xy = np.array(map_.ids, dtype=np.str_), np.asarray(map_.xy, np.float32)
    content = npz_bytes(ids=ids, xy=xy, said=np.array(json.dumps(facts)))
    write_atomically(_file(folder), content)


def load_map(folder: Path) -> Map | None:
    """Read a map; None where there is none or it is damaged, so that it is made anew."""
    try:
        # Read first: numpy leaves a damaged file open.
        data = io.BytesIO(_file(folder).read_bytes())
        with np.load(data, allow_pickle=False) as content:
            facts = json.loads(str(content["said"]))
            ids, xy = content["ids"].tolist(), content["xy"].astype(np.float32)
        if xy.shape != (len(ids), 2) or facts["method"] not in ("pca", "umap"):
            return None
        return Map(ids, xy, facts["method"], facts["settings"], facts["fingerprint"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def map_stamp(folder: Path) -> Hashable | None:
    """Return something that changes whenever the map's file does; None without one. Cheap."""
    try:
        stat = _file(folder).stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_mtime_ns, stat.st_size


def make_map(
    embeddings: Embeddings,
    folder: Path,
    vectors: Vectors | None = None,
    *,
    neighbours: int = 15,
    min_dist: float = 0.1,
    seed: int = 0,
    fresh: bool = False,
    progress: Progress = silent,
) -> Map:
    """Make the map of all embeddings, or bring the one there is up to date.

    Where a UMAP map with these settings exists, images that it lacks are placed on it and no
    other moves, until there are more than :data:`GROWTH` new ones for each old one: then the
    old layout knows too little, and all is laid out anew. Where no map exists, the PCA map is
    written first, to look at until UMAP is ready.

    The images are laid out in the order of their ids, which come from their content: which of
    them happened to be imported or embedded first changes nothing.

    Parameters
    ----------
    embeddings
        All of the project's.
    folder
        Where the map lies.
    vectors
        Gives what is compared of images (n, p); their embeddings if None.
    neighbours, min_dist, seed, progress
        See :func:`umap_map`.
    fresh
        Lay everything out anew.
    """
    ids = sorted(embeddings.ids)
    vectors = vectors or embeddings.matrix
    settings = {"neighbours": neighbours, "min_dist": min_dist, "seed": seed}
    old = load_map(folder)
    if old is not None and old.fingerprint != embeddings.fingerprint:
        old = None
    if old is not None and not fresh and _extendable(old, settings, ids):
        return _extended(old, embeddings, vectors, ids, folder)
    matrix = vectors(ids)
    if old is None or old.method == "pca":
        progress("layout", 0, None)
        first = Map(ids, pca_map(matrix), "pca", {}, embeddings.fingerprint)
        save_map(folder, first)
    layout = umap_map(
        matrix, neighbours=neighbours, min_dist=min_dist, seed=seed, progress=progress
    )
    settings["laid_out"] = len(ids)
    map_ = Map(ids, layout.xy, layout.method, settings, embeddings.fingerprint)
    save_map(folder, map_)
    return map_


def _extendable(old: Map, settings: dict[str, Any], ids: list[str]) -> bool:
    same = all(old.settings.get(key) == value for key, value in settings.items())
    laid_out = int(old.settings.get("laid_out", 0))
    return same and old.method == "umap" and len(ids) <= (1 + GROWTH) * laid_out


def _extended(
    old: Map, embeddings: Embeddings, vectors: Vectors, ids: list[str], folder: Path
) -> Map:
    there = set(old.ids)
    new = [image_id for image_id in ids if image_id not in there]
    if not new:
        return old
    # Only what was laid out tells where something belongs, not what was placed by guess later.
    laid_out = old.ids[: old.settings["laid_out"]]
    anchors = [row for row, image_id in enumerate(laid_out) if embeddings.contains(image_id)]
    index = build_index(vectors([laid_out[row] for row in anchors]))
    placed = place_new(old.xy[anchors], index, vectors(new))
    map_ = Map(
        [*old.ids, *new],
        np.concatenate([old.xy, placed]),
        old.method,
        old.settings,
        old.fingerprint,
    )
    save_map(folder, map_)
    return map_
