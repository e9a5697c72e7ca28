"""Volumes among the files of a scan: DICOM series in the order of their slices, and NIfTI."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from fewshot_lab.images.candidates import Candidate, ListedFile, Refused, Scan
from fewshot_lab.images.dicom_slices import SliceHeader, slice_header
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.file_types import kind_of
from fewshot_lab.images.nifti import slice_positions
from fewshot_lab.images.volumes import PATIENT, SERIES, STUDY, Slice, Volume, VolumeRules, stacked
from fewshot_lab.progress import Progress

HEADERS = "headers"
"""The stage in which the headers of DICOM files are read."""
VOLUME, SLICE, POSITION = "volume", "slice", "position (mm)"
"""Columns that an imported slice has."""
PREFIXES = {
    PATIENT: "patient",
    STUDY: "study",
    SERIES: "series",
    "NIfTI": "volume",
    "SOPInstanceUID": "instance",
}
"""What a code begins with, by what it stands for."""


def with_volumes(
    files: Iterable[ListedFile | Refused],
    rules: VolumeRules,
    scan: Scan,
    *,
    group_field: str | None,
    single: Callable[[ListedFile], Iterator[Candidate | Refused]],
    allow: Callable[[Path], bool],
    progress: Progress,
) -> Iterator[Candidate | Refused]:
    """Yield what is no volume as it comes, then volumes slice by slice.

    Localizers are left out and counted, as are slices that the step does not take.

    Parameters
    ----------
    files : iterable of ListedFile or Refused
        What is refused is passed on.
    rules : VolumeRules
    scan : Scan
        Is told of every volume, and of what is left out.
    group_field : str, optional
        The DICOM field that is the group, where no group came with a file; else the series is.
    single : callable
        Makes candidates of a file that is no slice of a volume.
    allow : callable
        Says whether a file may be read.
    progress : Progress
        Told of the headers read, stage "headers".
    """
    held: list[tuple[ListedFile, SliceHeader]] = []
    for number, listed in enumerate(files, 1):
        if isinstance(listed, Refused):
            yield listed
            continue
        try:
            whole = listed.frame is None and allow(listed.file)
            kind = kind_of(listed.file) if whole else ""
            if kind == "nifti":
                yield from _nifti(listed, rules, scan)
                continue
            header = None
            if kind == "dicom":
                header = slice_header(listed.file, group_field)
                progress(HEADERS, number, scan.total)
        except (UnreadableImage, OSError):
            header = None  # reading it says why
        if header is None or not (header.is_slice or header.localizer):
            yield from single(listed)
        elif header.localizer:
            scan.localizers += 1
            scan.total -= 1
        else:
            held.append((listed, header))
    yield from _series(held, rules, scan, group_field, single)


def _series(
    held: list[tuple[ListedFile, SliceHeader]],
    rules: VolumeRules,
    scan: Scan,
    group_field: str | None,
    single: Callable[[ListedFile], Iterator[Candidate | Refused]],
) -> Iterator[Candidate | Refused]:
    sizes = Counter(header.series for _, header in held)
    for listed, header in held:
        if sizes[header.series] == 1:  # one image is no volume
            yield from single(listed)
    for stack in stacked(item for item in held if sizes[item[1].series] > 1):
        series = rules.code(SERIES, stack.series)
        code = series if stack.number == 0 else f"{series}-{stack.number + 1}"
        places = stack.positions
        slices = tuple(
            Slice(listed.file, 0, mm) for listed, mm in zip(stack.members, places, strict=True)
        )
        scan.volumes.append(Volume(code, stack.members[0].path, slices, stack.notes))
        chosen = rules.step.choose(places)
        scan.skipped += len(places) - len(chosen)
        scan.total -= len(places) - len(chosen)
        for k in chosen:
            listed, header = stack.members[k], stack.headers[k]
            group = rules.code(group_field, header.group) if group_field and header.group else None
            yield Candidate(
                listed.path,
                listed.file,
                0,
                listed.reference,
                listed.group or group or series,
                listed.meta | slice_columns(code, k, places[k]),
            )


def _nifti(listed: ListedFile, rules: VolumeRules, scan: Scan) -> Iterator[Candidate]:
    volumes = slice_positions(listed.file)
    total = sum(map(len, volumes))
    scan.total += total - 1
    first = 0
    for number, places in enumerate(volumes):
        code = rules.code("NIfTI", listed.path) + (f"-{number + 1}" if number else "")
        slices = tuple(Slice(listed.file, first + k, mm) for k, mm in enumerate(places))
        if len(places) > 1:
            scan.volumes.append(Volume(code, listed.path, slices))
        chosen = rules.step.choose(places)
        scan.skipped += len(places) - len(chosen)
        scan.total -= len(places) - len(chosen)
        for k in chosen:
            frame = first + k
            yield Candidate(
                listed.path if total == 1 else f"{listed.path}#{frame}",
                listed.file,
                frame,
                listed.reference,
                listed.group or listed.path,  # the slices of one volume are of one person
                listed.meta | (slice_columns(code, k, places[k]) if len(places) > 1 else {}),
            )
        first += len(places)


def slice_columns(code: str, k: int, mm: float | None) -> dict[str, str | float]:
    """Return the columns of a slice: its volume, its number from 1, its position in mm."""
    place: dict[str, str | float] = {VOLUME: code, SLICE: k + 1}
    return place if mm is None else place | {POSITION: round(mm, 2)}
