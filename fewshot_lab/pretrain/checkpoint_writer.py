"""Checkpoints written beside the training: it stands still for a copy in memory alone."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import torch

from fewshot_lab.pretrain import checkpoints as checkpoints


def snapshot(value: Any) -> Any:
    """Return a copy of a state, in the machine's memory, that the training leaves alone."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: snapshot(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(snapshot(each) for each in value)
    return value


class CheckpointWriter:
    """Writes a run's checkpoints, one at a time; leaving its ``with`` block waits for the last.

    Parameters
    ----------
    folder
        The run's.
    keep
        How many stay.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is being written."""
        return self._pending is not None and not self._pending.done()

    def write(
        self, state: dict[str, Any], good_until: int | None, also: Callable[[dict[str, Any]], None]
    ) -> None:
        """Copy a state, and write it while the training goes on.

        Parameters
        ----------
        state
            With ``step``.
        good_until
            Of :func:`fewshot_lab.pretrain.checkpoints.tidy`.
        also
            Called with the copy, after it is written.

        Raises
        ------
        FewshotLabError
            If the one before could not be written.
        """
        self.wait()
        copied = snapshot(state)

        def work() -> None:
            checkpoints.write(checkpoints.path_of(self._folder, copied["step"]), copied)
            checkpoints.tidy(self._folder, self._keep, good_until=good_until)
            also(copied)

        self._pending = self._pool.submit(work)

    def wait(self) -> None:
        """Wait until all is on the disk.

        Raises
        ------
        FewshotLabError
            If it could not be written.
        """
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Finish what is being written, whatever ended the training."""
        self._pool.shutdown(wait=True)
