"""When a run looks at its numbers, judges itself and writes checkpoints: by the clock.

Whatever the speed of a machine, looking takes a small share of the training: an occupation that
cost c seconds comes back after c / share seconds. A recipe may ask for a number of steps instead.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fewshot_lab.pretrain.recipe import Recipe

SHARES = {"check": 0.03, "rank": 0.01, "checkpoint": 0.01}
"""Of the training's time, at most: together 5 %."""
LOOK_SECONDS = 2.0
"""Between two looks at the numbers, for which a GPU has to be waited for."""
CHECKPOINT_SECONDS = 60.0
"""Between two checkpoints at least: less than a minute is not worth the disk's trouble."""
MOST_STEPS = 50
"""Between two looks, however fast they are: health is judged by steps."""


@dataclass
class Cadence:
    """Says what is due after a step; of one process, whose clock counts for all.

    Attributes
    ----------
    recipe
    clock
        Seconds; for tests.
    """

    recipe: Recipe
    clock: Callable[[], float] = time.perf_counter
    _ended: dict[str, float] = field(default_factory=dict)
    _cost: dict[str, float] = field(default_factory=dict)
    _looked: tuple[int, float] | None = None

    def begin(self, step: int) -> None:
        """Start the clock at the step from which a run goes on."""
        now = self.clock()
        self._looked = (step, now)
        for name in SHARES:
            self._ended.setdefault(name, now)

    @contextmanager
    def taking(self, name: str) -> Iterator[None]:
        """Measure what an occupation costs: the time for which the training stands still."""
        began = self.clock()
        yield
        self._ended[name] = self.clock()
        self._cost[name] = self._ended[name] - began

    def plan(self, step: int, *, busy: bool) -> tuple[list[str], int]:
        """Return what is due after a step, and when to look next; called at each look."""
        return self.due(step, busy=busy), self.next_look(step)

    def due(self, step: int, *, busy: bool = False) -> list[str]:
        """Return what is to be done after a step, of "check", "rank" and "checkpoint".

        The last step ends with a check and a checkpoint.

        Parameters
        ----------
        step
        busy
            Whether the last checkpoint is still being written: the clock then waits for it.
        """
        last = step == self.recipe.steps
        return [
            name for name in SHARES if self._is_due(name, step, busy) or (last and name != "rank")
        ]

    def _is_due(self, name: str, step: int, busy: bool) -> bool:
        every = {"check": self.recipe.check_steps, "checkpoint": self.recipe.checkpoint_steps}
        if every.get(name):
            return step % every[name] == 0
        if name == "checkpoint" and busy:
            return False
        least = CHECKPOINT_SECONDS if name == "checkpoint" else 0.0
        pause = max(least, self._cost.get(name, 0.0) / SHARES[name])
        return self.clock() - self._ended[name] >= pause

    def next_look(self, step: int) -> int:
        """Return the step after which to look next."""
        assert self._looked is not None
        (before, then), now = self._looked, self.clock()
        self._looked = (step, now)
        recipe = self.recipe
        pause = recipe.log_steps
        if not pause:
            per_step = (now - then) / max(1, step - before)
            pause = round(LOOK_SECONDS / per_step) if per_step > 0 else MOST_STEPS
            # Growing, not leaping: a first step alone tells little.
            pause = min(MOST_STEPS, max(1, pause), 2 * max(1, step - before))
        fixed = (recipe.check_steps, recipe.checkpoint_steps)
        pauses = [pause, *(every - step % every for every in fixed if every)]
        return min(step + min(pauses), recipe.steps)
