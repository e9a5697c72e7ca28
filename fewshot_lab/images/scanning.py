"""From what the user points at to the pictures in it."""

import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded
from fewshot_lab.images.archive import ArchiveListing, list_archive, unpack
from fewshot_lab.images.candidates import Candidate, ListedFile, Refused, Scan
from fewshot_lab.images.clip_scan import ClipScan
from fewshot_lab.images.dicom import GROUP_FIELDS
from fewshot_lab.images.dicomdir import is_dicomdir
from fewshot_lab.images.file_pictures import FilePictures
from fewshot_lab.images.folder import Listing, folder_labels, list_file, list_folder, shown
from fewshot_lab.images.frame_choice import ClipSettings
from fewshot_lab.images.import_roots import ImportRoots
from fewshot_lab.images.manifest import ManifestColumns, guess_columns, list_manifest
from fewshot_lab.images.medmnist import MedMnist
from fewshot_lab.images.slides import Tiling
from fewshot_lab.images.volumes import VolumeRules
from fewshot_lab.progress import Progress, silent

_Item = Candidate | Refused


def scan(
    source: Path | str | Sequence[Path | str],
    *,
    reference_labels: str | None = None,
    columns: ManifestColumns | None = None,
    extract_to: Path | None = None,
    group_field: str | None = None,
    roots: ImportRoots | None = None,
    volumes: VolumeRules | None = None,
    tiling: Tiling | None = None,
    grids: Path | None = None,
    clips: ClipSettings | None = None,
    clip_folder: Path | None = None,
    progress: Progress = silent,
) -> Scan:
    """Find the pictures in a source, without decoding them.

    Parameters
    ----------
    source : Path or sequence of Path
        A folder (recursive), a ZIP, a CSV manifest, a MedMNIST ``.npz``, an image file, or a list
        of any of these.
    reference_labels : "folders" or None
        Take the names of folders as labels that came with the data (:func:`folder_labels`).
    columns : ManifestColumns, optional
        What the columns of a CSV mean; guessed where not given.
    extract_to : Path, optional
        Where the pictures of a ZIP or ``.npz`` are written, each source in a folder of its own.
        Those that are there already are kept.
    group_field : "PatientID", "StudyInstanceUID" or "SeriesInstanceUID", optional
        The field of DICOM headers to take as group.
    roots : ImportRoots, optional
        What lies outside of them is refused, also where a link or a row of a manifest leads there.
    volumes : VolumeRules, optional
        Put slices of DICOM series and NIfTI into order, with their places in ``meta`` and the
        series as their group where no other is asked for, and leave localizers out. Without, each
        file is a picture by itself.
    tiling : Tiling, optional
        How whole slides are cut into tiles, each a candidate; refused without it.
    grids : Path, optional
        With `tiling`: the folder for the files that say how each slide is cut.
    clips : ClipSettings, optional
        Which frames of videos, cine loops and animations are taken.
    clip_folder : Path, optional
        Where clips are described: their frames are read by these descriptions, boxes and all.
    progress : Progress
        Told of the listing of folders, stage "listing", and of headers read, stage "headers",
        and of videos looked through.

    Returns
    -------
    Scan
        An iterator of :class:`Candidate` and :class:`Refused`.

    Raises
    ------
    FewshotLabError
        Where the source itself is missing or unusable; single bad files are yielded as refused.
    """
    if reference_labels not in (None, "folders"):
        raise FewshotLabError(f"Reference labels come from 'folders', not {reference_labels!r}.")
    if group_field is not None and group_field not in GROUP_FIELDS:
        fields = f"{', '.join(GROUP_FIELDS[:-1])} or {GROUP_FIELDS[-1]}"
        raise FewshotLabError(f"{group_field!r} cannot be the group; choose {fields}.")
    pictures = Scan()
    given = [source] if isinstance(source, str | Path) else source
    sources = [_absolute(Path(path)) for path in given]
    roots = roots or ImportRoots()
    for path in sources:
        roots.check(path)
        if not path.exists():
            raise FewshotLabError(f"There is nothing at {path}; check the path.")
    slides = (tiling, grids) if tiling is not None and grids is not None else None
    clip_scan = ClipScan(clips or ClipSettings(), clip_folder, pictures.notes, progress)
    split = FilePictures(pictures, group_field, roots, volumes, slides, clip_scan, progress)
    by_folder = reference_labels == "folders"
    opener = _Opener(pictures, split, columns, extract_to, progress, by_folder=by_folder)
    pictures._items = opener.open(*sources) if len(sources) == 1 else opener.open_all(sources)
    return pictures


