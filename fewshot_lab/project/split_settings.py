"""What is stored of how a project is split, and the reference test set that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import TestRule, test_rows

if TYPE_CHECKING:
    from fewshot_lab.store import ImageColumns, Store


def revision(store: Store) -> int:
    """Return a number that grows with every decision about groups, copies and test set."""
    return int(store.get("splits_rev") or 0)


def changed(store: Store) -> None:
    """Note that groups may be others now."""
    store.set("splits_rev", revision(store) + 1)


def test_rule(store: Store) -> TestRule:
    """Return the rule that is in use."""
    return TestRule.from_dict(store.get("test_set"))


def reference_test(
    store: Store, images: ImageColumns | None = None
) -> tuple[NDArray[np.bool_], str]:
    """Return which of all images are in it (n,), and by what; none where its column has gone."""
    images = images or store.image_columns()
    try:
        return test_rows(images, test_rule(store))
    except FewshotLabError:
        return np.zeros(len(images), dtype=bool), ""
