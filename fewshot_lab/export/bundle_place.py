"""Where a bundle lies: written beside its place, then renamed into it; what killed exports left."""

import os
import re
import shutil
import zipfile
from pathlib import Path
from uuid import uuid4

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.skops_file import write_member

FILES = (
    "model.onnx",
    "classifier.skops",
    "preprocessing.json",
    "classes.json",
    "labels.csv",
    "metrics.json",
    "bundle.json",
    "MODEL_CARD.md",
    "predict.py",
    "decision.json",
    "reference.npz",
    "tiles.json",
)
UNFINISHED = ".?*.?*.part"


def store(path: Path, data: bytes) -> None:
    """Write a file of a bundle to the disk itself."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def is_bundle(folder: Path) -> bool:
    """Say whether a folder holds a bundle."""
    return all((folder / name).is_file() for name in ("model.onnx", "classes.json", "bundle.json"))


def must_be_free(folder: Path, force: bool) -> None:
    """Raise :class:`FewshotLabError` where a folder holds what an export must not replace."""
    if not folder.exists():
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not folder.is_dir() or not is_bundle(folder):
        raise FewshotLabError(f"{folder} exists and is not a bundle: choose another name.")
    if not force:
        raise FewshotLabError(f"{folder} exists: choose another name, or replace it (--force).")


def is_unfinished(path: Path) -> bool:
    """Say whether a file or folder is the beginning of a bundle, by its name or what it holds."""
    if path.is_dir():
        return all(file.name in FILES for file in path.iterdir())
    return bool(re.fullmatch(r"\..+\.zip\.\d+\.part", path.name))


def put_in_place(beside: Path, folder: Path) -> None:
    """Rename the finished bundle into place; an old one is there until then."""
    old = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.old")
    if folder.exists():
        folder.rename(old)
    try:
        beside.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def unfinished_zip(zip_path: Path) -> Path:
    """Return what a ZIP is called until it is whole."""
    return zip_path.with_name(f".{zip_path.name}.{os.getpid()}.part")


def write_zip(folder: Path, name: str, zip_path: Path) -> Path:
    """Write the ZIP under another name; return that."""
    unfinished = unfinished_zip(zip_path)
    with unfinished.open("wb") as file:
        with zipfile.ZipFile(file, "w") as archive:
            for member in FILES:
                if (folder / member).exists():
                    write_member(archive, f"{name}/{member}", (folder / member).read_bytes())
        file.flush()
        os.fsync(file.fileno())
    return unfinished
