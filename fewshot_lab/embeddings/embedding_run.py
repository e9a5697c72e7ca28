"""Running a backbone over images, so that it can be killed at any moment and go on later."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fewshot_lab.backbones import Backbone
from fewshot_lab.embeddings.claims import Claims
from fewshot_lab.embeddings.decoding import ImageItem
from fewshot_lab.embeddings.device import choose_device, part_of_run, precision
from fewshot_lab.embeddings.forward_pass import Forward
from fewshot_lab.embeddings.pipelines import lanes, pipeline
from fewshot_lab.embeddings.shard_writer import ShardWriter
from fewshot_lab.embeddings.work_left import WrittenShards, claimed_chunks
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import read_json, write_json
from fewshot_lab.processors import processors
from fewshot_lab.progress import Progress, silent

CPU_BATCH, GPU_BATCH = 16, 256
CPU_SHARD, GPU_SHARD = 512, 1024
"""Images per shard file: what a killed process loses at most."""

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
    damaged
        Shards that were not as they had been written: their images were embedded anew.
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
    damaged: list[str] = field(default_factory=list)
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
    part_images = list({item.id: item for item in images[part::parts]}.values())
    written = WrittenShards(folder)
    todo = sum(map(written.lacks, part_images))
    report = EmbedReport()
    if todo:
        ready, sentence = backbone.available()
        if not ready:
            raise FewshotLabError(sentence)
        progress("loading", 0, None)
        backbone.fetch(progress)
        _write_manifest(folder, backbone)
        with Claims(folder) as claims:
            chunks = claimed_chunks(part_images, written, claims)
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
        written.refresh()
    recorded = [(i.id, written.failed[i.id]) for i in part_images if i.id in written.failed]
    report.damaged = [str(path) for path in written.damaged]
    report.failed = recorded + [entry for entry in report.failed if entry[0] not in written.failed]
    report.skipped = len(part_images) - report.done - len(report.failed)
    report.seconds = time.monotonic() - began
    return report


def _write_manifest(folder: Path, backbone: Backbone) -> None:
    """Say whose embeddings these are, or refuse a folder that is another's."""
    path = folder / "manifest.json"
    stored = read_json(path)
    if stored is not None:
        if stored.get("fingerprint") != backbone.fingerprint:
            raise FewshotLabError(
                f"{folder} holds embeddings by another backbone "
                f"({stored.get('fingerprint')}); "
                "use another folder."
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
    write_json(path, manifest)


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
    shard = ShardWriter(folder, backbone, dtype, CPU_SHARD if on_cpu else GPU_SHARD)
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


def readers_for_gpu() -> int:
    """Return how many worker processes read for one GPU: its share of the cores, at most 16."""
    return max(1, min(16, processors() - 1))


def _room_to_share(workers: int, batch: int, backbone: Backbone) -> bool:
    """Return whether the pixels that workers read ahead fit into the system's shared memory.

    Containers often have 64 MB of it, and a process that writes past the end is killed.
    """
    shared = Path("/dev/shm")
    if not shared.is_dir():
        return True
    pixels = batch * 3 * backbone.preprocessing.size**2
    return shutil.disk_usage(shared).free > 1.2 * pixels * (3 * workers + 2)
