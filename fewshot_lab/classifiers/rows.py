"""Embeddings that are read and answered some thousand at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.threads import one_blas_thread

CHUNK = 4096


class Rows(Protocol):
    """Embeddings (n, d): an array, or what reads from the disk the rows that are asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, d)."""

    def __len__(self) -> int:
        """Return n."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return the embeddings of a slice, or of rows by number, as an array."""


def evenly_spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of some rows, evenly spread."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64)]


def by_blocks(answer: Callable[[NDArray[Any]], NDArray[Any]], X: Rows) -> NDArray[Any]:
    """Return what is answered of each row (n, ...), with some thousand of them at a time."""
    return by_rows(lambda at: answer(np.asarray(X[at])), len(X))


def by_rows(
    answer: Callable[[Any], NDArray[Any]],
    n: int,
    rows: NDArray[np.int64] | None = None,
    check: Callable[[], None] = lambda: None,
) -> NDArray[Any]:
    """Return what is answered of all rows of n, or of some (m, ...), some thousand at a time.

    Parameters
    ----------
    answer : callable
        From a slice, or from rows by number.
    n : int
    rows : array (m,) of int, optional
    check : callable
        Called between blocks; what it raises ends it.
    """
    blocks = [
        slice(start, start + CHUNK) for start in range(0, n if rows is None else len(rows), CHUNK)
    ]
    answers = []
    with one_blas_thread():
        for block in blocks or [slice(0)]:
            answers.append(answer(block if rows is None else rows[block]))
            check()
    return np.concatenate(answers)
