"""From a file to the pictures in it: frames, slices, pages."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from fewshot_lab.images.candidates import Candidate, Refused, Scan
from fewshot_lab.images.clip_scan import ClipScan
from fewshot_lab.images.clips import is_clip
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.import_roots import ImportRoots
from fewshot_lab.images.manifest import ManifestRow

_Item = Candidate | Refused


class FrameLister:
    """Lists the pictures of files, one file at a time."""

    def __init__(
        self, scan: Scan, clips: ClipScan, roots: ImportRoots, group_field: str | None
    ) -> None:
        self._scan = scan
        self._clips = clips
        self._roots = roots
        self._group_field = group_field

    def named_by(self, row: ManifestRow) -> Iterator[_Item]:
        """Yield the picture that a manifest means, or all of the file that it names."""
        yield from self.frames(
            row.path, row.file, row.reference, row.group, row.meta, only=row.frame
        )

    def frames(
        self,
        path: str,
        file: Path,
        reference: str | None = None,
        group: str | None = None,
        meta: dict[str, str | float] | None = None,
        *,
        only: int | None = None,
    ) -> Iterator[_Item]:
        """Yield one candidate per picture of a file, or the one with a number."""
        if not self._roots.allow(file):
            yield Refused(path, "The file lies outside the folders that images may come from.")
            return
        file_as_whole = Candidate(path, file, 0, reference, group, meta or {})
        try:
            found = self._found(file_as_whole, only)
        except UnreadableImage as error:
            yield Refused(path, str(error))
            return
        except OSError:
            found = [file_as_whole]  # reading it says why
        self._scan.total += len(found) - 1
        yield from found

    def _found(self, whole: Candidate, only: int | None) -> Sequence[Candidate]:
        """Return the pictures of a file.

        Raises
        ------
        UnreadableImage, OSError
        """
        path, file, group = whole.path, whole.file, whole.group
        kind, frames = kind_of(file), 1
        if kind == "clip":
            raise UnreadableImage("This is not an image, but a project's description of a video.")
        if kind == "dicom":
            from fewshot_lab.images.dicom import frames_and_group

            frames, own = frames_and_group(file, self._group_field)
            group = group or own
        if is_clip(file):
            # All frames of a clip are of one patient.
            return self._clips.frames(replace(whole, group=group or path), only)
        if only is not None:
            return [replace(whole, path=f"{path}#{only}", frame=only)]
        if kind == "nifti":
            from fewshot_lab.images.nifti import count_slices

            frames = count_slices(file)
            group = group or path  # the slices of one volume are of one person
        elif kind == "tiff":
            from fewshot_lab.images.tiff import count_tiff_pictures

            frames = count_tiff_pictures(file)
        whole = replace(whole, group=group)
        if frames == 1:
            return [whole]
        return [replace(whole, path=f"{path}#{frame}", frame=frame) for frame in range(frames)]
