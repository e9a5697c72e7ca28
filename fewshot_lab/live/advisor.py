"""What the next labels are worth, and which images are unlike all labelled ones.

Both are measured beside the refits and never before them.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from threading import Condition, Thread
from typing import Any

from fewshot_lab import jobs
from fewshot_lab.classifiers import Fitted
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import Advice, ReplayPlan
from fewshot_lab.project import (
    ProjectCore,
    advise,
    is_due,
    newest,
    remember,
    replay_of,
    strategy_of,
    take_evidence,
    unlike_images,
)

log = logging.getLogger(__name__)

QUIET = 2.0
"""Seconds without a new label after which the curve is measured; while labels keep coming:"""
PATIENCE = 15.0
STEP_BACK = 0.02
LARGE = 30_000
"""Images from which on unlike ones are looked for after the curve, resting half of the time."""
LONGEST_REST = 2.0
REPLAY_FROM = 150
"""Labels from which on strategies are replayed by themselves; again at 1.5 times as many:"""
REPLAY_GROWTH = 1.5
REPLAY = ReplayPlan(("mixed", "cover", "margin"), draws=6)


class _Closed(Exception):  # noqa: N818
    """Nobody wants to know any more."""


class Advisor:
    """Measures the learning curve in a thread of its own whenever labels have changed.

    It stands still while the session has a refit to make: between two of its own fits, which take
    milliseconds each, it looks, so that a refit never waits longer than for one of them.

    Parameters
    ----------
    project : ProjectCore
    busy : callable
        Whether there is a refit to make.
    on_unlike : callable
        Takes the images unlike anything labelled.
    """

    def __init__(
        self,
        project: ProjectCore,
        busy: Callable[[], bool],
        on_unlike: Callable[[frozenset[str]], None] = lambda ids: None,
    ):
        self._project = project
        self._busy = busy
        self._on_unlike = on_unlike
        self._changed = Condition()
        self._wanted: tuple[Any, Fitted] | None = None
        self._since = self._newest = self._rested = 0.0
        self._closed = self._measuring = False
        self._thread: Thread | None = None
        self._advice: Advice | None = None
        self._as_json: dict[str, Any] | None = None

    @property
    def advice(self) -> Advice | None:
        """The newest advice; it may be some labels behind."""
        return self._advice

    @property
    def behind(self) -> bool:
        """Whether a curve of newer labels, or of a classifier chosen since, is on its way."""
        return self._wanted is not None or self._measuring

    @property
    def as_json(self) -> dict[str, Any] | None:
        """The same as JSON can hold it."""
        return self._as_json

    def take(self, fitted: Fitted, images: Any) -> None:
        """Take a new classifier; returns at once.

        Parameters
        ----------
        fitted : Fitted
        images
            Stands for the embedded images: other ones make another curve.
        """
        with self._changed:
            now = time.monotonic()
            if self._wanted is None:
                self._since = now
            self._wanted, self._newest = (images, fitted), now
            if self._thread is None and not self._closed:
                name = f"advice {self._project.folder.name}"
                self._thread = Thread(target=self._run, name=name, daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop at the next look."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (wanted := self._next()) is not None:
            curve = partial(self._measure, wanted[1])
            for step in (self._flag, curve, self._flag_many, self._replay, self._compare):
                try:
                    step()
                except _Closed:
                    return
                except FewshotLabError:
                    pass  # too few labels of a class for it: the next ones may do
                except Exception:
                    # All this is a help; without it labelling goes on as before.
                    if not self._closed:
                        log.exception("What goes beside the labels could not be done.")

    @property
    def _is_large(self) -> bool:
        embeddings = self._project.embeddings
        return embeddings is not None and len(embeddings.ids) > LARGE

    def _flag(self) -> None:
        """Find the images unlike anything labelled."""
        if not self._is_large:
            self._give_way()
            self._on_unlike(unlike_images(self._project, self._give_way))

    def _flag_many(self) -> None:
        """Find those of many images, resting in between: it takes a second for some thousand."""
        if self._is_large:
            self._rested = time.monotonic()
            self._rest()
            self._on_unlike(unlike_images(self._project, self._rest))

    def _measure(self, fitted: Fitted) -> None:
        """Measure the learning curve."""
        try:
            advice = advise(self._project, fitted, check=self._give_way)
            self._as_json = advice.to_dict()
            self._advice = advice
        finally:
            self._measuring = False

    def _compare(self) -> None:
        """Start comparing backbones where it is time to: a process of its own, last in line."""
        folder = self._project.folder
        if not jobs.running(folder) and is_due(self._project):
            jobs.start(folder, "compare-backbones", ["--behind"])

    def _replay(self) -> None:
        """Look whether another strategy would have been better, where the setting is "auto"."""
        project = self._project
        n = sum(label.teaches for label in project.store.labels().values())
        if n < REPLAY_FROM or strategy_of(project)["setting"] != "auto":
            return
        evidence = project.store.get("strategy_evidence") or {}
        if evidence.get("fingerprint") == project.backbone.fingerprint and n < REPLAY_GROWTH * int(
            evidence.get("images", 0)
        ):
            return
        replay = replay_of(project, plan=REPLAY, labels="own", check=self._give_way)
        take_evidence(project, replay)
        last = newest(project, "replay")
        # A longer replay that somebody asked for stays on the page.
        if last is None or last.get("background"):
            remember(project, "replay", replay | {"background": True})

    def _next(self) -> tuple[Any, Fitted] | None:
        """Wait until there is something to measure, and a moment for it."""
        with self._changed:
            while not self._closed:
                if self._wanted is None:
                    self._changed.wait()
                    continue
                now = time.monotonic()
                left = min(self._newest + QUIET, self._since + PATIENCE) - now
                if left > 0:
                    self._changed.wait(left)
                    continue
                wanted, self._measuring, self._wanted = self._wanted, True, None
                return wanted
            return None

    def _rest(self) -> None:
        """Give way, and rest for as long as was worked since the last rest."""
        time.sleep(min(time.monotonic() - self._rested, LONGEST_REST))
        self._give_way()
        self._rested = time.monotonic()

    def _give_way(self) -> None:
        while self._busy() and not self._closed:
            time.sleep(STEP_BACK)
        if self._closed:
            raise _Closed
