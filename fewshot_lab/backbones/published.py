"""Backbones of the catalogue: from the hub when asked, or from a file brought by hand."""

from pathlib import Path

from fewshot_lab.backbones.catalogue import PUBLISHED
from fewshot_lab.backbones.checkpoints import SUFFIXES
from fewshot_lab.backbones.downloads import downloads
from fewshot_lab.backbones.hub import HubBackbone
from fewshot_lab.backbones.input_size import check_size

ROWS = {row.card.name: row for row in PUBLISHED}


class PublishedBackbone(HubBackbone):
    """One row of :data:`fewshot_lab.backbones.catalogue.PUBLISHED`."""

    def __init__(self, name: str) -> None:
        row = ROWS[name]
        check_size(row.architecture, row.card.preprocessing.size)
        super().__init__(row.card, row.architecture, row.card.source, row.file)
        self.without_network = (
            f"bring {row.file} of {row.card.source} and put it into {downloads()} as "
            f"{name}{Path(row.file).suffix}"
        )

    def weights(self) -> Path | None:
        """Return the file brought by hand, else the one in the hub's cache."""
        for suffix in SUFFIXES:
            brought = downloads() / f"{self.name}{suffix}"
            if brought.is_file():
                return brought
        return super().weights()
