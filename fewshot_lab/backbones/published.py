"""Backbones of the catalogue: from the hub when asked, or from a file brought by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.catalogue import PUBLISHED
from fewshot_lab.backbones.checkpoints import SUFFIXES
from fewshot_lab.backbones.downloads import downloads
from fewshot_lab.backbones.hub import in_cache, obtain, obtainable
from fewshot_lab.backbones.input_size import check_size
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

ROWS = {row.card.name: row for row in PUBLISHED}


class PublishedBackbone(Backbone):
    """One row of :data:`fewshot_lab.backbones.catalogue.PUBLISHED`."""

    def __init__(self, name: str) -> None:
        self.row = ROWS[name]
        super().__init__(self.row.card, self.row.architecture)
        check_size(self.architecture, self.preprocessing.size)
        self._card = replace(self._card, offline=self.weights() is not None)

    def weights(self) -> Path | None:
        """Return the file brought by hand, else the one in the hub's cache."""
        for suffix in SUFFIXES:
            brought = downloads() / f"{self.name}{suffix}"
            if brought.is_file():
                return brought
        return in_cache(self.row.card.source, self.row.file)

    def available(self) -> tuple[bool, str]:
        """Return whether the weights are here or could be downloaded now."""
        if self.weights() is not None:
            return True, ""
        suffix = Path(self.row.file).suffix
        return obtainable(
            self._card,
            f"bring {self.row.file} of {self._card.source} and put it into {downloads()} as "
            f"{self.name}{suffix}",
        )

    def fetch(self, progress: Progress = silent) -> None:
        """Download the weights if they are not here."""
        if self.weights() is not None:
            return
        ready, sentence = self.available()
        if not ready:
            raise FewshotLabError(sentence)
        obtain(self._card, self.row.card.source, self.row.file, progress)

    def network(self) -> nn.Module:
        """Return the network; downloads the weights if they are not here."""
        from fewshot_lab.backbones.checkpoints import build, load_strictly, read

        self.fetch()
        path = self.weights()
        if path is None:
            raise FewshotLabError(f"The weights of {self.name} have just disappeared; try again.")
        network = build(self.architecture, self.preprocessing.size)
        return load_strictly(network, read(path).tensors, path.name)
