"""From a clip to the frames of it that may be imported."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fewshot_lab.images.boxes import Box
from fewshot_lab.images.candidates import Candidate
from fewshot_lab.images.clip_file import ClipFile, blackened, clip_files, new_clip_file
from fewshot_lab.images.clips import clip_facts, frame_times, sampled_frames
from fewshot_lab.images.dicom_video import is_video
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.frame_choice import ClipSettings
from fewshot_lab.images.frame_quality import usual_sharpness
from fewshot_lab.images.overlays import burnt_in, place_of
from fewshot_lab.images.video_index import NO_FRAME
from fewshot_lab.images.video_reader import reader_of
from fewshot_lab.progress import Progress

TIME = "time (s)"
"""The column that says when a frame is shown."""
LOOKING = "looking through videos"
INTERLACED = (
    "The video is interlaced: even and odd lines were taken one after the other. Each frame is "
    "made a whole picture (deinterlaced by bwdif)."
)


class ClipScan:
    """Finds the frames to take of each clip, and describes the clip for the project."""

    def __init__(
        self,
        settings: ClipSettings,
        folder: Path | None,
        notes: list[tuple[str, str]],
        progress: Progress,
    ) -> None:
        self.notes = notes
        self._settings = settings
        self._folder = folder
        self._progress = progress
        self._described_clips = {clip.video: clip for clip in clip_files(folder)} if folder else {}

    def frames(self, whole: Candidate, only: int | None = None) -> list[Candidate]:
        """Return the chosen frames of a clip, or the one with a number.

        Parameters
        ----------
        whole : Candidate
            The clip, with the reference, the group and the metadata that all frames share.
        only : int, optional
            Who names a frame takes it, poor or not.

        Raises
        ------
        UnreadableImage
        """
        path, file = whole.path, whole.file
        clip = self._described(path, file) if self._folder is not None else None
        if is_video(file):
            kept = clip.index if clip else lambda: None
            index = reader_of(file, kept, self._tell).index
            if clip and kept() is None:
                clip.keep_index(index)
            if index.cut_short:
                self.notes.append((path, "The video is cut short: only its beginning is there."))
        times = frame_times(file)
        if only is None:
            numbers = self._settings.choose(file, times, self._tell).tolist()
        elif only < len(times):
            numbers = [only]
        else:
            raise UnreadableImage("There is no such frame in this video.")
        if clip is not None:
            keep = self._settings.keep_poor or only is not None
            usual = None if keep else clip.sharpness
            whole = replace(whole, file=clip.file, usual_sharpness=usual)
        return [
            replace(
                whole,
                path=f"{path}#{frame}",
                frame=frame,
                meta={**whole.meta, TIME: round(float(times[frame]), 3)},
            )
            for frame in numbers
        ]

    def _tell(self, at: float, length: float) -> None:
        self._progress(LOOKING, int(at), max(int(at), int(length)) or None)

    def _described(self, path: str, file: Path) -> ClipFile:
        """Return the project's description of a clip, made where there is none.

        Raises
        ------
        UnreadableImage
        """
        assert self._folder is not None
        asked = self._settings.boxes_of(path)
        described = self._described_clips.get(file)
        if described is not None and not asked and described.sharpness is not None:
            return described
        frames = list(sampled_frames(file))
        if not frames:
            raise UnreadableImage(NO_FRAME)
        width, height = frames[0].size
        boxes = tuple(_within(box, width, height) for box in asked)
        if described is not None and (not asked or described.boxes == boxes):
            if described.sharpness is None:
                usual = usual_sharpness(blackened(frame, described.boxes) for frame in frames)
                described = self._described_clips[file] = replace(described, sharpness=usual)
                described.save()
            return described
        if described is not None:
            raise UnreadableImage(
                "This video is in the project already, with other boxes; what was imported keeps "
                "those. For others make a new project."
            )
        frames = [blackened(frame, boxes) for frame in frames]
        if sentence := names_sentence(burnt_in(frames), width, height):
            later = "To blacken them, import the video into a new project, with a box over them."
            self.notes.append((path, f"{sentence} {later}"))
        if clip_facts(file).interlaced:
            self.notes.append((path, INTERLACED))
        clip = ClipFile(
            new_clip_file(self._folder, file), file, boxes, usual_sharpness(frames), whole=True
        )
        clip.save()
        self._described_clips[file] = clip
        return clip


def _within(box: Box, width: int, height: int) -> Box:
    """Cut a box off at the frame's edges.

    Raises
    ------
    UnreadableImage
        Where it lies outside: what it was to hide would be seen.
    """
    if box.x >= width or box.y >= height:
        raise UnreadableImage(
            f"The box {','.join(map(str, box))} lies outside the frames, which are {width} × "
            f"{height} px; nothing of the video was imported."
        )
    return Box(box.x, box.y, min(box.width, width - box.x), min(box.height, height - box.y))


def names_sentence(marks: Sequence[Box], width: int, height: int) -> str:
    """Say where text is burnt in; nothing where none was found."""
    if not marks:
        return ""
    places = list(dict.fromkeys(place_of(box, width, height) for box in marks))
    return (
        f"Text or marks that never change stand at the {', '.join(places)}; they may name the "
        "patient."
    )
