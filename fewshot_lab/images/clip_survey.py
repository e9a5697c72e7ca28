"""What an import would take of the clips it meets, told before it begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from fewshot_lab.images.boxes import Box
from fewshot_lab.images.clip_file import blackened
from fewshot_lab.images.clip_scan import INTERLACED, names_sentence
from fewshot_lab.images.clips import ClipFacts, clip_facts, is_clip, sampled_frames
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import DICOM_SUFFIXES, ending, needs_a_look
from fewshot_lab.images.folder import list_folder, shown
from fewshot_lab.images.frame_choice import ClipSettings
from fewshot_lab.images.overlays import burnt_in
from fewshot_lab.images.video_index import NO_FRAME
from fewshot_lab.images.video_kinds import VIDEO_SUFFIXES
from fewshot_lab.words import duration

LOOKS = 300
"""Files that are opened to see whether they are clips, where their names do not tell."""
KEPT_SECONDS = 0.07
"""To name, shrink and store a megapixel, on one processor."""


@dataclass(frozen=True)
class ClipPlan:
    """What would be taken of one clip.

    Attributes
    ----------
    path : str
        As the project would write it.
    file : Path
    facts : ClipFacts or None
        None where it cannot be read, for the reason in ``trouble``.
    taken : int
        Frames at most.
    marks : list of Box
        Where text or marks that never change stand and no box was drawn.
    trouble : str
    """

    path: str
    file: Path
    facts: ClipFacts | None
    taken: int = 0
    marks: tuple[Box, ...] = ()
    trouble: str = ""

    @property
    def length(self) -> str:
        """How long it is, in words."""
        return "" if self.facts is None else duration(self.facts.seconds)

    @property
    def size(self) -> str:
        """Its pixels."""
        return "" if self.facts is None else f"{self.facts.width} × {self.facts.height}"

    @property
    def sentence(self) -> str:
        """What is to be known before it is imported; nothing where all is well."""
        if self.facts is None:
            return self.trouble
        names = names_sentence(self.marks, self.facts.width, self.facts.height)
        if names:
            boxes = " ".join(f"--box {','.join(map(str, box))}" for box in self.marks)
            names += f" To blacken them in every frame: {boxes}"
        return " ".join(filter(None, (INTERLACED if self.facts.interlaced else "", names)))

    @property
    def seconds(self) -> float:
        """About how long it takes to import, embedding not counted; all frames are decoded."""
        if self.facts is None:
            return 0.0
        megapixels = self.facts.width * self.facts.height / 1e6
        return self._decoding + self.taken * megapixels * KEPT_SECONDS

    @property
    def _decoding(self) -> float:
        return 0.0 if self.facts is None else self.facts.frames * self.facts.decoding

    def seconds_to_embed(self, each: float) -> float:
        """About how long embedding takes, which decodes it once more.

        Parameters
        ----------
        each : float
            Seconds that the backbone takes for a picture.
        """
        return self._decoding + self.taken * each


def find_clips(sources: Sequence[Path], most: int = 2000) -> list[tuple[str, Path]]:
    """Return the clips among files and below folders (not in a ZIP), as path and file.

    Videos are told by their names; of GIF and DICOM files some hundred are looked into.
    """
    return list(islice(_clips(sources), most))


def _clips(sources: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    looks = LOOKS
    for source in sources:
        files = list_folder(source).files if source.is_dir() else [(shown(source.name), source)]
        for path, file in files:
            suffix = ending(file.name)
            certain = suffix in VIDEO_SUFFIXES
            if not certain and (
                looks == 0
                or not (suffix == ".gif" or suffix in DICOM_SUFFIXES or needs_a_look(file.name))
            ):
                continue
            looks -= not certain
            try:
                if certain or is_clip(file):
                    yield path, file
            except (UnreadableImage, OSError):
                continue


def plan_clip(path: str, file: Path, settings: ClipSettings) -> ClipPlan:
    """Look at one clip: what of it would be taken, and what stands written in it."""
    try:
        facts = clip_facts(file)
        boxes = settings.boxes_of(path)
        frames = [blackened(frame, boxes) for frame in sampled_frames(file)]
        return ClipPlan(
            path, file, facts, settings.count(facts.frames, facts.seconds), tuple(burnt_in(frames))
        )
    except (UnreadableImage, OSError) as error:
        return ClipPlan(path, file, None, trouble=str(error))


def first_frame(file: Path, at: float = 0.0) -> Image.Image:
    """Return a frame to draw boxes on, from about so far into a clip (0 to 1).

    Raises
    ------
    UnreadableImage
    """
    frames = list(sampled_frames(file, 9))
    if not frames:
        raise UnreadableImage(NO_FRAME)
    return frames[min(len(frames) - 1, int(at * len(frames)))]
