"""The labelling session: labels in, a background refit, an immutable snapshot out."""

from __future__ import annotations

import atexit
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers import Fitted, fit, soft_labels
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import CrossValidation, choose, cross_validation, disagreement
from fewshot_lab.live.advisor import Advisor
from fewshot_lab.live.next_batch import Next
from fewshot_lab.live.session_images import Images, look_at
from fewshot_lab.live.snapshot import Snapshot
from fewshot_lab.live.suspects import Suspects
from fewshot_lab.project import (
    AuditSet,
    ErrorCost,
    LabelArrays,
    Predictions,
    audit_share,
    class_pairs,
    costs_of,
    error_costs,
    label_arrays,
    strategy_of,
)
from fewshot_lab.sampling import Suggestion

if TYPE_CHECKING:
    from fewshot_lab.project import ProjectCore

log = logging.getLogger(__name__)

SETTLE = 0.8
"""Seconds without a new label after which the slower candidates are compared too."""
POLL = 1.0
ATTENTION = 60.0
"""For how many seconds after somebody looked the labels of other processes are looked for."""


class _Overtaken(Exception):  # noqa: N818
    """New labels have come: what is being computed is out of date."""


@dataclass(frozen=True)
class _Asked:
    """What the project's settings ask for."""

    name: str
    share: float
    strategy: str
    costs: tuple[ErrorCost, ...]
    pairs: frozenset[tuple[str, tuple[int, int]]]

    @classmethod
    def of(cls, project: ProjectCore) -> _Asked:
        name = str(project.store.get("classifier") or "auto")
        return cls(
            name,
            audit_share(project),
            strategy_of(project)["strategy"],
            error_costs(project),
            frozenset(class_pairs(project).items()),
        )


