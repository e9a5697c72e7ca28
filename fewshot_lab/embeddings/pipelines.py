"""Two ways of keeping the arithmetic busy while files are read.

On a CPU reading and arithmetic share the same cores. Then *lanes* are best: one thread per core
reads its own batch and runs its own single-threaded forward pass, so that nobody waits at a
barrier while a neighbour decodes.

On a GPU reading has the CPU to itself. Then a *pipeline* is best: worker processes read ahead, the
GPU computes, and a batch's result is fetched only when the next batch is under way.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones import Preprocessing
from fewshot_lab.embeddings.batches import (
    Batch,
    Chunks,
    Described,
    cut,
    described,
    read,
    stacked,
)
from fewshot_lab.embeddings.decoding import ImageItem
from fewshot_lab.embeddings.forward_pass import Forward
from fewshot_lab.signals import leave_to_parent

if TYPE_CHECKING:
    import torch


def lanes(
    chunks: Chunks, preprocessing: Preprocessing, forward: Forward, *, count: int
) -> Generator[Batch, None, None]:
    """Run `count` lanes over the images; for a CPU.

    An empty batch comes about once a second while the lanes are at work, so that the caller can
    say that it is alive and may stop. Closing the iterator ends the lanes after the batch in hand.
    """
    import torch

    results: queue.SimpleQueue[Batch | BaseException | None] = queue.SimpleQueue()
    over = threading.Event()
    source, source_lock = cut(chunks, forward.batch_size), threading.Lock()
    threads_before = torch.get_num_threads()
    threads_each = max(1, threads_before // count)

    def take() -> list[ImageItem] | None:
        with source_lock:
            return None if over.is_set() else next(source, None)

    def lane() -> None:
        try:
            torch.set_num_threads(threads_each)
            while (items := take()) is not None:
                results.put(_one_lane_batch(items, preprocessing, forward))
            results.put(None)
        # Handed to the caller's thread, whose error it is.
        except BaseException as error:
            results.put(error)

    threads = [threading.Thread(target=lane, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        running = count
        while running:
            try:
                result = results.get(timeout=1)
            except queue.Empty:
                yield Batch()
                continue
            if result is None:
                running -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result
    finally:
        over.set()
        for thread in threads:
            thread.join()
        torch.set_num_threads(threads_before)


def _one_lane_batch(
    items: Sequence[ImageItem], preprocessing: Preprocessing, forward: Forward
) -> Batch:
    began = time.perf_counter()
    batch, pixels = read(items, preprocessing)
    was_read = time.perf_counter()
    batch.waited = was_read - began
    if pixels is not None:
        batch.vectors = forward(pixels).cpu().numpy()
    batch.worked = time.perf_counter() - was_read
    return batch


def pipeline(
    chunks: Chunks,
    preprocessing: Preprocessing,
    forward: Forward,
    *,
    workers: int,
    processes: bool,
) -> Generator[Batch, None, None]:
    """Read ahead with workers while the device computes; for a GPU.

    Parameters
    ----------
    chunks
        Pieces of the list of images.
    preprocessing, forward
        Of the backbone.
    workers
        How many read.
    processes
        Whether they are processes, worth their start of some seconds from a few thousand images
        on, or threads.
    """
    source = cut(chunks, forward.batch_size)
    batches = (
        _read_by_processes(source, preprocessing, workers, forward.device)
        if processes
        else _read_by_threads(source, preprocessing, workers)
    )
    under_way: tuple[Batch, torch.Tensor] | None = None
    try:
        while True:
            began = time.perf_counter()
            reading = next(batches, None)
            waited = time.perf_counter() - began
            if reading is None:
                break
            batch, pixels = reading
            batch.waited = waited
            started = time.perf_counter()
            vectors = None if pixels is None else forward(pixels)
            # Only now is the batch before fetched: the device has the next one to do meanwhile.
            if under_way is not None:
                yield _fetched(*under_way, started)
                under_way = None
            if vectors is None:
                yield batch
            else:
                batch.worked = time.perf_counter() - started
                under_way = batch, vectors
        if under_way is not None:
            yield _fetched(*under_way, time.perf_counter())
    finally:
        batches.close()


def _fetched(batch: Batch, vectors: torch.Tensor, started: float) -> Batch:
    batch.vectors = vectors.cpu().numpy()
    batch.worked += time.perf_counter() - started
    return batch


Reading = Generator[tuple[Batch, "torch.Tensor | None"], None, None]


def _read_by_threads(
    source: Iterator[list[ImageItem]], preprocessing: Preprocessing, workers: int
) -> Reading:
    """Read batches ahead in threads, in order."""
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[list[Future[Described]]] = []
        try:
            exhausted = False
            while ahead or not exhausted:
                while len(ahead) < 3 and not exhausted:
                    items = next(source, None)
                    if items is None:
                        exhausted = True
                    else:
                        ahead.append([pool.submit(described, i, preprocessing) for i in items])
                if ahead:
                    yield stacked([future.result() for future in ahead.pop(0)])
        finally:
            for futures in ahead:
                for future in futures:
                    future.cancel()


@dataclass
class _Files:
    """What a worker process is given: batches of items in, batches of pixels out."""

    preprocessing: Preprocessing

    def __getitem__(self, items: list[ImageItem]) -> tuple[Batch, torch.Tensor | None]:
        return read(items, self.preprocessing)


def _as_it_is(value: Any) -> Any:
    return value


def _as_reader(_: int) -> None:
    import torch

    torch.set_num_threads(1)
    leave_to_parent()


def _read_by_processes(
    source: Iterator[list[ImageItem]], preprocessing: Preprocessing, workers: int, device: str
) -> Reading:
    """Read batches ahead in worker processes, in order."""
    from torch.utils.data import DataLoader

    # Never fork: the parent has threads and perhaps a GPU in use.
    start: str = "forkserver" if sys.platform == "linux" else "spawn"
    loader: Any = DataLoader(
        _Files(preprocessing),  # type: ignore[arg-type]
        sampler=source,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=3,
        pin_memory=device.startswith("cuda"),
        multiprocessing_context=start,
        worker_init_fn=_as_reader,
    )
    iterator = iter(loader)
    try:
        yield from iterator
    finally:
        del iterator  # ends the workers
