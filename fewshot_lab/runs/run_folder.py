"""The folder of a run: its name, and ``images.jsonl``, what it learns from."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.home import RUNS, home
from fewshot_lab.pretrain import RunImage

IMAGES = "images.jsonl"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def free_name(stem: str) -> str:
    """Return the first of ``stem-1``, ``stem-2``, ... that no run has."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.") or "run"
    number = 1
    while (home() / RUNS / f"{stem[:56]}-{number}").exists():
        number += 1
    return f"{stem[:56]}-{number}"


@contextmanager
def new_folder(name: str) -> Iterator[Path]:
    """Make the folder of a new run, which has its name when the ``with`` block has filled it.

    Raises
    ------
    FewshotLabError
        For a name that cannot be one or is taken.
    """
    if not _NAME.fullmatch(name):
        raise FewshotLabError(
            f"{name!r} cannot name a run: take letters, digits, dots, dashes and underscores, "
            "a letter or digit first, at most 64."
        )
    folder = home() / RUNS / name
    taken = FewshotLabError(
        f"There is a run {name!r} already: take another name, or resume it with --resume."
    )
    if folder.exists():
        raise taken
    # A run killed while it was made would keep the name, and could neither start nor resume.
    beside = folder.with_name(f".{name}.{os.getpid()}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise FewshotLabError(f"{folder} cannot be made: {error.strerror}.") from None
    try:
        yield beside
        if folder.exists():
            raise taken
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def write_images(folder: Path, images: Sequence[RunImage]) -> None:
    """Write what a run learns from, a line for each image."""
    lines = (json.dumps(asdict(image) | {"file": str(image.file)}) + "\n" for image in images)
    write_atomically(folder / IMAGES, "".join(lines).encode())


def read_images(folder: Path) -> list[RunImage]:
    """Return what a run learns from.

    Raises
    ------
    FewshotLabError
        If the file is missing or a line names no image.
    """
    path = folder / IMAGES
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise FewshotLabError(f"{path} cannot be read: {error.strerror}.") from None
    images = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            images.append(
                RunImage(
                    str(row["id"]),
                    Path(row["file"]),
                    int(row.get("frame", 0)),
                    row.get("label"),
                    row.get("group"),
                    int(row.get("side", 0)),
                )
            )
        except (ValueError, KeyError, TypeError):
            raise FewshotLabError(f"Line {number} of {path} names no image.") from None
    return images
