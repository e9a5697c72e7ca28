"""Running a backbone over images, so that it can be killed at any moment and go on later."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fewshot_lab.backbones import Backbone
from fewshot_lab.embeddings.claims import Claims
from fewshot_lab.embeddings.decoding import ImageItem
from fewshot_lab.embeddings.device import choose_device, part_of_run, precision
from fewshot_lab.embeddings.forward_pass import Forward
from fewshot_lab.embeddings.pipelines import Batch, lanes, pipeline
from fewshot_lab.embeddings.shards import read_header, shard_files, write_shard
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import write_atomically
from fewshot_lab.progress import Progress, silent

CHUNK = 512
"""Images that are taken at once by one of several processes."""

CPU_BATCH, GPU_BATCH = 16, 256
CPU_SHARD, GPU_SHARD = 512, 1024
"""Images per shard file: what a killed process loses at most."""

PATIENCE = 30.0
"""Seconds after which what is finished is written even if the shard is not full."""

WORTH_PROCESSES = 4_000
"""Images from which on the seconds pay that worker processes take to start."""


@dataclass
class EmbedReport:
    """What embedding did.

    Attributes
    ----------
    done
        Images embedded now.
    skipped
        Images that had an embedding, and those in the hands of another process at this moment.
    failed
        Images without one, with the reason; those of earlier runs too.
    seconds
        In all, with loading the backbone.
    images_per_second
        While embedding.
    waiting_share
        Share of the forward pass's time, 0..1, that went into waiting for pixels. On a CPU, where
        reading and arithmetic share the cores: the share spent on reading.
    """

    done: int = 0
    skipped: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    images_per_second: float = 0.0
    waiting_share: float = 0.0


def embed(
    images: Sequence[ImageItem],
    backbone: Backbone,
    folder: Path,
    *,
    device: str | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    shard: tuple[int, int] | None = None,
    retry_failed: bool = False,
    progress: Progress = silent,
) -> EmbedReport:
    """Embed the images that have no embedding in `folder` yet.

    Parameters
    ----------
    images
        In a fixed order, new ones at the end: processes that share the work cut it alike.
    backbone
        From :func:`fewshot_lab.backbones.find`; downloads its weights if they are not here.
    folder
        Holds the embeddings of this one backbone; made if missing.
    device
        torch's name; the GPU if there is one, if None.
    batch_size
        Images per forward pass; a GPU halves it by itself where its memory is too small.
    workers
        On a CPU: lanes that each read and compute. On a GPU: worker processes that read.
    shard
        (i, n): only the i-th of n parts, i from 0. torchrun's ``RANK`` of ``WORLD_SIZE`` if None.
    retry_failed
        Whether to try again what could not be read before. Files that were not there are tried
        again in any case.
    progress
        Told ``("loading", ...)`` and ``("embedding", done, total)``; may raise ``Stopped``: what
        is finished is then written and kept.

    Raises
    ------
    FewshotLabError
        Before anything starts, if the device, the shard or the weights cannot be had, or the
        folder belongs to another backbone.
    """
    began = time.monotonic()
    part, parts = part_of_run(shard)
    device = choose_device(device)
    if (batch_size is not None and batch_size < 1) or (workers is not None and workers < 1):
        raise FewshotLabError("The batch size and the number of workers must be at least 1.")
    mine = list({item.id: item for item in images[part::parts]}.values())
    written = _Written(folder)
    todo = sum(written.lacks(item, retry_failed) for item in mine)
    report = EmbedReport()
    if todo:
        ready, sentence = backbone.available()
        if not ready:
            raise FewshotLabError(sentence)
        progress("loading", 0, None)
        backbone.fetch(progress)
        _write_manifest(folder, backbone)
        with Claims(folder) as claims:
            chunks = _chunks(mine, written, claims, retry_failed)
            _run(
                chunks,
                todo,
                backbone,
                folder,
                device=device,
                batch_size=batch_size,
                workers=workers,
                report=report,
                progress=progress,
            )
        written.look()
    recorded = [(i.id, written.failed[i.id]) for i in mine if i.id in written.failed]
    report.failed = recorded + [entry for entry in report.failed if entry[0] not in written.failed]
    report.skipped = len(mine) - report.done - len(report.failed)
    report.seconds = time.monotonic() - began
    return report


class _Written:
    """Which images the folder's shards have, by whichever process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: set[str] = set()
        self.failed: dict[str, str] = {}
        self._seen: set[str] = set()
        self.look()

    def look(self) -> None:
        """Take in shards written since."""
        for path in shard_files(self.folder):
            if path.name not in self._seen and (shard := read_header(path)) is not None:
                self._seen.add(path.name)
                self.done.update(shard.ids)
                self.failed |= dict(shard.failed)
        for image_id in self.done & self.failed.keys():
            del self.failed[image_id]

    def lacks(self, item: ImageItem, retry_failed: bool) -> bool:
        return item.id not in self.done and (retry_failed or item.id not in self.failed)


def _chunks(
    mine: Sequence[ImageItem], written: _Written, claims: Claims, retry_failed: bool
) -> Iterator[list[ImageItem]]:
    """Yield what is to do, piece by piece, each taken by this process alone."""
    # The grid lies over all images, done or not, so that every process sees the same pieces.
    pieces = [mine[start : start + CHUNK] for start in range(0, len(mine), CHUNK)]
    # Twice: who held a piece the first time round may have been killed since.
    for _ in range(2):
        taken_by_others = []
        for piece in pieces:
            if not any(written.lacks(item, retry_failed) for item in piece):
                continue
            if not claims.take([item.id for item in piece]):
                taken_by_others.append(piece)
                continue
            written.look()
            missing = [item for item in piece if written.lacks(item, retry_failed)]
            if missing:
                yield missing
        pieces = taken_by_others


