"""Which images a step sees: a function of the seed and the step, so that a resumed run goes on."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from torch.utils.data import Sampler

from fewshot_lab.processors import processors


def images_of_step(n_images: int, batch_size: int, step: int, seed: int) -> list[tuple[int, int]]:
    """Return the (epoch, row) pairs of a step's whole batch.

    Epochs follow one another without a gap: a batch may end one and begin the next, and every
    image is seen once in each.
    """
    first = step * batch_size
    return [
        (place // n_images, int(_shuffled(n_images, place // n_images, seed)[place % n_images]))
        for place in range(first, first + batch_size)
    ]


@lru_cache(maxsize=4)
def _shuffled(n_images: int, epoch: int, seed: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(n_images)


class StepSampler(Sampler[list[tuple[int, int]]]):
    """Yields, for each step from `first` on, what one process sees of it.

    Parameters
    ----------
    rank, world
        The batch is cut into `world` equal runs; this is the one of `rank`.
    """

    def __init__(
        self,
        n_images: int,
        batch_size: int,
        first: int,
        steps: int,
        *,
        seed: int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self._n_images = n_images
        self._batch_size = batch_size
        self._steps = range(first, steps)
        self._seed = seed
        share = batch_size // world
        self._share = slice(rank * share, (rank + 1) * share)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield (epoch, row) pairs, step by step."""
        for step in self._steps:
            yield self.images_of(step)

    def images_of(self, step: int) -> list[tuple[int, int]]:
        """Return the (epoch, row) pairs that this process sees in a step."""
        return images_of_step(self._n_images, self._batch_size, step, self._seed)[self._share]

    def __len__(self) -> int:
        """Return the number of steps that are left."""
        return len(self._steps)


def workers_here(requested: int) -> int:
    """Return how many processes make views for one process of a run.

    Parameters
    ----------
    requested
        Of the recipe; -1 for what the processors allow, of which the training keeps one.
    """
    return min(requested, processors()) if requested >= 0 else max(1, min(16, processors() - 1))
