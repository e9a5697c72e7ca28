"""Which pictures a folder holds, and tiles of whole slides; predict.py carries this text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.predict_slides import (
    SLIDE_PACKAGES,
    SlideTilePicture,
    SlideTiles,
    are_installed,
)
from fewshot_lab.images.candidates import Candidate, Refused
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.folder import Listing, list_file, list_folder
from fewshot_lab.images.pillow_decoder import opened
from fewshot_lab.images.slides.slide_files import is_slide, slide_series
from fewshot_lab.images.tiff_pages import picture_pages


def find_pictures(
    folder: str | Path, open_tiles: Callable[[str, Path], SlideTiles] | None = None
) -> list[Candidate | Refused | SlideTilePicture]:
    """List the pictures under a folder, sorted; each page of a TIFF by itself ("a.tif#0").

    ``open_tiles`` opens a whole slide, of which every tile with tissue is a picture.
    """
    root = Path(folder)
    if root.is_dir():
        listing = list_folder(root)
    else:
        listing = Listing()
        list_file(listing, root.name, root, named=True)
    pictures: list[Candidate | Refused | SlideTilePicture] = list(listing.refused)
    series: set[str | None] = set()  # of slides in DICOM, which have a file for every level
    for path, file in listing.files:
        if open_tiles is not None and is_slide(file):
            if (one := slide_series(file)) in series:
                continue
            series |= {one} - {None}
            try:
                tiles = open_tiles(path, file).pictures
            except FewshotLabError as error:
                pictures.append(Refused(path, str(error)))
                continue
            pictures += tiles or [Refused(path, "No tissue was found on this slide.")]
            continue
        kind = _kind(file)
        if kind in ("dicom", "nifti"):
            reason = f"This is {kind.upper()}: predict it with fewshot-lab."
            if kind == "dicom" and not are_installed("pydicom"):
                reason += f" Whole slides in DICOM are read here after: {SLIDE_PACKAGES}"
            pictures.append(Refused(path, reason))
            continue
        pages = 1
        with suppress(UnreadableImage), opened(file) as image:
            if image.format == "TIFF":
                pages = sum(1 for _ in picture_pages(image))
        pictures += [
            Candidate(f"{path}#{frame}" if pages > 1 else path, file, frame)
            for frame in range(pages)
        ]
    return pictures


def _kind(file: Path) -> str:
    try:
        return kind_of(file)
    except OSError:
        return ""  # reading it says why
