"""Blinding: what one annotator may see, and what is hidden until they have labelled it."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.live.image_order import ImageOrder
from fewshot_lab.live.label_codes import AUDIT, KIND_MASK, SKIPPED, LabelCodes, code_of
from fewshot_lab.live.page_state import PageState
from fewshot_lab.project import lot, repeats_of
from fewshot_lab.store import Team

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Visibility:
    """What one annotator may see of the project, at one position of the log.

    Attributes
    ----------
    codes : LabelCodes
        Labels as this annotator sees them.
    labels_hidden : array (n,) of bool or None
        Images of which nobody else's label is shown, nor anything that follows from it; None
        where everything is.
    prediction_hidden : array (n,) of bool or None
        Images labelled blind that have no label of this annotator yet: no prediction of them is
        shown, nor anything that follows from one.
    repeats : dict
        Images that come back as if unlabelled, with the event of the label that is hidden.
    due : list of int
        Rows that others have labelled and that are theirs to label, too.
    assigned : array (n,) of bool or None
        Images that are theirs to label; None for all.
    reasons_shown : bool
        Whether suggestions may say why.
    own_history_only : bool
        Whether the history shows nothing but their own actions.
    """

    annotator: str
    team: Team
    order: ImageOrder
    codes: LabelCodes
    labels_hidden: Mask | None = None
    prediction_hidden: Mask | None = None
    repeats: dict[str, int] = field(default_factory=dict)
    due: list[int] = field(default_factory=list)
    assigned: Mask | None = None
    reasons_shown: bool = True
    own_history_only: bool = False

    @property
    def is_senior(self) -> bool:
        """Whether this annotator decides where opinions differ."""
        return self.annotator in self.team.seniors

    @property
    def history_of(self) -> str | None:
        """Whose actions the history shows; None for everybody's."""
        return self.annotator if self.own_history_only else None

    def is_labelled(self, image_id: str) -> bool:
        """Say whether an image has a label as far as this annotator can see."""
        row = self.order.row.get(image_id)
        return row is not None and bool(self.codes.codes[row] & KIND_MASK)

    def hidden_ids(self) -> set[str]:
        """Return the ids of the images whose labels by others are hidden."""
        if self.labels_hidden is None:
            return set()
        return {self.order.ids[row] for row in np.flatnonzero(self.labels_hidden)}

    def hides_labels(self, image_id: str) -> bool:
        """Say whether others' labels of an image are hidden."""
        return self._at(self.labels_hidden, image_id)

    def is_blind(self, image_id: str) -> bool:
        """Say whether an image is labelled blind and has no label of this annotator yet."""
        return self._at(self.prediction_hidden, image_id)

    def hides_prediction(self, image_id: str) -> bool:
        """Say whether the prediction of an image is hidden, and whatever tells of the truth."""
        row = self.order.row.get(image_id)
        code = int(self.codes.codes[row]) if row is not None else 0
        return bool(code & AUDIT and not code & KIND_MASK) or self.is_blind(image_id)

    def predictions_hidden(self) -> Mask:
        """Return the images whose prediction is hidden (n,).

        An unlabelled audit image is one of them: whoever labels it must not be swayed.
        """
        codes = self.codes.codes
        hidden: Mask = ((codes & AUDIT) != 0) & ((codes & KIND_MASK) == 0)
        return hidden if self.prediction_hidden is None else hidden | self.prediction_hidden

    def _at(self, mask: Mask | None, image_id: str) -> bool:
        row = self.order.row.get(image_id)
        return mask is not None and row is not None and bool(mask[row])


def visibility_of(state: PageState, order: ImageOrder, annotator: str) -> Visibility:
    """Return what an annotator may see now; somebody unnamed ("") is shown least."""
    codes = state.codes(order)
    team = state.project.store.team()
    if not (team.split or team.double or team.blind or team.repeats):
        return Visibility(annotator, team, order, codes)
    return state.cached(
        ("visibility", annotator),
        (codes.version, team),
        lambda: _by_agreement(state, order, annotator, team, codes),
    )


def _by_agreement(
    state: PageState, order: ImageOrder, annotator: str, team: Team, everybodys: LabelCodes
) -> Visibility:
    store, n = state.project.store, len(order.ids)
    duties = state.project.team.assignment.duties(team, annotator)
    apart, blind, assigned = duties.apart[:n], duties.blind[:n], duties.assigned[:n]
    own = np.zeros(n, dtype=np.uint16)
    others = np.zeros(n, dtype=np.int64)
    for image_id, by in store.opinions().items():
        if (row := order.row.get(image_id)) is None:
            continue
        if annotator in by:
            own[row] = code_of(by[annotator])
        others[row] = len(by) - (annotator in by)
    skipped = order.mask(store.skipped_by(annotator))
    own[skipped] |= SKIPPED
    repeats = _repeats_due(state, team, annotator)
    again = order.mask(repeats)

    codes = np.where(apart, own | (everybodys.codes & AUDIT), everybodys.codes).astype(np.uint16)
    codes[again] &= AUDIT
    answered = (own & KIND_MASK) != 0
    due = duties.several[:n] & assigned & ~answered & ~skipped
    due &= (others > 0) & (others < team.per_image)
    asked = repr((annotator, team, sorted(repeats))).encode()
    revision = hashlib.blake2b(asked, digest_size=5).hexdigest()
    view = LabelCodes(f"{everybodys.version}.{revision}", everybodys.position, codes)
    state.remember(view)
    return Visibility(
        annotator=annotator,
        team=team,
        order=order,
        codes=view,
        labels_hidden=(apart & ~answered) | again,
        prediction_hidden=blind & (~answered | again),
        repeats=repeats,
        due=sorted(
            np.flatnonzero(due).tolist(), key=lambda row: lot(f"wait {annotator}", order.ids[row])
        ),
        assigned=assigned if team.split else None,
        reasons_shown=not (team.blind or team.repeats),
        own_history_only=bool(team.blind or team.double),
    )


def _repeats_due(state: PageState, team: Team, annotator: str) -> dict[str, int]:
    if not team.repeats or not annotator:
        return {}
    store = state.project.store
    repeats = state.cached(("repeats", annotator), team, lambda: repeats_of(store, team, annotator))
    return repeats.due(store) if repeats is not None else {}


def without_folders(path: str) -> str:
    """Return the last part of a path, Windows paths too: a folder often tells a class."""
    return re.split(r"[\\/]", path.rstrip("\\/"))[-1]


def value_without_folders(value: str | float) -> str | float | None:
    """Return what a table says of an image, of a path the file's name alone; None for a folder.

    A path is what holds a slash of either kind and a letter: no date, and no fraction.
    """
    text = str(value)
    if not re.search(r"[\\/]", text) or not re.search(r"[^\W\d_]", text):
        return value
    name = without_folders(text)
    return name if "." in name else None


def names_without_folders(paths: Iterable[str]) -> dict[str, str]:
    """Return what files are called, by path.

    Equal names are numbered. What holds no folder stays as it is.
    """
    known = sorted(set(paths))
    names = {path: without_folders(path) for path in known}
    often, seen = Counter(names.values()), Counter[str]()
    for path, name in names.items():
        seen[name] += 1
        if often[name] > 1:
            names[path] = f"{name} ({seen[name]})"
    return names