def _write_manifest(folder: Path, backbone: Backbone) -> None:
    """Say whose embeddings these are, or refuse a folder that is another's."""
    path = folder / "manifest.json"
    if path.is_file():
        said = json.loads(path.read_text(encoding="utf-8")).get("fingerprint")
        if said != backbone.fingerprint:
            raise FewshotLabError(
                f"{folder} holds embeddings by another backbone ({said}); use another folder."
            )
        return
    card = backbone.card
    manifest: dict[str, Any] = {
        "format": 2,
        "fingerprint": backbone.fingerprint,
        "backbone": card.name,
        "architecture": backbone.architecture,
        "parts": backbone.parts.lengths,
        "preprocessing": card.preprocessing.to_dict(),
    }
    write_atomically(path, json.dumps(manifest, indent=2).encode())


def _run(
    chunks: Iterator[list[ImageItem]],
    todo: int,
    backbone: Backbone,
    folder: Path,
    *,
    device: str,
    batch_size: int | None,
    workers: int | None,
    report: EmbedReport,
    progress: Progress,
) -> None:
    """Drive an engine over the chunks and write what it yields."""
    import torch

    on_cpu = device == "cpu"
    dtype = precision(device)
    size = batch_size or (CPU_BATCH if on_cpu else GPU_BATCH)
    forward = Forward(
        backbone.load(device),
        device,
        dtype,
        size,
        images=todo if device.startswith("cuda") else 0,
    )
    if on_cpu:
        # No more lanes than batches, or a small job leaves cores idle.
        count = workers or min(torch.get_num_threads(), 16, max(1, todo // size))
        batches = lanes(chunks, backbone.preprocessing, forward, count=count)
    else:
        readers = workers or readers_for_gpu()
        batches = pipeline(
            chunks,
            backbone.preprocessing,
            forward,
            workers=readers,
            processes=todo >= WORTH_PROCESSES and _room_to_share(readers, size, backbone),
        )
    began = time.monotonic()
    waited = worked = 0.0
    shard = _ShardInHand(folder, backbone, dtype, CPU_SHARD if on_cpu else GPU_SHARD)
    progress("embedding", 0, todo)
    try:
        for batch in batches:
            shard.add(batch)
            waited, worked = waited + batch.waited, worked + batch.worked
            report.done += len(batch.ids)
            report.failed += batch.absent
            progress("embedding", shard.seen, todo)
    finally:
        batches.close()
        shard.write()
        seconds = time.monotonic() - began
        report.images_per_second = report.done / seconds if seconds else 0.0
        report.waiting_share = waited / (waited + worked) if worked else 0.0


class _ShardInHand:
    """Collects embeddings until they are worth a file."""

    def __init__(self, folder: Path, backbone: Backbone, dtype: str, size: int) -> None:
        self._folder, self._dtype, self._size = folder, dtype, size
        self._fingerprint, self._parts = backbone.fingerprint, backbone.parts
        self.seen = 0
        self._empty()

    def _empty(self) -> None:
        self._ids: list[str] = []
        self._vectors: list[Any] = []
        self._failed: list[tuple[str, str]] = []
        self._since = time.monotonic()

    def add(self, batch: Batch) -> None:
        self.seen += len(batch.ids) + len(batch.failed) + len(batch.absent)
        self._failed += batch.failed
        if batch.ids:
            finite = np.isfinite(batch.vectors).all(axis=1)
            if not finite.all():
                self._failed += [
                    (i, "Its embedding is not finite.")
                    for i, good in zip(batch.ids, finite, strict=True)
                    if not good
                ]
                batch.ids = [i for i, good in zip(batch.ids, finite, strict=True) if good]
                batch.vectors = batch.vectors[finite]
            self._ids += batch.ids
            self._vectors.append(batch.vectors)
        full = len(self._ids) + len(self._failed) >= self._size
        if full or time.monotonic() - self._since > PATIENCE:
            self.write()

    def write(self) -> None:
        if self._ids or self._failed:
            vectors = (
                np.concatenate(self._vectors)
                if self._ids
                else np.zeros((0, self._parts.dimensions), np.float16)
            )
            write_shard(
                self._folder,
                self._ids,
                vectors,
                self._failed,
                parts=self._parts,
                fingerprint=self._fingerprint,
                dtype=self._dtype,
            )
        self._empty()


def readers_for_gpu() -> int:
    """Return how many worker processes read for one GPU: its share of the cores, at most 16."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    gpus_here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, min(16, cores // gpus_here - 1))


def _room_to_share(workers: int, batch: int, backbone: Backbone) -> bool:
    """Return whether the pixels that workers read ahead fit into the system's shared memory.

    Containers often have 64 MB of it, and a process that writes past the end is killed.
    """
    shared = Path("/dev/shm")
    if not shared.is_dir():
        return True
    pixels = batch * 3 * backbone.preprocessing.size**2
    return shutil.disk_usage(shared).free > 1.2 * pixels * (3 * workers + 2)
