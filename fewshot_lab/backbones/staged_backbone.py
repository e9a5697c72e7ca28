"""Another backbone, read in its inner stages too."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.parts import Parts
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

SUFFIX = "+stages"
"""Behind a backbone's name: its inner stages too; ``+stages=1,3`` chooses which, as timm counts."""


def split_name(name: str) -> tuple[str, tuple[int, ...] | None, bool]:
    """Return a name without :data:`SUFFIX`, the stages it chooses, and whether it has the suffix.

    Raises
    ------
    FewshotLabError
        If what follows the suffix is no list of numbers.
    """
    bare, suffix, chosen = name.partition(SUFFIX)
    if not suffix:
        return name, None, False
    if not chosen:
        return bare, None, True
    if not re.fullmatch(r"=\d+(,\d+)*", chosen):
        raise FewshotLabError(
            f"{name!r} does not say which stages: write {SUFFIX}, or {SUFFIX}=1,2 for some of them."
        )
    return bare, tuple(sorted({int(number) for number in chosen[1:].split(",")})), True


class StagedBackbone(Backbone):
    """Another backbone, read in its inner stages too.

    Parameters
    ----------
    base
        What it is without.
    chosen
        Stages by timm's number; those that suit the architecture if None.
    """

    def __init__(self, base: Backbone, chosen: tuple[int, ...] | None = None) -> None:
        which = "" if chosen is None else "=" + ",".join(map(str, chosen))
        card = replace(
            base.card,
            name=base.name + SUFFIX + which,
            title=f"{base.card.title}, with inner stages",
            fingerprint="",
        )
        super().__init__(card, base.architecture)
        self.base, self.chosen = base, chosen

    def weights(self) -> Path | None:
        """Return the file with the weights, or None while it is not on this machine."""
        return self.base.weights()

    def available(self) -> tuple[bool, str]:
        """Return whether the backbone can be used now, and a sentence."""
        return self.base.available()

    def fetch(self, progress: Progress = silent) -> None:
        """Download the weights if they are not here."""
        self.base.fetch(progress)

    def network(self) -> nn.Module:
        """Return the network alone, without the readings: what pretraining starts from."""
        return self.base.network()

    def reader(self) -> nn.Module:
        """Return the network with the readings: (B, 3, size, size) to (B, d)."""
        from fewshot_lab.backbones.stages import StageReader

        return StageReader(self.base.reader(), self.chosen)

    @property
    def extra(self) -> dict[str, Any]:
        """What of the readings changes an embedding."""
        return {"stages": "usual" if self.chosen is None else list(self.chosen)}

    @cached_property
    def parts(self) -> Parts:
        """The parts of an embedding; builds the network the first time."""
        reader: Any = self.reader()
        lengths: Parts = reader.lengths(self.preprocessing.size)
        return lengths
