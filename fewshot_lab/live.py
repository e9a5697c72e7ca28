"""The labelling session: labels in, a background refit, an immutable snapshot out."""

from __future__ import annotations

import atexit
import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.active import BATCH, DEFAULT_STRATEGY, Suggestion, suggest_by
from fewshot_lab.advice import Advisor
from fewshot_lab.audit import AuditSet, PoolView
from fewshot_lab.classifiers import Fitted, Pool, fit, soft_labels
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import (
    AuditReport,
    CrossValidation,
    Interval,
    ReferenceTest,
    Suspect,
    cross_validation,
    suspects,
)
from fewshot_lab.people import ProjectLots
from fewshot_lab.studies import strategy_of

if TYPE_CHECKING:
    from fewshot_lab.core import ProjectCore
    from fewshot_lab.store import Label

log = logging.getLogger(__name__)

SETTLE = 0.8
"""Seconds without a new label after which the slower candidates are compared too."""
POLL = 1.0
ATTENTION = 60.0
"""For how many seconds after somebody looked the labels of other processes are looked for."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that follows from the labels up to one position of the log.

    Attributes
    ----------
    rev : int
        Grows by one with every snapshot of this process.
    position : int
        The log's position that the labels were read at.
    ids : list of str
        All embedded images; rows of every array below.
    row : dict
        Image id to row.
    class_ids : tuple of int
        Columns of ``probabilities``.
    probabilities : array (N, K) or None
    predicted : array (N,)
        Class ids, -1 without a classifier.
    confidence, margin : array (N,)
        The highest probability, and how far it is above the second.
    cv : CrossValidation or None
    audit : Interval or None
        Balanced accuracy on the labelled audit images.
    audit_report : AuditReport or None
        All that the audit set says.
    test : ReferenceTest or None
        What the reference test set says; None where there is none.
    suspects : tuple of Suspect
    suggestions : tuple of Suggestion
    sentence, name : str
        What was chosen, by how much.
    fitted : Fitted or None
    fit_seconds : float
        From reading the labels to this snapshot.
    at : float
        ``time.time()``.
    message : str
        Why there is no classifier, else "".
    """

    rev: int
    position: int
    ids: list[str] = field(repr=False)
    row: dict[str, int] = field(repr=False)
    class_ids: tuple[int, ...] = ()
    probabilities: NDArray[np.float32] | None = field(default=None, repr=False)
    predicted: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, dtype=np.int64), repr=False
    )
    confidence: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, dtype=np.float32), repr=False
    )
    margin: NDArray[np.float32] = field(
        default_factory=lambda: np.empty(0, dtype=np.float32), repr=False
    )
    cv: CrossValidation | None = None
    audit: Interval | None = None
    audit_report: AuditReport | None = field(default=None, repr=False)
    test: ReferenceTest | None = field(default=None, repr=False)
    suspects: tuple[Suspect, ...] = field(default=(), repr=False)
    suggestions: tuple[Suggestion, ...] = field(default=(), repr=False)
    sentence: str = ""
    name: str = ""
    fitted: Fitted | None = field(default=None, repr=False)
    fit_seconds: float = 0.0
    at: float = 0.0
    message: str = ""


class _Overtaken(Exception):  # noqa: N818
    """New labels have come: what is being computed is out of date."""


@dataclass
class _Images:
    """The embedded images, while they do not change."""

    key: tuple[Any, ...]
    ids: list[str]
    row: dict[str, int]
    pool: Pool
    built: float
    stamp: int  # of the decisions about groups and test set that hold
    code: NDArray[np.int64]  # equal for images that stay together
    quota: NDArray[np.int64] | None  # the same, -1 for images that stand alone
    group: NDArray[Any] | None
    away: NDArray[np.bool_]  # the test set and what stays together with it
    view: PoolView


