"""What an import would bring in and what it would cost, told before it begins."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.embeddings import ImageItem, embed
from fewshot_lab.images import (
    VOLUME,
    Candidate,
    ClipSettings,
    ExaminedImage,
    SliceStep,
    Tiling,
    VolumeRules,
    examine,
    import_roots,
    is_clip,
    is_tile_grid,
    plan_clip,
    scan,
)
from fewshot_lab.progress import Progress, silent
from fewshot_lab.project.arrivals import new_files
from fewshot_lab.project.codes import Codes
from fewshot_lab.project.slides import GRIDS
from fewshot_lab.words import count, duration, plural

if TYPE_CHECKING:
    from fewshot_lab.images import ClipPlan, ManifestColumns, Volume
    from fewshot_lab.images.slides import FoundSlide
    from fewshot_lab.project.training import ProjectCore

SAMPLE = 6
"""Images that are read and embedded to see how long one takes."""


@dataclass(frozen=True)
class PreviewedVolume:
    """One volume: its first file, how many slices it has and how many are chosen.

    ``spacing`` is the usual distance between slices in mm, None where it is not known.
    """

    path: str
    slices: int
    chosen: int
    spacing: float | None
    notes: tuple[str, ...]

    def cells(self) -> list[str]:
        """Return path, slices, chosen ones, distance and notes, as a table shows them."""
        apart = "" if self.spacing is None else f"{self.spacing:.3g} mm"
        return [self.path, count(self.slices), count(self.chosen), apart, " ".join(self.notes)]


@dataclass(frozen=True)
class ImportPreview:
    """What an import would bring in.

    Attributes
    ----------
    images : int
        Images to import, those of volumes and slides among them.
    slides : int
        Whole slides, of which tiles are imported.
    known : int
        How many of them an earlier import took in, unchanged since.
    volumes : list of PreviewedVolume
    skipped, localizers : int
        Slices that the step does not take; survey images.
    refused : list of (path, reason)
    seconds : float or None
        How long reading and embedding what is new takes here, by a sample; None where no image
        could be read.
    clips : list of ClipPlan
        Videos, cine loops and animations.
    """

    images: int
    slides: int
    known: int
    volumes: list[PreviewedVolume]
    skipped: int
    localizers: int
    refused: list[tuple[str, str]]
    seconds: float | None
    clips: list[ClipPlan]

    @property
    def sentence(self) -> str:
        """What would be done, in words."""
        parts = [f"{plural(self.images, 'image')} to import"]
        if self.slides:
            parts.append(f"tiles of {plural(self.slides, 'slide')} among them")
        if self.volumes:
            slices = sum(volume.slices for volume in self.volumes)
            of = f"{plural(len(self.volumes), 'volume')} of {plural(slices, 'slice')}"
            between = f", {plural(self.skipped, 'slice')} left out between" if self.skipped else ""
            parts.append(f"{of} in all{between}")
        if self.localizers:
            parts.append(f"{plural(self.localizers, 'localizer')} left out")
        if self.known:
            parts.append(f"{plural(self.known, 'image')} known already")
        if self.refused:
            parts.append(f"{plural(len(self.refused), 'file')} that cannot be read")
        cost = "" if self.seconds is None else f" Takes about {duration(self.seconds)} here."
        return "; ".join(parts) + "." + cost


def preview_import(
    project: ProjectCore,
    source: Path | Sequence[Path],
    *,
    columns: ManifestColumns | None = None,
    slice_step: SliceStep | None = None,
    tiling: Tiling | None = None,
    clips: ClipSettings | None = None,
    progress: Progress = silent,
) -> ImportPreview:
    """Look at what an import would bring in; nothing is kept.

    Parameters
    ----------
    project : ProjectCore
    source, columns, slice_step, tiling, clips
        As for :meth:`fewshot_lab.project.Project.import_images`.
    progress : Progress

    Raises
    ------
    FewshotLabError
        Where the source is missing or unusable.
    Stopped
    """
    candidates: list[Candidate] = []
    refused: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as unpacked:
        scanned = scan(
            source,
            columns=columns,
            roots=import_roots(project.folder),
            volumes=VolumeRules(slice_step or SliceStep(), Codes(project.store).of),
            extract_to=Path(unpacked),
            tiling=tiling or Tiling(),
            grids=Path(unpacked) / GRIDS,
            clips=clips,
            progress=progress,
        )
        for item in scanned:
            if isinstance(item, Candidate):
                candidates.append(item)
            else:
                refused.append((item.path, item.reason))
        new_file = new_files(project)
        new = [each for each in candidates if new_file(each) is not None]
        plans = _clip_plans(candidates, clips or ClipSettings())
        seconds = _seconds(project, new, plans)
    chosen = Counter(str(each.meta.get(VOLUME, "")) for each in candidates)
    return ImportPreview(
        images=len(candidates),
        slides=len({each.file for each in candidates if is_tile_grid(each.file)}),
        known=len(candidates) - len(new),
        volumes=[_previewed(volume, chosen[volume.code]) for volume in scanned.volumes],
        skipped=scanned.skipped,
        localizers=scanned.localizers,
        refused=refused,
        seconds=seconds,
        clips=plans,
    )


def _clip_plans(candidates: Sequence[Candidate], settings: ClipSettings) -> list[ClipPlan]:
    files = {each.file: each.path.rpartition("#")[0] for each in candidates if "#" in each.path}
    return [plan_clip(path, file, settings) for file, path in files.items() if is_clip(file)]


def _seconds(
    project: ProjectCore, new: Sequence[Candidate], plans: Sequence[ClipPlan]
) -> float | None:
    """Return how long what is new takes: clips by their facts, all else by a sample."""
    of_clips = {plan.file for plan in plans}
    others = [each for each in new if each.file not in of_clips]
    each = _seconds_each(project, others)
    seconds = None if each is None else each * len(others)
    frames = {candidate.file for candidate in new}
    if moving := [plan for plan in plans if plan.taken and plan.file in frames]:
        one = seconds_to_embed(project)
        seconds = seconds or 0.0
        seconds += sum(plan.seconds + plan.seconds_to_embed(one) for plan in moving)
    return seconds


def seconds_per_tile(project: ProjectCore, slide: FoundSlide, tiling: Tiling) -> float | None:
    """Return how long reading and embedding a tile of a slide takes here, by a sample.

    Returns
    -------
    float or None
        None where the tiling takes no tile of the slide.

    Raises
    ------
    UnreadableImage
    """
    from fewshot_lab.images.slides import tile_candidates

    with tempfile.TemporaryDirectory() as folder:
        _, tiles = tile_candidates(slide.name, slide.file, tiling, Path(folder))
        return _seconds_each(project, list(tiles))


def seconds_to_embed(project: ProjectCore) -> float:
    """Return how long the backbone takes for a picture here, measured on a few of noise."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        items = []
        for number in range(SAMPLE):
            file = Path(folder) / f"{number}.png"
            Image.effect_noise((256, 256), 64).convert("RGB").save(file)
            items.append(ImageItem(str(number), file, 0))
        return _embedding_seconds(project, items)


def _embedding_seconds(project: ProjectCore, items: Sequence[ImageItem]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        report = embed(list(items), project.backbone, Path(folder))
    return 1 / report.images_per_second if report.done and report.images_per_second else 0.0


def _previewed(volume: Volume, chosen: int) -> PreviewedVolume:
    places = [each.mm for each in volume.slices if each.mm is not None]
    steps = sorted(b - a for a, b in pairwise(places))
    spacing = steps[len(steps) // 2] if steps else None
    return PreviewedVolume(volume.path, len(volume.slices), chosen, spacing, volume.notes)


def _seconds_each(project: ProjectCore, candidates: Sequence[Candidate]) -> float | None:
    sample = candidates[:: max(1, len(candidates) // SAMPLE)][:SAMPLE]
    began = time.monotonic()
    read = [item for item in examine(sample) if isinstance(item, ExaminedImage)]
    if not read:
        return None
    each = (time.monotonic() - began) / len(read)
    items = {i.id: ImageItem(i.id, i.candidate.file, i.candidate.frame) for i in read}
    return each + _embedding_seconds(project, list(items.values()))
