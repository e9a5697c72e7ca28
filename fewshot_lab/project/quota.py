"""How much a project may hold on a shared server: asked before an import begins."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.project.arrivals import new_files
from fewshot_lab.project.kept_images import png_of
from fewshot_lab.words import count, plural, size

if TYPE_CHECKING:
    from fewshot_lab.images import Scan
    from fewshot_lab.project.training import ProjectCore

_IMAGES, _GB = "FEWSHOT_LAB_QUOTA_IMAGES", "FEWSHOT_LAB_QUOTA_GB"
"""Environment variables: the limits of every project that has none of its own."""
SAMPLED = 20
"""So many slides and videos are looked into, to tell how large copies of their parts are."""


@dataclass(frozen=True)
class Quota:
    """What a project may hold; None: as much as there is.

    Attributes
    ----------
    images : int or None
    gb : float or None
        Of its folder on the disk, in units of 10^9 bytes.
    """

    images: int | None = None
    gb: float | None = None


def quota_of(project: ProjectCore) -> Quota:
    """Return a project's own limits, else those of the server.

    Raises
    ------
    FewshotLabError
        Where the server's are no numbers.
    """
    own = project.store.get("quota")
    if own is not None:
        return Quota(**own)
    images, gb = _number(_IMAGES), _number(_GB)
    return Quota(None if images is None else int(images), gb)


def set_quota(project: ProjectCore, quota: Quota | None) -> None:
    """Give a project limits of its own; with None those of the server hold again."""
    own = None if quota is None else {"images": quota.images, "gb": quota.gb}
    project.store.set("quota", own)


def bytes_on_disk(folder: Path) -> int:
    """Return how large the files of a folder are together."""
    return sum(
        entry.stat().st_size
        for where, _, names in os.walk(folder)
        for entry in (Path(where, name) for name in names)
        if entry.is_file()
    )


def check_quota(
    project: ProjectCore,
    sources: Sequence[Path],
    look: Callable[..., Scan],
    *,
    copy: bool,
) -> None:
    """Raise :class:`FewshotLabError` where what an import would bring in does not fit.

    ``look`` lists the pictures of a source, as the import will.
    """
    quota = quota_of(project)
    if quota == Quota():
        return
    images, n_bytes = _incoming(project, sources, look, copy=copy)
    n_images = len(project.store.ids())
    if quota.images is not None and images and n_images + images > quota.images:
        raise FewshotLabError(
            f"This project may hold {plural(quota.images, 'image')} and has {count(n_images)}: "
            f"{count(images)} more do not fit. Nothing was imported; import fewer, or ask the "
            "server's administrator for a larger quota."
        )
    if quota.gb is None or not n_bytes:
        return
    used = bytes_on_disk(project.folder) - sum(
        s.stat().st_size if s.is_file() else bytes_on_disk(s)
        for s in sources
        if s.is_relative_to(project.folder)  # what was dropped is removed afterwards
    )
    if used + n_bytes > quota.gb * 1e9:
        raise FewshotLabError(
            f"This project may take {size(quota.gb * 1e9)} of the disk and takes {size(used)}: "
            f"{size(n_bytes)} more do not fit. Nothing was imported; import fewer, or ask the "
            "server's administrator for a larger quota."
        )


def _incoming(
    project: ProjectCore,
    sources: Sequence[Path],
    look: Callable[..., Scan],
    *,
    copy: bool,
) -> tuple[int, int]:
    """Return how many images that are not known yet would come, and the bytes to be stored."""
    from fewshot_lab.images import Candidate

    new_file = new_files(project)
    unpacked = project.folder / "images"
    images = n_bytes = 0
    for source in sources:
        if source.suffix.lower() in (".zip", ".npz"):
            known = project.store.known_sources()
            before = sum(Path(file).is_relative_to(unpacked / source.name) for file, _ in known)
            inside = look(
                source, extract_to=unpacked, columns=None, volumes=None, tiling=None, clips=None
            )
            more = inside.total - before
            if more > 0:
                images += more
                with zipfile.ZipFile(source) as archive:
                    n_bytes += sum(entry.file_size for entry in archive.infolist())
            continue
        stored = copy or source.is_relative_to(project.folder)
        new: dict[Path, list[int]] = {}
        for candidate in look(source):
            if isinstance(candidate, Candidate) and (file := new_file(candidate)) is not None:
                images += 1
                new.setdefault(file, []).append(candidate.frame)
        if stored:
            parts = {file: new.pop(file) for file in list(new) if _in_parts(file, new[file])}
            n_bytes += sum(file.stat().st_size for file in new if file.exists())
            n_bytes += _copies_of_parts(parts)
    return images, n_bytes


def _in_parts(file: Path, frames: Sequence[int]) -> bool:
    """Say whether copies are PNGs of a file's parts: of a slide, a video or an animation."""
    from fewshot_lab.images import is_reference, is_video, kind_of

    return is_reference(file) or (
        len(frames) > 1 and (is_video(file) or kind_of(file) == "picture")
    )


def _copies_of_parts(frames: Mapping[Path, Sequence[int]]) -> int:
    """Return about what copies of tiles and frames take, by the frames of each file.

    Each is a PNG of its own: of some files, evenly chosen, three are made.
    """
    from fewshot_lab.images import UnreadableImage

    n_bytes, n = 0.0, 0
    for file in list(frames)[:: 1 + len(frames) // SAMPLED]:
        numbers = frames[file]
        three = [numbers[(2 * k + 1) * len(numbers) // 6] for k in range(3)]
        with suppress(UnreadableImage, OSError):
            n_bytes += sum(len(png_of(file, number)) for number in three) / 3 * len(numbers)
            n += len(numbers)
    return round(n_bytes / n * sum(map(len, frames.values()))) if n else 0


def _number(variable: str) -> float | None:
    text = os.environ.get(variable, "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value < 1e12:
        raise FewshotLabError(f"{variable} must be a number above 0, not {text!r}.")
    return value
