"""What must stay together in a project."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from fewshot_lab.project.embedded import WithEmbeddings

if TYPE_CHECKING:
    import numpy as np

    from fewshot_lab.project.splits import Splits


class WithSplits(WithEmbeddings):
    """Groups, near-duplicates and test set of a project."""

    @cached_property
    def splits(self) -> Splits:
        """What must not be torn apart: groups, near-duplicates, the reference test set."""
        from fewshot_lab.project.splits import Splits

        return Splits(self)

    def groups_of(self, ids: Sequence[str]) -> np.ndarray | None:
        """Return the name of what each image must stay together with, in every split.

        Its group by the project's rule, joined with its near-duplicates; see :attr:`splits`.
        None where every image stands alone.
        """
        return self.splits.groups_of(ids)
