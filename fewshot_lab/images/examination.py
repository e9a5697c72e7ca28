"""Read many pictures at once: id, size and thumbnail of each."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from fewshot_lab.images.candidates import Candidate, ExaminedImage, PassedOver, Refused
from fewshot_lab.images.errors import UnreadableImage
from fewshot_lab.images.frame_quality import why_poor
from fewshot_lab.images.reading import make_thumbnail, pixel_id, read_rgb
from fewshot_lab.images.references import pixel_file
from fewshot_lab.progress import Progress, silent

_Looked = ExaminedImage | PassedOver | Refused


def examine(
    candidates: Iterable[Candidate | Refused],
    *,
    skip: Callable[[Candidate], bool] = lambda candidate: False,
    workers: int | None = None,
    progress: Progress = silent,
) -> Iterator[ExaminedImage | PassedOver | Refused]:
    """Read every candidate in full, in threads; results come in the candidates' order.

    Parameters
    ----------
    candidates : iterable of Candidate or Refused
        A :class:`Scan` says how many there are, so that progress has a total. What is refused
        already is passed on.
    skip : callable
        Asked before a candidate is read; where it says True nothing is yielded for it.
    workers : int, optional
        Threads; by default as many as there are processors, at most 8 (decoding releases the
        GIL, and memory is for a few pictures per thread).
    progress : Progress
        Called with stage "reading" about five times a second, also while a picture takes long.
        Where it raises (a user's stop), waiting pictures are dropped, those in hand are finished
        and the exception goes through.

    Yields
    ------
    ExaminedImage, PassedOver or Refused
    """
    workers = workers or min(8, os.cpu_count() or 1)
    report = _Report(candidates, progress)
    waiting: deque[Future[_Looked] | Refused | None] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="examine") as pool:
        try:
            source = iter(candidates)
            more = True
            while more or waiting:
                while more and len(waiting) < 4 * workers:
                    candidate = next(source, None)
                    report.now()
                    if candidate is None:
                        more = False
                    elif isinstance(candidate, Refused):
                        waiting.append(candidate)
                    else:
                        waiting.append(
                            None if _skipped(skip, candidate) else pool.submit(_look, candidate)
                        )
                if not waiting:
                    break
                result = waiting.popleft()
                while isinstance(result, Future) and not wait([result], timeout=0.2).done:
                    report.now()
                report.done += 1
                if result is not None:
                    yield result.result() if isinstance(result, Future) else result
            report.now(last=True)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _skipped(skip: Callable[[Candidate], bool], candidate: Candidate) -> bool:
    try:
        return skip(candidate)
    except OSError:  # the file went away meanwhile: reading it says so
        return False


@dataclass
class _Report:
    """Progress, at most five times a second."""

    candidates: object
    progress: Progress
    done: int = 0
    next: float = 0.0

    def now(self, last: bool = False) -> None:
        if last or time.monotonic() >= self.next:
            total = getattr(self.candidates, "total", None)
            if total is None and hasattr(self.candidates, "__len__"):
                total = len(self.candidates)
            self.progress("reading", self.done, total)
            self.next = time.monotonic() + 0.2


def _look(candidate: Candidate) -> _Looked:
    try:
        status = pixel_file(candidate.file).stat()
        image = read_rgb(candidate.file, candidate.frame)
        if (usual := candidate.usual_sharpness) is not None and (why := why_poor(image, usual)):
            return PassedOver(candidate.path, why)
        return ExaminedImage(
            candidate=candidate,
            id=pixel_id(image),
            width=image.width,
            height=image.height,
            bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
            thumbnail=make_thumbnail(image),
            meta=candidate.meta,
        )
    except UnreadableImage as error:
        return Refused(candidate.path, str(error))
    except FileNotFoundError:
        return Refused(candidate.path, "The file is not there.")
    except OSError as error:
        return Refused(candidate.path, f"The file cannot be read: {error.strerror or error}.")
    except MemoryError:
        return Refused(candidate.path, "There is not enough memory for this picture.")
