"""Counts of what a classifier sees, kept from run to run: no picture, no name.

predict.py in a bundle carries this text.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.drift import PoolReference, StreamCounts, judge_stream
from fewshot_lab.whole_files import writing_table
from fewshot_lab.words import first_few

TO_LABEL = 30
"""Images drawn at random whose labels tell how right the classifier still is."""


class Watch:
    """What one run adds to the counts of a folder.

    Parameters
    ----------
    folder : path
        Where counts are kept, a small file a run; made where it is not there.
    reference : PoolReference or None
        What the pool looked like to the classifier.
    names : list of str
        The classes, in the order of the probabilities.

    Raises
    ------
    FewshotLabError
        Where the bundle has no reference, or the folder cannot be written.
    """

    def __init__(self, folder: Path, reference: PoolReference | None, names: list[str]):
        if reference is None:
            raise FewshotLabError("This bundle cannot watch: export the classifier again.")
        self.folder, self._reference, self._names = folder, reference, names
        # Bins are those of one classifier: counts by another mean something else.
        own_pool = json.dumps([reference.to_dict(), names], sort_keys=True)
        self._classifier = hashlib.sha256(own_pool.encode()).hexdigest()[:16]
        now = datetime.now(timezone.utc)  # noqa: UP017 (predict.py runs on Python 3.9)
        stamp = now.strftime("%Y%m%dT%H%M%S%f")
        self._file = folder / f"counts-{stamp}.json"
        try:  # said before any picture is looked at
            folder.mkdir(parents=True, exist_ok=True)
            self._file.touch()
            self._file.unlink()
        except OSError as error:
            raise FewshotLabError(
                f"{folder} cannot be written ({error.strerror}): choose another folder to watch in."
            ) from None
        self._probabilities: list[np.ndarray] = []
        self._unlike: list[bool] = []
        self._drawn: list[str] = []

    def passing(self, rows: Iterable[Any]) -> Iterator[Any]:
        """Yield predictions as they come, and count those that have one."""
        draw = random.SystemRandom()
        for row in rows:
            if row.probabilities is not None:
                self._probabilities.append(row.probabilities)
                self._unlike.append(bool(row.unlike))
                # Each image has the same chance, however many will come (Vitter 1985, ACM TOMS 11).
                at = draw.randrange(len(self._unlike))
                if len(self._drawn) < TO_LABEL:
                    self._drawn.append(row.path)
                elif at < TO_LABEL:
                    self._drawn[at] = row.path
            yield row

    def finish(self, out: Path) -> str:
        """Keep the counts, and say what all of them tell.

        Parameters
        ----------
        out : path
            The CSV of predictions; where the images are no longer like the pool, a list of some
            to label is written beside it, as ``NAME.label.csv``.
        """
        if self._unlike:
            counts = self._reference.count(np.array(self._probabilities), np.array(self._unlike))
            kept = {"classifier": self._classifier, **counts.to_dict()}
            self._file.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        looks, unreadable = [], []
        for file in sorted(self.folder.glob("counts-*.json")):
            try:
                kept = json.loads(file.read_text("utf-8"))
                look = StreamCounts.of_dict(kept)
                if kept["classifier"] != self._classifier or not look.fits(self._reference.counts):
                    raise ValueError
                looks.append(look)
            except (OSError, ValueError, KeyError, TypeError, OverflowError):
                unreadable.append(file.name)
        drift = judge_stream(self._reference, looks, self._names)
        sentence = f"Watch: {drift.sentence}"
        if unreadable:
            sentence += f" Left out, since not counts of this classifier: {first_few(unreadable)}."
        if drift.changed and self._drawn:
            listed = out.with_name(f"{out.stem}.label.csv")
            with writing_table(listed, ["path", "label"]) as write:
                for path in sorted(self._drawn):
                    write([path, ""])
            sentence += (
                f" To settle it, label the {len(self._drawn)} images in {listed}, drawn at random, "
                "without looking at their predictions; the app takes them as an audit of this site."
            )
        return sentence
