"""The labelling session: labels in, a background refit, an immutable snapshot out."""

from __future__ import annotations

import atexit
import logging
import time
from dataclasses import replace
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import Any, ClassVar

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live.advisor import Advisor
from fewshot_lab.live.refit import Overtaken, Refit
from fewshot_lab.live.refit_inputs import RefitSettings
from fewshot_lab.live.session_images import Images, look_at
from fewshot_lab.live.snapshot import Snapshot
from fewshot_lab.project import ProjectCore

log = logging.getLogger(__name__)

SETTLE = 0.8
"""Seconds without a new label after which the slower candidates are compared too."""
POLL = 1.0
ATTENTION = 60.0
"""For how many seconds after somebody looked the labels of other processes are looked for."""


class LiveSession:
    """Fits in the background whenever labels change; the newest labels win.

    One thread per open project looks at the log, fits, and publishes one immutable
    :class:`Snapshot` at a time. ``notify``, ``snapshot`` and ``wait`` never wait for it to
    compute. A first snapshot follows the labels at once, with the classifiers that take
    milliseconds. Where even these take longer, the classifier chosen last is fitted on the new
    labels first, for its colours. When no label has come for a moment the support vector machine
    is compared as well, and a second snapshot says so if it is better: that last one is what
    ``Project.fit`` fits on the same labels.

    Use :meth:`of`, not the constructor.
    """

    _sessions: ClassVar[dict[Path, LiveSession]] = {}
    _sessions_lock: ClassVar[Lock] = Lock()

    def __init__(self, project: ProjectCore):
        self._project = project
        self._marker = _marker(project.folder)
        self._changed = Condition()
        self._wake = Event()
        self._closed = False
        self._touched = time.monotonic()
        self._images: Images | None = None
        self._refit = Refit(project)
        self._done: tuple[Any, ...] | None = None
        self._attempt: tuple[Any, ...] | None = None
        self._thorough_at: float | None = None
        self._pairs: dict[str, tuple[int, int]] = {}
        self._working = False
        self._snapshot = Snapshot(rev=0, position=-1, ids=[], row={}, message="Getting ready.")
        self.advisor = Advisor(project, self._busy, self._mark_unlike)
        self._thread = Thread(target=self._run, name=f"live {project.folder.name}", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, project: ProjectCore) -> LiveSession:
        """Return the session of a project: one per process and folder."""
        key = project.folder.resolve()
        with cls._sessions_lock:
            session = cls._sessions.get(key)
            if session is not None:
                if not session._closed and session._marker == _marker(project.folder):
                    return session
                # Deleted and made anew under the same name.
                session._leave()
            session = cls._sessions[key] = cls(project)
            return session

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        self._touch()
        return self._snapshot

    def notify(self) -> None:
        """Say that labels have changed; returns at once."""
        self._touched = time.monotonic()
        self._wake.set()

    def wait(self, rev: int, timeout: float) -> Snapshot:
        """Return the newest snapshot as soon as its ``rev`` is not the given one.

        Parameters
        ----------
        rev : int
            Of the snapshot that the caller has.
        timeout : float
            Seconds after which the same snapshot is returned again.
        """
        self._touch()
        with self._changed:
            self._changed.wait_for(lambda: self._snapshot.rev != rev or self._closed, timeout)
            return self._snapshot

    def close(self) -> None:
        """Stop the thread; the last snapshot stays readable."""
        with self._sessions_lock:
            for key, session in list(self._sessions.items()):
                if session is self:
                    del self._sessions[key]
        self._leave()
        self._thread.join(timeout=10)

    def _leave(self) -> None:
        self._closed = True
        self.advisor.close()
        self._wake.set()
        with self._changed:
            self._changed.notify_all()

    def _touch(self) -> None:
        asleep = time.monotonic() - self._touched > ATTENTION
        self._touched = time.monotonic()
        if asleep:
            self._wake.set()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed:
            try:
                self._step()
            except Overtaken:
                continue
            except Exception as error:
                if self._closed:
                    break
                self._fail(error)
            finally:
                self._working = False
            self._wake.wait(self._patience())

    def _patience(self) -> float | None:
        now = time.monotonic()
        waits = []
        if self._thorough_at is not None:
            waits.append(max(0.0, self._thorough_at - now))
        if now - self._touched < ATTENTION:
            waits.append(POLL)
        return min(waits) if waits else None

    def _step(self) -> None:
        self._working = True
        self._wake.clear()
        self._attempt = None
        images = self._images = look_at(self._project, self._images)
        settings = RefitSettings.of(self._project)
        self._pairs = dict(settings.pairs)
        held = (images.key, images.revision) if images else None
        key = held, self._project.store.position(), settings
        self._attempt = key
        if key != self._done:
            self._publish(settings, quick=True)
            self._done = key
        elif self._thorough_at is not None and time.monotonic() >= self._thorough_at:
            try:
                self._publish(settings, quick=False)
            finally:
                self._thorough_at = None

    @property
    def refining(self) -> bool:
        """Whether a more thorough classifier of the same labels is still to come."""
        return self._thorough_at is not None

    def _fail(self, error: Exception) -> None:
        """Publish why there is nothing new; look again when something changes."""
        if isinstance(error, FewshotLabError):
            message = str(error)
        else:
            log.exception("The classifier could not be fitted.")
            message = f"The classifier could not be fitted ({type(error).__name__}: {error})."
        self._thorough_at = None
        # What failed while fitting fails again until something changes; what failed before, in
        # looking for changes, is tried again at the next look.
        self._done = self._attempt
        images = self._images
        try:
            position = self._project.store.position()
        except Exception:
            position = self._snapshot.position
        last = self._snapshot
        if last.message == message and last.position == position:
            return
        self._put(images, position, message)

    def _publish(self, settings: RefitSettings, *, quick: bool) -> None:
        began = time.perf_counter()
        images = self._images
        if images is None:
            position = self._project.store.position()
            self._put(None, position, "The images have no embeddings yet.", began)
            return
        if quick and (preview := self._refit.preview(images, settings, self._snapshot)):
            self._amend(**preview)
        refit = self._refit.of(images, settings, self._snapshot, quick=quick, check=self._check)
        if refit.quick_at is not None:
            slow = not settings.name.startswith("paper-")
            self._thorough_at = refit.quick_at + SETTLE if slow else None
        self._put(images, refit.position, refit.message, began, **refit.fields)
        if (fitted := refit.fields.get("fitted")) is not None:
            self.advisor.take(fitted, images.key)
        if refit.rest is not None:
            self._amend(whole=True, **refit.rest())

    def _busy(self) -> bool:
        """Say whether there is a refit to be made, or one is being made."""
        return self._working or self._wake.is_set()

    def _check(self, position: int) -> None:
        """Give way to newer labels."""
        if self._closed or (self._wake.is_set() and self._project.store.position() != position):
            raise Overtaken

    def _put(
        self,
        images: Images | None,
        position: int,
        message: str,
        began: float | None = None,
        **fields: Any,
    ) -> None:
        ids = images.ids if images else []
        if "predicted" not in fields:
            fields["predicted"] = np.full(len(ids), -1, dtype=np.int64)
            fields["confidence"] = np.zeros(len(ids), dtype=np.float32)
            fields["margin"] = np.zeros(len(ids), dtype=np.float32)
        with self._changed:
            self._snapshot = Snapshot(
                rev=self._snapshot.rev + 1,
                position=position,
                predicted_at=position,
                ids=ids,
                row=images.view.row if images else {},
                message=message,
                pairs=self._pairs,
                unlike=self._snapshot.unlike,
                fit_seconds=time.perf_counter() - began if began is not None else 0.0,
                at=time.time(),
                **_read_only(fields),
            )
            self._changed.notify_all()

    def _mark_unlike(self, unlike: frozenset[str]) -> None:
        if unlike != self._snapshot.unlike:
            self._amend(unlike=unlike)

    def _amend(self, **fields: Any) -> None:
        """Publish the same snapshot with other fields."""
        with self._changed:
            last = self._snapshot
            self._snapshot = replace(last, rev=last.rev + 1, **_read_only(fields))
            self._changed.notify_all()


def _read_only(fields: dict[str, Any]) -> dict[str, Any]:
    for value in fields.values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)
    return fields


def _marker(folder: Path) -> tuple[int, int] | None:
    try:
        stat = (folder / "project.json").stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


@atexit.register
def _close_all() -> None:
    for session in list(LiveSession._sessions.values()):
        session._leave()
