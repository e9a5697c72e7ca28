"""Studies out of a PACS into a project: chosen slices, and of them pixels alone.

An instance is never on the disk with its header: what is written holds the pixels and what shows
them. Images are named by codes of their uids, so that a fetch that was stopped goes on, and a
report finds its way back, without any uid being stored.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import (
    SERIES,
    TIME,
    Candidate,
    ClipSettings,
    Refused,
    Scan,
    Slice,
    SliceHeader,
    SliceStep,
    Volume,
    cine_times,
    header_of,
    pixels_of,
    slice_columns,
    stacked,
)
from fewshot_lab.pacs.connection import Pacs, PacsError
from fewshot_lab.pacs.searching import FoundSeries, series_of
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project import Codes, import_candidates
from fewshot_lab.words import plural

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from fewshot_lab.project import ImportReport, ProjectCore

FOLDER = "fetched"
INSTANCE = "SOPInstanceUID"
FETCHING = "fetching"
"""The stage in which instances come."""


@dataclass(frozen=True)
class FetchReport:
    """What a fetch brought.

    Attributes
    ----------
    imported : ImportReport or None
        None where nothing new was there.
    series, without_pictures : int
        Series that were looked at, and those that hold no pictures (reports, segmentations).
    already : int
        Images that an earlier fetch brought.
    """

    imported: ImportReport | None
    series: int
    without_pictures: int
    already: int

    @property
    def sentence(self) -> str:
        """What was done, in words."""
        parts = [f"{plural(self.series, 'series', 'series')} looked at"]
        if self.without_pictures:
            parts.append(f"{self.without_pictures:,} without pictures left out")
        if self.already:
            parts.append(f"{plural(self.already, 'image')} fetched before")
        done = f" {self.imported.sentence}" if self.imported else ""
        return ", ".join(parts) + "." + done


def fetch_study(
    project: ProjectCore,
    pacs: Pacs,
    study: str,
    *,
    modality: str = "",
    slice_step: SliceStep | None = None,
    group_field: str | None = None,
    progress: Progress = silent,
) -> FetchReport:
    """Bring the images of a study into a project; again with the same study, only what is new.

    Headers are read first, a series at a time: only chosen slices are fetched, one at a time.

    Parameters
    ----------
    project : ProjectCore
    pacs : Pacs
    study : str
        Its StudyInstanceUID.
    modality : str
        Fetch series of this modality alone.
    slice_step : SliceStep, optional
    group_field : str, optional
        As for an import from files.
    progress : Progress
        Stages "counting", "fetching" and "reading".

    Raises
    ------
    PacsError
        Where the PACS is away or refuses; what came until then stays.
    FewshotLabError
        Where the study holds no picture.
    Stopped
    """
    series = [s for s in series_of(pacs, study, progress) if modality in ("", s.modality)]
    with_pictures = [each for each in series if each.has_pictures]
    if not with_pictures:
        raise FewshotLabError(f"{pacs.name} has no pictures by this uid and modality.")
    fetch = _Fetch(project, pacs, study, slice_step or SliceStep(), group_field, progress)
    fetch.total = sum(each.images for each in with_pictures)
    fetch._items = fetch.candidates(with_pictures)
    shutil.rmtree(fetch.folder, ignore_errors=True)
    try:
        imported = import_candidates(
            project,
            fetch,
            copy=True,
            source=f"a study of {pacs.name}",
            group=group_field or SERIES,
            progress=lambda stage, done, total: progress(FETCHING, done, total),
        )
    except FewshotLabError:
        if not fetch.already or fetch.failure:
            raise
        imported = None
    finally:
        shutil.rmtree(fetch.folder, ignore_errors=True)
    left_out = len(series) - len(with_pictures)
    return FetchReport(imported, len(with_pictures), left_out, fetch.already)


class _Fetch(Scan):
    """Candidates that are fetched when they are asked for."""

    def __init__(
        self,
        project: ProjectCore,
        pacs: Pacs,
        study: str,
        step: SliceStep,
        group_field: str | None,
        progress: Progress,
    ) -> None:
        super().__init__()
        self.pacs = pacs
        self.study = study
        self.step = step
        self.group_field = group_field
        self.progress = progress
        self.code = Codes(project.store).of
        self.folder = project.folder / FOLDER
        self.known_frames = project.store.known_sources()
        self.already = self.fetched = 0
        self.failure = False

    def candidates(self, series: Sequence[FoundSeries]) -> Iterator[Candidate | Refused]:
        for each in series:
            headers = self._request(lambda each=each: self.pacs.headers(self.study, each.uid))
            yield from self._of_series(each.uid, headers)

    def _of_series(self, uid: str, headers: Sequence[Dataset]) -> Iterator[Candidate | Refused]:
        slices: list[tuple[Dataset, SliceHeader]] = []
        for header in headers:
            if not isinstance(header.get("Rows"), int) or not header.get(INSTANCE):
                self.total -= 1  # no picture
                continue
            frames = int(header.get("NumberOfFrames") or 1)
            placed = header_of(header, frames, self.group_field)
            if placed.localizer:
                self.localizers += 1
                self.total -= 1
            elif placed.is_slice and len(headers) > 1:
                slices.append((header, placed))
            else:
                yield from self._frames(uid, header, placed, frames)
        series = self.code(SERIES, uid)
        for stack in stacked(slices):
            code = series if stack.number == 0 else f"{series}-{stack.number + 1}"
            places = stack.positions
            files = [self._file(uid, str(header.SOPInstanceUID)) for header in stack.members]
            listed = tuple(Slice(file, 0, mm) for file, mm in zip(files, places, strict=True))
            self.volumes.append(Volume(code, f"{code}/0001", listed, stack.notes))
            chosen = self.step.choose(places)
            self.skipped += len(places) - len(chosen)
            self.total -= len(places) - len(chosen)
            for k in chosen:
                meta = slice_columns(code, k, places[k])
                name = f"{code}/{k + 1:04d}"
                group = self._group(stack.headers[k]) or series
                yield from self._one(stack.members[k], uid, name, files[k], {0: meta}, group)

    def _frames(
        self, uid: str, header: Dataset, placed: SliceHeader, frames: int
    ) -> Iterator[Candidate | Refused]:
        instance = str(header.SOPInstanceUID)
        name = f"{self.code(SERIES, uid)}/{self.code(INSTANCE, instance)}"
        group = self._group(placed) or self.code(SERIES, uid)
        times = cine_times(header)
        file = self._file(uid, instance)
        if times is None:
            chosen: dict[int, dict[str, str | float]] = {frame: {} for frame in range(frames)}
        else:  # of a cine loop as many as of a video
            numbers = ClipSettings().choose(file, times).tolist()
            chosen = {frame: {TIME: round(float(times[frame]), 3)} for frame in numbers}
        self.total += len(chosen) - 1
        yield from self._one(header, uid, name, file, chosen, group)

    def _one(
        self,
        header: Dataset,
        uid: str,
        name: str,
        file: Path,
        frames: dict[int, dict[str, str | float]],
        group: str,
    ) -> Iterator[Candidate | Refused]:
        """Fetch one instance, unless all frames that are wanted of it are here already."""
        if all((str(file), frame) in self.known_frames for frame in frames):
            self.already += len(frames)
            self.total -= len(frames)
            return
        instance = str(header.SOPInstanceUID)
        self.progress(FETCHING, self.fetched, self.total)
        self.fetched += len(frames)
        try:
            data = pixels_of(
                self._request(lambda: self.pacs.instance(self.study, uid, instance), alone=True)
            )
        except (PacsError, ValueError) as error:
            self.total -= len(frames) - 1
            yield Refused(name, str(error))
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(data)
        several = int(header.get("NumberOfFrames") or 1) > 1
        for frame, meta in frames.items():
            path = f"{name}#{frame}" if several else name
            yield Candidate(path, file, frame, group=group, meta=meta)

    def _request(self, call: Any, *, alone: bool = False) -> Any:
        """Ask the PACS; one instance that it cannot give does not end the fetch."""
        try:
            return call()
        except PacsError as error:
            if not alone or error.status is None or error.status in (401, 403):
                self.failure = True
                raise PacsError(
                    f"{error} What was fetched is kept; fetch again to continue."
                ) from None
            raise

    def _group(self, header: SliceHeader) -> str | None:
        if not self.group_field or not header.group:
            return None
        return self.code(self.group_field, header.group)

    def _file(self, series: str, instance: str) -> Path:
        return self.folder / self.code(SERIES, series) / f"{self.code(INSTANCE, instance)}.dcm"
