"""Which slides lie in what somebody wants to bring in, told before anything is read."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from fewshot_lab.images.file_types import has_picture_suffix, needs_a_look
from fewshot_lab.images.folder import list_folder, shown, walk
from fewshot_lab.images.slides.slide_files import SLIDE_SUFFIXES, is_slide, slide_series

MOST_NAMES = 20_000
_BY_NAME = SLIDE_SUFFIXES | {".svs"}


class FoundSlide(NamedTuple):
    """A slide: what an import calls it, and its file."""

    name: str
    file: Path


def slides_in(sources: Sequence[Path], *, looks: int | None = None) -> list[FoundSlide]:
    """Find the slides in folders, or among files.

    Parameters
    ----------
    sources : sequence of Path
    looks : int, optional
        Into how many files whose ending does not tell (TIFF, DICOM) to look, among the first
        20,000 names, so that a page can ask at any time; all of them by default.
    """
    return list(_slides_in(sources, looks))


def _slides_in(sources: Sequence[Path], looks: int | None) -> Iterator[FoundSlide]:
    series: set[str | None] = set()
    for source in sources:
        for name, file in _files(source, at_a_glance=looks is not None):
            if file.suffix.lower() not in _BY_NAME:
                if looks is not None and looks <= 0:
                    continue
                looks = None if looks is None else looks - 1
            if not is_slide(file):
                continue
            own = _series(file)
            if own is None or own not in series:
                series.add(own)
                yield FoundSlide(name, file)


def _files(source: Path, *, at_a_glance: bool) -> Iterator[tuple[str, Path]]:
    if not source.is_dir():
        yield shown(source.name), source
    elif not at_a_glance:
        yield from list_folder(source).files
    else:
        for number, file in enumerate(walk(source)):
            if number >= MOST_NAMES:
                return
            if has_picture_suffix(file.name) or needs_a_look(file.name):
                yield shown(file.relative_to(source)), file


def _series(file: Path) -> str | None:
    with suppress(Exception):  # reading it says what is wrong
        return slide_series(file)
    return None
