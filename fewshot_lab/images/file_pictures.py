"""From files to the pictures in them: frames, pages, tiles of slides, slices of volumes."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fewshot_lab.images.candidates import Candidate, ListedFile, Refused, Scan
from fewshot_lab.images.clip_scan import ClipScan
from fewshot_lab.images.clips import is_clip
from fewshot_lab.images.dicom import frames_and_group
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import is_clip_file, is_tile_grid, kind_of
from fewshot_lab.images.import_roots import ImportRoots
from fewshot_lab.images.slides import Tiling, is_slide, slide_series, tile_candidates
from fewshot_lab.images.volume_scan import with_volumes
from fewshot_lab.images.volumes import VolumeRules
from fewshot_lab.progress import Progress

_Item = Candidate | Refused
WHOLE_SLIDE = "This is a whole slide: import it as tiles; a classifier made of tiles predicts it."


@dataclass
class FilePictures:
    """Splits files into pictures when it is asked for them; the scan is told how many."""

    scan: Scan
    group_field: str | None
    roots: ImportRoots
    volumes: VolumeRules | None
    slides: tuple[Tiling, Path] | None
    clips: ClipScan
    progress: Progress
    series: set[str] = field(default_factory=set)
    """Slides in DICOM that were met: each has a file for every level."""

    def of(self, files: Iterable[ListedFile | Refused]) -> Iterator[_Item]:
        """Yield one candidate per picture, slices of volumes in their order where rules are."""
        if self.volumes is None:
            for file in files:
                yield from (file,) if isinstance(file, Refused) else self._single(file)
            return
        yield from with_volumes(
            files,
            self.volumes,
            self.scan,
            group_field=self.group_field,
            single=self._single,
            allow=self.roots.allow,
            progress=self.progress,
        )

    def _single(self, listed: ListedFile) -> Iterator[_Item]:
        """Yield the pictures of one file, or why there are none."""
        try:
            yield from self._pictures(listed)
        except UnreadableImage as error:
            yield Refused(listed.path, str(error))

    def _pictures(self, listed: ListedFile) -> Iterator[_Item]:
        """Yield one candidate per frame of a file, or per tile of a slide."""
        path, file, group = listed.path, listed.file, listed.group
        if not self.roots.allow(file):
            raise UnreadableImage("The file lies outside the folders that images may come from.")
        if is_tile_grid(file):  # it may name any file
            raise UnreadableImage("This says how a slide is cut; import the slide itself.")
        if is_clip_file(file):
            raise UnreadableImage("This describes a video; import the video itself.")
        with suppress(OSError):  # reading it says why
            if is_clip(file):
                yield from self._clip(listed)
                return
        if listed.frame is not None:
            name = f"{path}#{listed.frame}"
            yield Candidate(name, file, listed.frame, listed.reference, group, listed.meta)
            return
        if is_slide(file):
            yield from self._tiles(listed)
            return
        frames = 1
        with suppress(OSError):  # reading it says why
            kind = kind_of(file)
            if kind == "dicom":
                frames, own = frames_and_group(file, self.group_field)
                group = group or self._coded(own)
            elif kind == "nifti":
                from fewshot_lab.images.nifti import count_slices

                frames = count_slices(file)
                group = group or path  # the slices of one volume are of one person
            elif kind == "tiff":
                from fewshot_lab.images.tiff import count_tiff_pictures

                frames = count_tiff_pictures(file)
        self.scan.total += frames - 1
        for frame in range(frames):
            name = path if frames == 1 else f"{path}#{frame}"
            yield Candidate(name, file, frame, listed.reference, group, listed.meta)

    def _coded(self, value: str | None) -> str | None:
        """Return what stands for a patient's or study's id."""
        if value is None or self.group_field is None or self.volumes is None:
            return value
        return self.volumes.code(self.group_field, value)

    def _clip(self, listed: ListedFile) -> Iterator[_Item]:
        """Yield one candidate per chosen frame of a clip; all are of one patient.

        Raises
        ------
        UnreadableImage
        """
        path, file, group = listed.path, listed.file, listed.group
        if group is None and self.group_field is not None and kind_of(file) == "dicom":
            group = self._coded(frames_and_group(file, self.group_field)[1])
        whole = Candidate(path, file, 0, listed.reference, group or path, listed.meta)
        chosen = self.clips.frames(whole, listed.frame)
        self.scan.total += len(chosen) - 1
        yield from chosen

    def _tiles(self, listed: ListedFile) -> Iterator[_Item]:
        """Yield one candidate per tile of a slide."""
        path, file = listed.path, listed.file
        series = slide_series(file)
        if series in self.series:
            self.scan.total -= 1
            return
        if series is not None:
            self.series.add(series)
        if self.slides is None:
            raise UnreadableImage(WHOLE_SLIDE)
        group = listed.group or self._patient(file, series)
        count, tiles = tile_candidates(
            path, file, *self.slides, reference=listed.reference, group=group, meta=listed.meta
        )
        if not count:
            raise UnreadableImage("No tissue was found on this slide: lower what counts as tissue.")
        self.scan.total += count - 1
        yield from tiles

    def _patient(self, file: Path, series: str | None) -> str | None:
        if series is None or self.group_field is None:
            return None
        return self._coded(frames_and_group(file, self.group_field)[1])
