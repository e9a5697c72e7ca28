"""The slides of a project as a page asks for them: by a short key, and by image."""

import hashlib
from dataclasses import dataclass, field

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live.blinding import names_without_folders
from fewshot_lab.live.page_state import PageState
from fewshot_lab.project import GRIDS, Slide, SlideTile, slides_of, tiles_of


@dataclass(frozen=True)
class SlideIndex:
    """All slides, and where every tile lies.

    Attributes
    ----------
    slides : dict
        By key: a hash, so that an address tells nothing of a file's folders or name.
    titles : dict
        What a slide is called: its file's name alone, as the folder often tells a class.
    tiles : dict
        By key.
    places : dict
        From image id to the keys of the slides it lies on, without repeats.
    """

    slides: dict[str, Slide]
    titles: dict[str, str]
    tiles: dict[str, list[SlideTile]] = field(repr=False)
    places: dict[str, list[str]] = field(repr=False)

    def slide(self, key: str) -> Slide:
        """Return a slide.

        Raises
        ------
        FewshotLabError
            Where there is none of this key.
        """
        if key not in self.slides:
            raise FewshotLabError("There is no such slide in this project.")
        return self.slides[key]


def slide_index(state: PageState) -> SlideIndex:
    """Return the slides of a page's project, read again after an import or a relink."""
    try:
        changed = (state.project.folder / GRIDS).stat().st_mtime_ns
    except OSError:
        changed = 0
    return state.cached("slides", (len(state.order().ids), changed), lambda: _read(state))


def _read(state: PageState) -> SlideIndex:
    slides = {slide_key(slide): slide for slide in slides_of(state.project)}
    titles = names_without_folders(slide.name for slide in slides.values())
    titles = {key: titles[slide.name] for key, slide in slides.items()}
    tiles = {key: tiles_of(state.project, slide) for key, slide in slides.items()}
    places: dict[str, list[str]] = {}
    for key, each in tiles.items():
        for image_id in dict.fromkeys(tile.image_id for tile in each):
            places.setdefault(image_id, []).append(key)
    return SlideIndex(slides, titles, tiles, places)


def slide_key(slide: Slide) -> str:
    """Return what a slide is asked for by; another file at its place has another."""
    try:
        status = slide.file.stat()
        version = f"{status.st_size} {status.st_mtime_ns}"
    except OSError:
        version = "away"
    text = f"{slide.name}\0{slide.width} {slide.height} {slide.mpp}\0{version}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
