"""The default: two networks that share their first half, read at both ends and in between.

The shipped DINO weights were pretrained with the first stages of the ImageNet weights at rest, so
these stages are the same in both networks, number by number, and are run once.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones import embedded
from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.catalogue import SHIPPED
from fewshot_lab.backbones.parts import Parts
from fewshot_lab.backbones.preprocessing import HALF, Preprocessing
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import nn

NAME = "efficientnet-lite0-twin"
DINO = "efficientnet-lite0-dino"
DINO_WEIGHTS = Path(__file__).parent / "weights" / f"{DINO}.safetensors"
READ = (2, 3, 4, 5)
"""Blocks that are read: neither the first, which see little more than colour, nor the last."""

CARD = Card(
    name=NAME,
    title="EfficientNet-Lite0, ImageNet beside DINO",
    source=f"{embedded.CARD.source}, and {DINO} of Fewshot Lab (docs/embedded-backbone.md)",
    licence="Apache-2.0; one half trained on images under CC BY 4.0 (Acevedo et al. 2020)",
    training=(
        "one half ImageNet-1k, supervised; the other ImageNet-1k, then DINO without labels on "
        "peripheral blood cells (Acevedo et al. 2020)"
    ),
    size_mb=32.5,
    dimensions=2560,
    preprocessing=Preprocessing(size=160, resize="squash", mean=HALF, std=HALF),
    note="The default. Works with no network, and fast without a GPU.",
    leaks=SHIPPED[DINO]["leaks"],
    good_for="Any kind of image; best of what comes with the app on most kinds tried.",
    licence_class="open",
    domain=embedded.CARD.domain,
)


class TwinBackbone(Backbone):
    """Both embedded networks as one, inner stages included."""

    def __init__(self) -> None:
        super().__init__(CARD, "tf_efficientnet_lite0 twin")
        self._imagenet = embedded.EmbeddedEfficientNet()

    def weights(self) -> Path | None:
        """Return the shipped half's file; None while the other half's package is missing."""
        return DINO_WEIGHTS if self._imagenet.weights() is not None else None

    def downloadable(self) -> tuple[bool, str]:
        """Return that the other half's package is to be installed."""
        return self._imagenet.downloadable()

    def network(self) -> nn.Module:
        """Refuse: pretraining starts from one network."""
        raise FewshotLabError(
            f"{NAME} is two networks in one: start from {DINO} or {embedded.NAME}."
        )

    def reader(self) -> nn.Module:
        """Return both networks as one: normalised (B, 3, size, size) float32 to (B, d)."""
        from fewshot_lab.backbones.checkpoint_file import FileBackbone
        from fewshot_lab.backbones.twin_network import TwinReader

        dino = FileBackbone(DINO_WEIGHTS, name=DINO)
        return TwinReader(self._imagenet.reader(), dino.reader(), READ)

    @property
    def extra(self) -> dict[str, Any]:
        """What changes an embedding beside the shipped half's weights."""
        return {"other": self._imagenet.fingerprint, "stages": list(READ)}

    @cached_property
    def parts(self) -> Parts:
        """The parts of an embedding; builds the networks the first time."""
        reader: Any = self.reader()
        parts: Parts = reader.parts
        return parts