@dataclass
class _Opener:
    """Opens sources: checks them and counts at once, splits files into frames when iterated."""

    scan: Scan
    pictures: FilePictures
    columns: ManifestColumns | None
    extract_to: Path | None
    progress: Progress
    by_folder: bool

    def open(self, source: Path) -> Iterator[_Item]:
        if is_dicomdir(source):
            source = source.parent
        if source.is_dir():
            return self._listed(list_folder(source, self._report))
        suffix = source.suffix.lower()
        if suffix == ".zip":
            return self._archive(source)
        if suffix == ".npz":
            data = MedMnist(source)
            self.scan.total += data.total
            return data.pictures(self._folder_for(source))
        if suffix in (".csv", ".tsv"):
            return self._manifest(source)
        listing = Listing()
        list_file(listing, shown(source.name), source, named=True)
        return self._listed(listing)

    def open_all(self, sources: list[Path]) -> Iterator[_Item]:
        """Open several sources: files together, with paths from their common folder."""
        apart = [s for s in sources if _is_container(s)]
        files = sorted({s for s in sources if not _is_container(s)})
        parts: list[Iterator[_Item]] = []
        if files:
            top = os.path.commonpath([str(file.parent) for file in files])
            listing = Listing()
            for file in files:
                path = shown(os.path.relpath(file, top))
                list_file(listing, path, file, named=True)
            parts.append(self._listed(listing))
        for source in apart:
            if source.is_dir():
                listing = list_folder(source, self._report)
                name = shown(source.name)
                listing.files = [(f"{name}/{path}", file) for path, file in listing.files]
                listing.refused = [Refused(f"{name}/{r.path}", r.reason) for r in listing.refused]
                parts.append(self._listed(listing))
            else:
                parts.append(self.open(source))
        return chain.from_iterable(parts)

    def _report(self, number: int) -> None:
        self.progress("listing", number, None)

    def _listed(self, listing: Listing) -> Iterator[_Item]:
        return self._items(listing, [path for path, _ in listing.files], listing.files)

    def _items(
        self,
        listing: Listing | ArchiveListing,
        paths: list[str],
        files: Iterable[tuple[str, Path] | Refused],
    ) -> Iterator[_Item]:
        self.scan.total += len(paths) + len(listing.refused)
        self.scan.ignored += listing.ignored
        labels = folder_labels(paths) if self.by_folder else {}
        listed = (
            item if isinstance(item, Refused) else ListedFile(*item, labels.get(item[0]))
            for item in files
        )
        return chain(listing.refused, self.pictures.of(listed))

    def _archive(self, source: Path) -> Iterator[_Item]:
        folder = self._folder_for(source)
        try:
            archive = zipfile.ZipFile(source)
        except OSError as error:
            raise FewshotLabError(f"{source.name} cannot be read: {error.strerror}.") from None
        except Exception:
            raise FewshotLabError(f"{source.name} is damaged or not a ZIP.") from None
        try:
            listing = list_archive(archive, source.stat().st_size)
        except BaseException:
            archive.close()
            raise

        def files() -> Iterator[tuple[str, Path] | Refused]:
            with archive:
                yield from unpack(archive, listing, folder)

        return self._items(listing, [path for path, _ in listing.entries], files())

    def _manifest(self, source: Path) -> Iterator[_Item]:
        columns = self.columns or guess_columns(source)
        rows = list(list_manifest(source, columns))
        self.scan.total += len(rows)

        return self.pictures.of(rows)

    def _folder_for(self, source: Path) -> Path:
        if self.extract_to is None:
            raise FewshotLabError(f"There is no folder given to unpack {source.name} into.")
        return _absolute(Path(self.extract_to)) / source.name


def _is_container(source: Path) -> bool:
    return source.is_dir() or source.suffix.lower() in (".zip", ".npz", ".csv", ".tsv")


def _absolute(path: Path) -> Path:
    """Make a path absolute and take ".." out; links stay as the user named them."""
    return Path(os.path.normpath(expanded(path).absolute()))
