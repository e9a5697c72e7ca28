"""Hidden repeats: an annotator's own earlier images come back as if they had no label."""

from collections.abc import Iterable
from itertools import takewhile

from fewshot_lab.project.assignment import lot
from fewshot_lab.store import Event, Store, Team

GAP = 20
"""How many labels lie between the first look and the second, at least."""
AT_ONCE = 3
"""How many wait to be labelled again at the same time."""


class Repeats:
    """Which images come back to one annotator; drawn by chance as their labels grow in number.

    It follows from the log alone, so that it is the same in every process and after a restart.

    Parameters
    ----------
    annotator : str
    share : float
        Repeats per label.
    since : int
        The position of the log from which on labels count.
    """

    def __init__(self, annotator: str, share: float, since: int):
        self.annotator, self.share, self.since = annotator, share, since
        self._position = 0
        self._labels = 0
        self._counted = 0
        self._origin: dict[str, int] = {}
        self._waiting: list[str] = []
        self._labelled: set[str] = set()
        self._ripe: list[str] = []
        self._chosen: list[str] = []
        self._repeat: dict[str, list[int]] = {}

    def due(self, store: Store) -> dict[str, int]:
        """Return the images to label again, each with the event of the label that is hidden."""
        self._take(store.events(after=self._position))
        due: dict[str, int] = {}
        for image_id in self._chosen:
            origin = self._origin.get(image_id)
            done = self._repeat.get(image_id)
            if origin is None or (done and origin >= done[0]):
                continue
            due[image_id] = origin
            if len(due) == AT_ONCE:
                break
        return due

    def _take(self, events: Iterable[Event]) -> None:
        for event in events:
            self._position = max(self._position, event.position)
            if event.annotator != self.annotator:
                continue
            answer = event.kind in ("class", "reject") and not event.machine
            if answer and event.origin is not None:
                self._origin[event.image_id] = event.origin
            else:
                self._origin.pop(event.image_id, None)
            if event.repeats is not None:
                self._repeat.setdefault(event.image_id, []).append(event.id)
            elif event.what == "label" and answer:
                self._count(event)

    def _count(self, event: Event) -> None:
        self._labels += 1
        if event.image_id not in self._labelled:
            self._labelled.add(event.image_id)
            self._waiting.append(event.image_id)
            if len(self._waiting) > GAP:
                self._ripe.append(self._waiting.pop(0))
        if event.position <= self.since:
            return
        self._counted += 1
        k = int(self._counted * self.share)
        if k > int((self._counted - 1) * self.share) and self._ripe:
            # The last takes the place of the drawn one.
            at = int(lot(f"repeat {self.annotator}", str(k)) * len(self._ripe))
            self._ripe[at], self._ripe[-1] = self._ripe[-1], self._ripe[at]
            self._chosen.append(self._ripe.pop())


def repeats_of(store: Store, team: Team, annotator: str) -> Repeats | None:
    """Return what decides on an annotator's repeats; None where there are none."""
    if not team.repeats:
        return None
    since = takewhile(lambda change: change.team.repeats == team.repeats, store.team_changes())
    oldest = min((change.position for change in since), default=0)
    return Repeats(annotator, team.repeats, oldest)