class LiveSession:
    """Fits in the background whenever labels change; the newest labels win.

    One thread per open project looks at the log, fits, and publishes one immutable
    :class:`Snapshot` at a time. ``notify``, ``snapshot`` and ``wait`` never wait for it to
    compute. A first snapshot follows the labels at once, with the classifiers that take
    milliseconds; when no label has come for a moment the support vector machine is compared as
    well, and a second snapshot says so if it is better: that last one is what ``Project.fit``
    fits on the same labels.

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
        self._audit_set = AuditSet(project)
        self._next = Next(project, self._audit_set)
        self._drawn_for: tuple[Any, ...] | None = None
        self._done: tuple[Any, ...] | None = None
        self._attempt: tuple[Any, ...] | None = None
        self._fit_key: tuple[Any, ...] | None = None
        self._thorough_at: float | None = None
        self._suspects = Suspects(project.store)
        self._pairs: dict[str, tuple[int, int]] = {}
        self._working = False
        self._snapshot = Snapshot(rev=0, position=-1, ids=[], row={}, message="Getting ready.")
        self.advisor = Advisor(project, self._busy)
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
            except _Overtaken:
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
        images = look_at(self._project, self._images)
        if images is None or self._images is None or images.key != self._images.key:
            self._fit_key = None
        self._images = images
        asked = _Asked.of(self._project)
        self._pairs = dict(asked.pairs)
        held = (images.key, images.revision) if images else None
        key = held, self._project.store.position(), asked
        self._attempt = key
        if key != self._done:
            self._publish(asked, quick=True)
            self._done = key
        elif self._thorough_at is not None and time.monotonic() >= self._thorough_at:
            try:
                self._publish(asked, quick=False)
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

    def _publish(self, asked: _Asked, *, quick: bool) -> None:
        began = time.perf_counter()
        images = self._images
        if images is None:
            position = self._project.store.position()
            self._put(None, position, "The images have no embeddings yet.", began)
            return
        labels = label_arrays(self._project.store, images.view)
        # Once for the same labels: to look at a page again must not change its figures.
        drawn_for = (labels.position, images.key, images.revision, asked.share)
        if drawn_for != self._drawn_for:
            labels = self._next.draw(images, labels, asked.share)
            self._drawn_for = drawn_for
        trained = labels.trains >= 0
        classes = len(np.unique(labels.trains[trained]))
        if classes < 2:
            message = (
                "All labels are of one class: label images of a second one."
                if classes
                else "Label images of at least two classes, and the classifier starts."
            )
            none = np.zeros(len(images.ids), dtype=bool)
            predictions = Predictions(labels, (), None, none, images.group)
            self._put(
                images,
                labels.position,
                message,
                began,
                audit_report=self._audit_set.report(predictions),
                suggestions=self._suggest(images, labels, asked),
            )
            return
        fitted, probabilities = self._fitted(images, labels, asked, quick=quick)
        class_ids = tuple(int(c) for c in fitted.class_ids)
        top = np.partition(probabilities, -2, axis=1)[:, -2:]
        costs = costs_of(self._project, fitted.class_ids)
        best = choose(probabilities, costs)
        predicted = fitted.class_ids[best]
        # Where costs decide, the class need not be the most probable one.
        sure = top[:, 1] if costs is None else probabilities[np.arange(len(best)), best]
        ids = [images.ids[r] for r in np.flatnonzero(trained)]
        predictions = Predictions(labels, class_ids, predicted, trained, images.group)
        report = self._audit_set.report(predictions)
        test = self._audit_set.reference(predictions)
        last = self._snapshot
        cv = last.cv if fitted is last.fitted else self._validated(fitted, images, trained)
        apart = disagreement(cv, report.figures)
        self._put(
            images,
            labels.position,
            "",
            began,
            class_ids=class_ids,
            probabilities=probabilities,
            predicted=predicted,
            confidence=sure,
            margin=top[:, 1] - top[:, 0],
            cv=cv,
            audit_report=report,
            disagreement=apart,
            test=test,
            suspects=self._suspects.of(fitted, ids, labels.position, disagreeing=apart is not None),
            suggestions=self._suggest(images, labels, asked, probabilities, class_ids),
            between={
                pair: self._suggest(images, labels, asked, probabilities, class_ids, pair)
                for pair in {pair for _, pair in asked.pairs}
                if set(pair) <= set(class_ids)
            },
            sentence=fitted.sentence,
            name=fitted.name,
            fitted=fitted,
        )
        self.advisor.take(fitted, images.key)

    def _fitted(
        self, images: Images, labels: LabelArrays, asked: _Asked, *, quick: bool
    ) -> tuple[Fitted, NDArray[np.float32]]:
        """Return a classifier of the labels, and its probabilities (N, K).

        Where the labels that train are those of the last snapshot, its classifier is good still.
        """
        rows = np.flatnonzero(labels.trains >= 0)
        y = labels.trains[rows]
        shares = [labels.shares.get(r, ()) for r in rows.tolist()] if labels.shares else []
        name = asked.name
        trained_on = (rows.tobytes(), y.tobytes(), str(shares))
        # Costs change no classifier, but what is measured of it.
        key = (images.key, images.revision, *trained_on, name, asked.costs)
        last = self._snapshot
        if quick and self._fit_key == key and last.fitted is not None:
            assert last.probabilities is not None
            return last.fitted, last.probabilities
        fitted = fit(
            images.pool.X[rows],
            y,
            name=name,
            groups=None if images.group is None else images.group[rows],
            near_duplicates=None,
            pool=images.pool,
            rows=rows,
            apart=images.view.away,
            soft=soft_labels(y, shares),
            sites=None if images.site is None else images.site[rows],
            quick=quick,
            check=lambda: None if quick else self._check(labels.position),
        )
        probabilities = fitted.pool_probabilities(images.pool)
        self._fit_key = key
        if quick:
            slow = not name.startswith("paper-")
            self._thorough_at = time.monotonic() + SETTLE if slow else None
        return fitted, probabilities

    def _validated(
        self, fitted: Fitted, images: Images, trained: NDArray[np.bool_]
    ) -> CrossValidation:
        splits = self._project.splits
        ids = [images.ids[r] for r in np.flatnonzero(trained)]
        return cross_validation(
            fitted,
            ids,
            None if images.group is None else images.group[trained],
            noun=splits.rule.noun,
            pairs=splits.apart_pairs(ids),
            costs=costs_of(self._project, fitted.class_ids),
        )

    def _suggest(
        self,
        images: Images,
        labels: LabelArrays,
        asked: _Asked,
        probabilities: NDArray[np.float32] | None = None,
        class_ids: tuple[int, ...] = (),
        pair: tuple[int, int] | None = None,
    ) -> tuple[Suggestion, ...]:
        return self._next.suggest(
            images,
            labels,
            strategy=asked.strategy,
            share=asked.share,
            probabilities=probabilities,
            class_ids=class_ids,
            pair=pair,
        )

    def _busy(self) -> bool:
        """Say whether there is a refit to be made, or one is being made."""
        return self._working or self._wake.is_set()

    def _check(self, position: int) -> None:
        """Give way to newer labels."""
        if self._closed or (self._wake.is_set() and self._project.store.position() != position):
            raise _Overtaken

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
        for value in fields.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        with self._changed:
            self._snapshot = Snapshot(
                rev=self._snapshot.rev + 1,
                position=position,
                ids=ids,
                row=images.view.row if images else {},
                message=message,
                pairs=self._pairs,
                fit_seconds=time.perf_counter() - began if began is not None else 0.0,
                at=time.time(),
                **fields,
            )
            self._changed.notify_all()


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
