"""The labels that a person should look at again."""

from collections import Counter

from fewshot_lab.classifiers import Fitted
from fewshot_lab.evaluation import Suspect, suspects
from fewshot_lab.store import PILE, Store

MANY = 20
"""Labels that one action gave, from which on they were hardly looked at one by one; those of a
pile never were."""
LISTED = 200
"""Suspects listed at most where labels given many at once are among them."""


class Suspects:
    """The suspects of a project, read from its log as far as it goes.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store):
        self._store = store
        self._position = 0
        self._confirmed: dict[str, bool] = {}
        self._together: set[str] = set()

    def of(
        self, fitted: Fitted, ids: list[str], position: int, *, disagreeing: bool
    ) -> tuple[Suspect, ...]:
        """Return the suspects but for those whose label a person has looked at and kept.

        Parameters
        ----------
        fitted, ids
            See :func:`suspects`.
        position : int
            Of the log, that the labels were read at.
        disagreeing : bool
            Cross-validation claims more than the audit bears out: labels given many at once follow
            those that are contradicted, for wrong ones among them confirm each other.
        """
        new = [e for e in self._store.events(after=self._position) if e.position <= position]
        sizes = Counter(event.position for event in new)
        for event in new:
            self._confirmed[event.image_id] = event.view == "suspects"
            in_bulk = sizes[event.position] >= MANY or event.view == PILE
            many = event.kind == "class" and in_bulk
            (self._together.add if many else self._together.discard)(event.image_id)
        self._position = position
        doubtful = self._together if disagreeing else set()
        listed = suspects(fitted, ids, doubtful)
        listed = tuple(s for s in listed if not self._confirmed.get(s.image_id))
        return listed[:LISTED] if disagreeing else listed
