"""Slices and frames in their order: what the large view steps through, imported or not.

A file for each volume in the project's folder ``sequences`` says where its slices lie and which of
them are images of the project. It can be deleted: importing the source again writes it anew. The
frames of a video are those of its description (``fewshot_lab.images.clip_file``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json, write_atomically
from fewshot_lab.project.base import read_shrunk

if TYPE_CHECKING:
    from PIL.Image import Image

    from fewshot_lab.images import GreyValues, Volume
    from fewshot_lab.project.base import ProjectFolder

SEQUENCES = "sequences"
_CODE = re.compile(r"[a-z]+-[0-9a-f]{12}(-\d{1,4})?")


class Place(NamedTuple):
    """A slice or frame: where it is read from, its position, and its image if it was imported."""

    file: Path
    frame: int
    position: float | None
    image_id: str | None


@dataclass(frozen=True)
class SliceSequence:
    """The slices of one volume, or the frames of one video, in order.

    Attributes
    ----------
    code : str
        What stands for the volume or the video.
    places : tuple of Place
        All slices, also those that are neither images nor at hand any more.
    kind : {"slice", "frame"}
    unit : {"mm", "s"}
        Of their positions.
    """

    code: str
    places: tuple[Place, ...]
    kind: str = "slice"
    unit: str = "mm"

    def number_of(self, image_id: str) -> int:
        """Return the place of an image, from 0; the first one where several look the same."""
        return next(k for k, place in enumerate(self.places) if place.image_id == image_id)

    def at_hand(self) -> list[int]:
        """Return the places that can be looked at: images, and files that are still there."""
        from fewshot_lab.images import pixel_file

        files = {place.file for place in self.places if not place.image_id}
        files = {file for file in files if pixel_file(file).is_file()}
        return [k for k, p in enumerate(self.places) if p.image_id or p.file in files]


def keep_sequences(project: ProjectFolder, volumes: Iterable[Volume]) -> None:
    """Write down the volumes of an import; images that an earlier one brought stay in them."""
    for volume in volumes:
        ids = project.store.ids_of_sources({str(each.file) for each in volume.slices})
        file = _file(project, volume.code)
        before = _read(file)
        known = [row[3] for row in before] if len(before) == len(volume.slices) else []
        rows = [
            [str(file), frame, mm, ids.get((str(file), frame)) or (known[k] if known else None)]
            for k, (file, frame, mm) in enumerate(volume.slices)
        ]
        if rows != before:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(file, json.dumps({"slices": rows}).encode())


def sequence_of(project: ProjectFolder, image_id: str) -> SliceSequence | None:
    """Return the volume or video that an image is of; None where it is of none that is known."""
    from fewshot_lab.images import CLIP_SUFFIX, VOLUME

    videos = project.store.sources_ending(CLIP_SUFFIX, image_id)
    if videos:
        return _video(project, videos[image_id])
    code = str(project.store.image(image_id).meta.get(VOLUME, ""))
    if not _CODE.fullmatch(code):
        return None
    rows = _read(_file(project, code))
    places = tuple(Place(Path(file), frame, mm, image) for file, frame, mm, image in rows)
    sequence = SliceSequence(code, places)
    return sequence if any(place.image_id == image_id for place in places) else None


def _video(project: ProjectFolder, source: str) -> SliceSequence:
    """Return all frames of a video; those that were imported where it is away."""
    from fewshot_lab.images import UnreadableImage, load_clip

    file = project.folder / source
    image_of = dict(project.store.frames_of(source))
    try:
        clip = load_clip(file)
        times = clip.times() if clip.video.exists() else []
    except (UnreadableImage, OSError):
        times = []
    frames = range(len(times)) if times else sorted(image_of)
    places = tuple(
        Place(file, frame, times[frame] if times else None, image_of.get(frame)) for frame in frames
    )
    return SliceSequence(source, places, "frame", "s")


def slice_picture(
    project: ProjectFolder, sequence: SliceSequence, number: int, max_side: int
) -> Image:
    """Return a slice as RGB, whether or not it is an image of the project.

    Raises
    ------
    FewshotLabError
        Where there is no such slice, or its file has gone.
    """
    place = _place(sequence, number)
    if place.image_id:
        return project.picture(place.image_id, max_side)
    return read_shrunk(place.file, place.frame, max_side)


def slice_grey_values(
    project: ProjectFolder, sequence: SliceSequence, number: int, max_side: int
) -> GreyValues | None:
    """Return a slice's grey values; None for colour and 8 bit.

    Raises
    ------
    FewshotLabError
    """
    from fewshot_lab.images import read_grey_values

    place = _place(sequence, number)
    if place.image_id:
        return project.grey_values(place.image_id, max_side)
    grey = read_grey_values(place.file, place.frame)
    return grey and grey.reduced(max_side)


def _place(sequence: SliceSequence, number: int) -> Place:
    if not 0 <= number < len(sequence.places):
        raise FewshotLabError(f"There is no slice {number} in this volume.")
    return sequence.places[number]


def _file(project: ProjectFolder, code: str) -> Path:
    return project.folder / SEQUENCES / f"{code}.json"


def _read(file: Path) -> list[list[Any]]:
    stored = (read_json(file) or {}).get("slices")
    return stored if isinstance(stored, list) else []
