"""Which slides lie in what somebody wants to bring in, told before anything is read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.folder import Listing, list_file, list_folder, shown
from fewshot_lab.images.slides.slide_files import SLIDE_SUFFIXES, is_slide, slide_series

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
        Into how many files whose ending does not tell (TIFF, DICOM) to look, so that a page can
        ask at any time; all of them by default.
    """
    return list(_found(sources, looks))


def _found(sources: Sequence[Path], looks: int | None) -> Iterator[FoundSlide]:
    series: set[str | None] = set()
    for source in sources:
        if source.is_dir():
            listing = list_folder(source)
        else:
            listing = Listing()
            list_file(listing, shown(source.name), source, named=True)
        for name, file in listing.files:
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


def _series(file: Path) -> str | None:
    try:
        return slide_series(file) if kind_of(file) == "dicom" else None
    except Exception:  # reading it says what is wrong
        return None
