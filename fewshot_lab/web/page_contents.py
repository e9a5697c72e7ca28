"""What a label page shows, made once for all who see the same, and what each page lacks of it."""

from __future__ import annotations

import hashlib
import json
import secrets
from functools import cached_property
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.live import (
    AUDIT,
    PageState,
    Snapshot,
    Visibility,
    image_scores,
    visibility_of,
)
from fewshot_lab.web.frames import Message
from fewshot_lab.web.guard import whole_number
from fewshot_lab.web.model import model_head
from fewshot_lab.web.project import overview

PROCESS = secrets.token_hex(3)
HAVE = ("rev", "labels", "images", "map", "overview")
Model: TypeAlias = tuple[dict[str, Any], dict[str, NDArray[np.integer]]]


class PageContents:
    """All that one viewer's page can hold at one moment, and what each page lacks of it.

    Parameters
    ----------
    state : PageState
    annotator : str
        Who looks, or one of all those who see the same.
    moment : tuple
        Two contents of a viewer with the same one are the same.
    before : PageContents, optional
        The viewer's last ones: what the classifier says is made anew only where it has changed.
    """

    def __init__(
        self,
        state: PageState,
        annotator: str,
        moment: tuple[int, int, int],
        before: PageContents | None = None,
    ) -> None:
        self.state, self.annotator, self.moment = state, annotator, moment
        self._model: tuple[object, Model] | None = before._model if before is not None else None
        self._messages: dict[tuple[str, ...], Message | None] = {}
        self._lock = Lock()

    def news(self, have: dict[str, str]) -> Message | None:
        """Return what a page lacks; None where it has everything."""
        key = tuple(have.get(name, "") for name in HAVE)
        with self._lock:
            if key not in self._messages:
                self._messages[key] = self._difference(have)
            return self._messages[key]

    def _difference(self, have: dict[str, str]) -> Message | None:
        head: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        order = self.visibility.order

        n, known = len(order.ids), whole_number(have, "images", 0)
        anew = known != n
        if anew:
            known = known if known < n else 0
            head["images"] = {"from": known, "n": n}
            arrays["ids"] = np.frombuffer(bytes.fromhex("".join(order.ids[known:])), dtype=np.uint8)

        layout = self.state.layout(order)
        version = layout.version if layout else ""
        if version != have.get("map", "") or (layout and anew):
            head["map"] = {"version": version}
            if layout:
                head["map"] |= {"method": layout.source.method, "settings": layout.source.settings}
                arrays["xy"] = layout.xy.ravel()

        labels = self.visibility.codes
        if labels.version != have.get("labels") or anew:
            head["labels"] = {"version": labels.version, "position": labels.position}
            before = None if anew else self.state.codes_at(have.get("labels", ""))
            changed = _changed_labels(before, labels.codes)
            if changed is not None:
                head["labels"]["from"] = have["labels"]
            arrays |= changed or {"codes": labels.codes}

        if self.rev != have.get("rev") or anew:
            model, scores = self.model
            head |= {"rev": self.rev, "model": model}
            arrays |= scores

        # New colours are not held up by the rest: it comes with the next answer, which is asked
        # for at once.
        if "rev" not in head or not have.get("overview"):
            facts, stamp = self.overview
            if stamp != have.get("overview"):
                head["overview"] = facts | {"stamp": stamp}

        return Message.of(head, arrays) if head else None

    @cached_property
    def visibility(self) -> Visibility:
        """What the viewer may see."""
        return visibility_of(self.state, self.state.order(), self.annotator)

    @cached_property
    def snapshot(self) -> Snapshot:
        """What the classifier says."""
        return self.state.live.snapshot

    @cached_property
    def rev(self) -> str:
        """Which snapshot it is, as far as the viewer may see it."""
        # Snapshots are counted from 0 in every process: a restarted server's are other ones.
        rev = f"{PROCESS}.{self.snapshot.rev}"
        if self.visibility.labels_hidden is not None:
            # What may be told of a prediction, and what is due, changes with one's own labels.
            rev += f".{self.visibility.codes.version}"
        return rev

    @property
    def model(self) -> Model:
        """What the classifier says, in words and figures and of every image.

        A page keeps what it got with a snapshot, whatever is labelled since; so does this.
        """
        codes = self.visibility.codes.codes
        key = self.rev, len(codes), int(np.count_nonzero(codes & AUDIT))
        if self._model is None or self._model[0] != key:
            head = model_head(self.state, self.snapshot, self.visibility)
            self._model = key, (head, image_scores(self.state, self.snapshot, self.visibility))
        return self._model[1]

    @cached_property
    def overview(self) -> tuple[dict[str, Any], str]:
        """The project beside its images, and a hash of that."""
        facts = overview(self.state, self.visibility.codes.position, self.visibility)
        stamp = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
        return facts, stamp


def _changed_labels(
    before: NDArray[np.uint16] | None, codes: NDArray[np.uint16]
) -> dict[str, NDArray[Any]] | None:
    """Return the labels that changed; None where it is as short to send all."""
    if before is None or len(before) != len(codes):
        return None
    rows = np.flatnonzero(before != codes)
    if len(rows) * 3 >= len(codes):
        return None
    return {"changed_rows": rows.astype(np.uint32), "changed_codes": codes[rows]}