@dataclass(frozen=True)
class _State:
    """The labels at one position of the log, by row of the embedded images."""

    position: int
    label: NDArray[np.int64]  # class id of images that may train, -1 for all others
    marked: NDArray[np.bool_]  # any label: class (also accepted in bulk), unsure or reject
    audit: NDArray[np.bool_]
    held: NDArray[np.bool_]  # must not train: audit and test images, and what goes with them
    labels: dict[str, Label]
    skipped: NDArray[np.bool_]
    names: dict[int, str]
    shares: dict[int, tuple[tuple[int, float], ...]]


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
        self._images: _Images | None = None
        self._audit_set = AuditSet(project)
        self._people = ProjectLots(project)
        self._drawn_for: tuple[Any, ...] | None = None
        self._done: tuple[Any, ...] | None = None
        self._attempt: tuple[Any, ...] | None = None
        self._fit_key: tuple[Any, ...] | None = None
        self._thorough_at: float | None = None
        self._kept: dict[str, bool] = {}
        self._kept_position = 0
        self._working = False
        self._strategy = DEFAULT_STRATEGY
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
        self._look_at_images()
        name = str(self._project.store.get("classifier") or "auto")
        share = self._project.store.get("audit_share")
        self._strategy = strategy_of(self._project)["strategy"]
        key = (
            (self._images.key, self._images.stamp) if self._images else None,
            self._project.store.position(),
            name,
            share,
            self._strategy,
        )
        self._attempt = key
        if key != self._done:
            self._publish(name, share, quick=True)
            self._done = key
        elif self._thorough_at is not None and time.monotonic() >= self._thorough_at:
            self._thorough_at = None
            self._publish(name, share, quick=False)

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
        self._put(images=images, position=position, message=message)

    def _look_at_images(self) -> None:
        """Notice new embeddings, another backbone, changed groups."""
        embeddings = self._project.embeddings
        now = time.monotonic()
        if embeddings is None or not len(embeddings.ids):
            self._images = None
            return
        ids = embeddings.ids
        key = (embeddings.fingerprint, len(ids))
        old = self._images
        stamp = self._project.splits.stamp()
        if old is not None and old.key == key:
            if old.stamp != stamp:
                self._images = replace(old, stamp=stamp, **self._together(old.ids))
            return
        # While images are still being embedded, do not prepare the pool again for every shard.
        if old is not None and old.key[0] == key[0] and now - old.built < 5:
            return
        pool = self._project.pool
        _ = pool.levelled  # made now, while nobody waits for a fit
        count = len(pool)
        ids = list(ids[:count])
        self._images = _Images(
            (key[0], count),
            ids,
            {image_id: row for row, image_id in enumerate(ids)},
            pool,
            built=now,
            stamp=stamp,
            **self._together(ids),
        )
        self._fit_key = None

    def _together(self, ids: list[str]) -> dict[str, Any]:
        """Return what of these images must not be torn apart, and what must not train."""
        splits, view = self._project.splits, PoolView.of(self._project, ids)
        return {
            "code": view.code,
            "quota": splits.quota_codes(ids),
            "group": splits.groups_of(ids),
            "away": view.away,
            "view": view,
        }

    def _read(self, images: _Images) -> _State:
        store = self._project.store
        position = store.position()
        labels = store.labels()
        n = len(images.ids)
        label = np.full(n, -1, dtype=np.int64)
        marked = np.zeros(n, dtype=bool)
        audit, skipped = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        row = images.row
        for image_id in store.audit_ids():
            if image_id in row:
                audit[row[image_id]] = True
        for image_id in store.skipped():
            if image_id in row:
                skipped[row[image_id]] = True
        for image_id, told in labels.items():
            at = row.get(image_id)
            if at is None:
                continue
            marked[at] = True
            if told.teaches and told.class_id is not None:
                label[at] = told.class_id
        if store.team().rule != "latest":
            # What people disagree on waits for a senior, not for one more label.
            for image_id in store.opinions():
                if image_id in row:
                    marked[row[image_id]] = True
        audit &= ~images.view.test
        # With an audit image all of its group stays out of training.
        held = images.view.held_out(audit)
        label[held] = -1
        shares = {row[i]: said.shares for i, said in labels.items() if said.shares and i in row}
        names = {row.id: row.name for row in store.classes()}
        return _State(position, label, marked, audit, held, labels, skipped, names, shares)

    def _publish(self, name: str, share: float | None, *, quick: bool) -> None:
        began = time.perf_counter()
        images = self._images
        store = self._project.store
        if images is None:
            self._put(
                images=None,
                position=store.position(),
                message="The images have no embeddings yet.",
                began=began,
            )
            return
        state = self._read(images)
        share = 0.2 if share is None else min(max(float(share), 0.0), 1.0)
        # Once for the same labels: to look at a page again must not change its figures.
        drawn_for = (state.position, images.key, images.stamp, share)
        if drawn_for != self._drawn_for:
            self._draw(images, state, share)
            self._drawn_for = drawn_for
        rows = np.flatnonzero(state.label >= 0)
        y = state.label[rows]
        fitted: Fitted | None = None
        message = ""
        last = self._snapshot
        if len(np.unique(y)) < 2:
            message = (
                "Label images of at least two classes, and the classifier starts."
                if not len(y)
                else "All labels are of one class: label images of a second one."
            )
        else:
            shares = [state.shares.get(r, ()) for r in rows.tolist()] if state.shares else []
            soft = soft_labels(y, shares)
            fit_key = (images.key, images.stamp, rows.tobytes(), y.tobytes(), name, str(shares))
            groups = None if images.group is None else images.group[rows]
            slow = not name.startswith("paper-")
            if quick and self._fit_key == fit_key and last.fitted is not None:
                fitted, probabilities = last.fitted, last.probabilities
            else:
                fitted = fit(
                    images.pool.X[rows],
                    y,
                    name=name,
                    groups=groups,
                    near_duplicates=None,
                    pool=images.pool,
                    rows=rows,
                    apart=images.view.away,
                    soft=soft,
                    quick=quick,
                    check=lambda: None if quick else self._check(state.position),
                )
                probabilities = fitted.pool_probabilities(images.pool)
                self._fit_key = fit_key
                self._thorough_at = time.monotonic() + SETTLE if quick and slow else None
        if fitted is None:
            suggestions = self._suggest(images, state, None, (), share)
            none = np.zeros(len(images.ids), dtype=bool)
            self._put(
                images=images,
                position=state.position,
                message=message,
                began=began,
                audit_report=self._audit_set.report(
                    images.view, state.labels, None, (), none, images.group
                ),
                suggestions=suggestions,
            )
            return
        assert probabilities is not None
        class_ids = tuple(int(c) for c in fitted.class_ids)
        top = np.partition(probabilities, -2, axis=1)[:, -2:]
        best = probabilities.argmax(axis=1)
        predicted = fitted.class_ids[best]
        if fitted is last.fitted:
            cv = last.cv
        else:
            splits = self._project.splits
            cv = cross_validation(
                fitted,
                [images.ids[r] for r in rows],
                groups,
                noun=splits.rule.noun,
                pairs=splits.apart_pairs([images.ids[r] for r in rows]),
            )
        trained = state.label >= 0
        told = images.view, state.labels, predicted, class_ids, trained, images.group
        report, test = self._audit_set.report(*told), self._audit_set.reference(*told)
        self._put(
            images=images,
            position=state.position,
            message="",
            began=began,
            class_ids=class_ids,
            probabilities=probabilities,
            predicted=predicted,
            confidence=top[:, 1],
            margin=top[:, 1] - top[:, 0],
            cv=cv,
            audit=report.balanced_accuracy,
            audit_report=report,
            test=test,
            suspects=self._suspects(fitted, [images.ids[r] for r in rows], state.position),
            suggestions=self._suggest(images, state, probabilities, class_ids, share),
            sentence=fitted.sentence,
            name=fitted.name,
            fitted=fitted,
        )
        self.advisor.take(fitted, images.key)

    def _busy(self) -> bool:
        """Say whether there is a refit to be made, or one is being made."""
        return self._working or self._wake.is_set()

    def _check(self, position: int) -> None:
        """Give way to newer labels."""
        if self._closed or (self._wake.is_set() and self._project.store.position() != position):
            raise _Overtaken

    def _suspects(self, fitted: Fitted, ids: list[str], position: int) -> tuple[Suspect, ...]:
        """Return the suspects but for those whose label a person has looked at and kept."""
        for event in self._project.store.events(after=self._kept_position):
            self._kept[event.image_id] = event.view == "suspects"
        self._kept_position = position
        return tuple(s for s in suspects(fitted, ids) if not self._kept.get(s.image_id))

    def _suggest(
        self,
        images: _Images,
        state: _State,
        probabilities: NDArray[np.float32] | None,
        class_ids: tuple[int, ...],
        share: float,
    ) -> tuple[Suggestion, ...]:
        """Return what to label next; where the images are split, a batch for each annotator."""
        found: dict[str, Suggestion] = {}
        for mine in self._lots(images):
            for each in self._batch(images, state, probabilities, class_ids, share, mine):
                found.setdefault(each.image_id, each)
        return tuple(found.values())

    def _lots(self, images: _Images) -> list[NDArray[np.bool_]]:
        """Return the images of each annotator (N,), where they are split; else all, once."""
        team = self._project.store.team()
        if not team.split:
            return [np.ones(len(images.ids), dtype=bool)]
        return [self._people.mine(team, a, images.ids) for a in team.annotators]

    def _batch(
        self,
        images: _Images,
        state: _State,
        probabilities: NDArray[np.float32] | None,
        class_ids: tuple[int, ...],
        share: float,
        mine: NDArray[np.bool_],
    ) -> tuple[Suggestion, ...]:
        audit = self._random_share(images, state, share, mine)
        n = BATCH - len(audit)
        place = {class_id: k for k, class_id in enumerate(class_ids)}
        labelled = np.full(len(images.ids), -1, dtype=np.int64)
        for row in np.flatnonzero(state.label >= 0):
            labelled[row] = place.get(int(state.label[row]), 0)
        free = ~state.marked & ~state.held & mine
        eligible = free & ~state.skipped
        if eligible.sum() < n:
            eligible = free
        chosen = suggest_by(
            self._strategy,
            images.pool,
            images.ids,
            labelled=labelled,
            eligible=eligible,
            probabilities=probabilities,
            class_ids=class_ids,
            names=[state.names.get(c, str(c)) for c in class_ids],
            groups=images.quota,
            n=n,
            seed=state.position,
        )
        # Audit images stand anywhere among the others, not in a block that would be skipped.
        rng = np.random.default_rng(state.position)
        order = rng.permutation(len(chosen) + len(audit))
        spots = set(np.sort(order[: len(audit)]).tolist())
        rest, random = iter(chosen), iter(audit)
        return tuple(next(random) if i in spots else next(rest) for i in range(len(order)))

    def _draw(self, images: _Images, state: _State, share: float) -> None:
        """Draw audit images for whoever has too few to label; they train no more."""
        wanted = round(share * BATCH)
        # A small project keeps most of its images for training.
        cap = int(share * (~images.away).sum())
        before = int(state.audit.sum())
        for mine in self._lots(images):
            waiting = int((state.audit & ~state.marked & ~state.skipped & mine).sum())
            new = self._audit_set.top_up(
                images.view, state.audit, state.marked, wanted - waiting, cap
            )
            state.audit[new] = True
        if state.audit.sum() > before:
            state.held[images.view.held_out(state.audit)] = True
            state.label[state.held] = -1

    def _random_share(
        self, images: _Images, state: _State, share: float, mine: NDArray[np.bool_]
    ) -> list[Suggestion]:
        """Return images drawn at random and not yet labelled, as suggestions."""
        waiting = np.flatnonzero(state.audit & ~state.marked & ~state.skipped & mine)
        # In no order that means anything: if only some are labelled, they are a random part.
        order = np.random.default_rng(0).permutation(len(images.ids))
        waiting = waiting[np.argsort(order[waiting])]
        return [
            Suggestion(images.ids[r], "drawn at random, to measure the accuracy", "audit", True)
            for r in waiting[: round(share * BATCH)]
        ]

    def _put(
        self,
        *,
        images: _Images | None,
        position: int,
        message: str,
        began: float | None = None,
        **found: Any,
    ) -> None:
        ids = images.ids if images else []
        if "predicted" not in found:
            found["predicted"] = np.full(len(ids), -1, dtype=np.int64)
            found["confidence"] = np.zeros(len(ids), dtype=np.float32)
            found["margin"] = np.zeros(len(ids), dtype=np.float32)
        for value in found.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        with self._changed:
            self._snapshot = Snapshot(
                rev=self._snapshot.rev + 1,
                position=position,
                ids=ids,
                row=images.row if images else {},
                message=message,
                fit_seconds=time.perf_counter() - began if began is not None else 0.0,
                at=time.time(),
                **found,
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
