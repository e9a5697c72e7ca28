"""What a project keeps of a clip: which file it is, and what of its frames is blackened.

Everything that reads an image of a clip (thumbnail, embedding, large view, pretraining) is given
this file in the clip's place, so nothing can read its frames without their boxes: what lies below
a box never leaves the original.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fewshot_lab.files import while_unchanged, write_atomically
from fewshot_lab.images.boxes import Box
from fewshot_lab.images.clips import frame_times, read_clip
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import CLIP_SUFFIX
from fewshot_lab.images.video_index import VideoIndex, load_index, save_index


@dataclass(frozen=True)
class ClipFile:
    """A clip as a project has it.

    Attributes
    ----------
    file : Path
        This description.
    video : Path
        The clip itself, which stays where it is.
    boxes : tuple of Box
        What is black in every frame, in pixels of the upright frame.
    sharpness : float or None
        Of its frames usually; see :mod:`fewshot_lab.images.frame_quality`. Descriptions of before
        hold another measure.
    whole : bool
        Whether interlaced frames are made whole pictures. Those of descriptions that do not say
        it never were, and an image keeps its pixels.
    """

    file: Path
    video: Path
    boxes: tuple[Box, ...] = ()
    sharpness: float | None = None
    whole: bool = False

    def save(self) -> None:
        """Write it down."""
        text = {
            "video": str(self.video),
            "boxes": self.boxes,
            "usual_sharpness": self.sharpness,
            "whole": self.whole,
        }
        write_atomically(self.file, json.dumps(text).encode())

    @property
    def _index_file(self) -> Path:
        # Another file under the same name has frames of its own.
        status = self.video.stat()
        mark = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:8]
        return self.file.with_suffix(f".{mark}.npz")

    def index(self) -> VideoIndex | None:
        """Return the index of a video's frames, where one was kept."""
        return load_index(self._index_file)

    def keep_index(self, index: VideoIndex) -> None:
        """Keep the index of a video's frames."""
        save_index(index, self._index_file)

    def times(self) -> Sequence[float]:
        """Return when each frame is shown, in seconds from the first.

        Raises
        ------
        UnreadableImage
        """
        times: list[float] = frame_times(self.video, self.index).tolist()
        return times

    def read(self, frame: int) -> Image.Image:
        """Return a frame as 8-bit RGB, with its boxes black.

        Raises
        ------
        UnreadableImage
        """
        picture = read_clip(self.video, frame, self.index, whole=self.whole)
        return blackened(picture, self.boxes)


@while_unchanged(256)
def load_clip(file: Path) -> ClipFile:
    """Read a description of a clip.

    Raises
    ------
    UnreadableImage
        Where it is none.
    """
    try:
        text = json.loads(file.read_bytes())
        boxes = tuple(Box(*map(int, box)) for box in text["boxes"])
        whole = bool(text.get("whole", False))
        usual = text.get("usual_sharpness")
        sharpness = None if usual is None else float(usual)
        return ClipFile(file, Path(text["video"]), boxes, sharpness, whole)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableImage("The project's description of this video is damaged.") from error


def blackened(picture: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    """Return a picture whose boxes are black."""
    for left, top, width, height in boxes:
        picture.paste((0, 0, 0), (left, top, left + width, top + height))
    return picture


def clip_files(folder: Path) -> Iterator[ClipFile]:
    """Yield the clips that a folder of a project describes."""
    for file in sorted(folder.glob(f"*{CLIP_SUFFIX}")):
        try:
            yield load_clip(file)
        except UnreadableImage:
            continue


def new_clip_file(folder: Path, video: Path) -> Path:
    """Return where the description of a clip goes."""
    return folder / f"{hashlib.sha256(str(video).encode()).hexdigest()[:16]}{CLIP_SUFFIX}"
