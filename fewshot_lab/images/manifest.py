"""CSV manifests: which column is what, and which row means which file."""

import math
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images.candidates import ListedFile, Refused
from fewshot_lab.images.file_types import has_picture_suffix
from fewshot_lab.images.folder import shown
from fewshot_lab.tables import column_rank, find_column, plain_path, read_rows, spellings

_TRIED_SUFFIXES = (
    *(".jpg", ".JPG", ".png", ".jpeg", ".tif", ".tiff", ".dcm", ".bmp", ".webp", ".svs"),
    ".nii.gz",
)


@dataclass(frozen=True)
class ManifestColumns:
    """Which column of a CSV is what, by header."""

    path: str
    label: str | None = None
    group: str | None = None
    metadata: tuple[str, ...] = ()


def read_table(file: Path) -> tuple[list[str], list[list[str]]]:
    """Read a CSV: the header, all names different, and the rows, each as long as the header.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read as a CSV, or has no header.
    """
    rows = [row for _, row in read_rows(file)]
    if not rows:
        raise FewshotLabError(f"{file.name} is not a CSV with a header line.")
    if image := next((cell for cell in rows[0] if has_picture_suffix(cell.strip())), None):
        raise FewshotLabError(  # it would be lost without a word
            f"{file.name} has no header, its first line names the image {image.strip()}: put a "
            "line with the columns' names above it, such as file,label."
        )
    header = _distinct([name.strip() for name in rows[0]])
    width = len(header)
    return header, [(row + [""] * width)[:width] for row in rows[1:]]


def _distinct(header: list[str]) -> list[str]:
    names: list[str] = []
    for number, name in enumerate(header, 1):
        name = name or f"column {number}"
        while name in names:
            name += "_"
        names.append(name)
    return names


def read_header(file: Path) -> list[str]:
    """Return the column names of a CSV.

    Raises
    ------
    FewshotLabError
        Where the file cannot be read as a CSV.
    """
    return read_table(Path(file))[0]


def guess_columns(file: Path) -> ManifestColumns:
    """Guess which column names the files, which the label and the group; the rest is metadata.

    The path column is the one most of whose first 50 values are files or end like pictures, a
    usual name ("path", "file", "image", ...) deciding between equals.

    Raises
    ------
    FewshotLabError
        Where no column names files.
    """
    file = Path(file)
    header, rows = read_table(file)
    sample = rows[:50]
    scores = {}
    for number, name in enumerate(header):
        values = [row[number] for row in sample if row[number]]
        n_files = sum(resolve(value, file.parent) is not None for value in values)
        like = sum(has_picture_suffix(value) for value in values)
        scores[name] = (n_files, like, -column_rank(name, "path"))
    path = max(header, key=lambda name: scores[name])
    if scores[path][:2] == (0, 0):
        raise FewshotLabError(
            f"No column of {file.name} names image files; choose the column that does."
        )
    rest = [name for name in header if name != path]
    label = _named(rest, "label")
    group = _named([name for name in rest if name != label], "group")
    metadata = tuple(name for name in rest if name not in (label, group))
    return ManifestColumns(path, label, group, metadata)


def _named(header: list[str], kind: str) -> str | None:
    place = find_column(header, kind)
    return None if place is None else header[place]


def resolve(value: str, folder: Path) -> tuple[Path, int | None, str] | None:
    """Find the file that a manifest means, its frame where the path ends like "#3", and the path.

    Relative paths count from the CSV's folder; Windows separators, both Unicode forms of accented
    letters and image ids without an ending are understood.
    """
    variants = spellings(value)
    if not value.isascii():
        variants += [unicodedata.normalize(form, v) for v in variants for form in ("NFC", "NFD")]
    try:
        for variant in variants:
            if (file := folder / variant).is_file():
                return _normalised(file), None, variant
            base, mark, frame = variant.rpartition("#")
            if mark and frame.isdigit() and (file := folder / base).is_file():
                return _normalised(file), int(frame), base
        last = value.replace("\\", "/").rpartition("/")[2]
        if last and not has_picture_suffix(last):
            for variant, suffix in product(variants, _TRIED_SUFFIXES):
                if (file := folder / (variant + suffix)).is_file():
                    return _normalised(file), None, variant
    except (OSError, ValueError):  # a name too long, or with a zero byte
        pass
    return None


def _normalised(file: Path) -> Path:
    """Take ".." out, so that one file has one name."""
    return Path(os.path.normpath(file))


def list_manifest(file: Path, columns: ManifestColumns) -> Iterator[ListedFile | Refused]:
    """Yield the rows of a manifest, in order; those whose file is missing as refused.

    Columns whose filled cells are all numbers become numbers, unless one has a leading zero (an
    id). A file that is named twice counts once, with the first row.

    Raises
    ------
    FewshotLabError
        Where a chosen column does not exist.
    """
    file = file.absolute()
    header, rows = read_table(file)
    wanted = [columns.path, columns.label, columns.group, *columns.metadata]
    for name in wanted:
        if name is not None and name not in header:
            raise FewshotLabError(
                f"{file.name} has no column {name!r}; it has {', '.join(map(repr, header))}."
            )
    at = {name: header.index(name) for name in wanted if name is not None}
    numeric = {
        name
        for name in columns.metadata
        if all(_is_number(row[at[name]]) for row in rows if row[at[name]].strip())
    }
    seen: set[tuple[Path, int | None]] = set()
    for line, raw in enumerate(rows, 2):  # as a spreadsheet counts, below the header
        value = raw[at[columns.path]]
        row = [unicodedata.normalize("NFC", cell.strip()) for cell in raw]
        if not value.strip():
            yield Refused(f"{file.name}, row {line}", "The row names no file.")
            continue
        target = resolve(value, file.parent)
        if target is None:
            path = shown(plain_path(value))
            yield Refused(path, "The file is not there: paths count from the manifest's folder.")
            continue
        where, frame, spelled = target
        path = shown(spelled)
        if (where, frame) in seen:
            yield Refused(path, "The manifest names this file twice; the first row counts.")
            continue
        seen.add((where, frame))
        if Path(spelled).is_absolute() and where.is_relative_to(file.parent):
            path = shown(where.relative_to(file.parent))
        meta = {
            name: float(row[at[name]]) if name in numeric else row[at[name]]
            for name in columns.metadata
            if row[at[name]]
        }
        reference = row[at[columns.label]] if columns.label else ""
        group = row[at[columns.group]] if columns.group else ""
        yield ListedFile(path, where, reference or None, group or None, meta, frame)


def _is_number(text: str) -> bool:
    if re.match(r"[+-]?0\d", text):
        return False
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
