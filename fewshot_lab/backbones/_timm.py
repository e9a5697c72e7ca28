"""timm's models by name; their weights are downloaded only when asked."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.backbones._backbone import Backbone
from fewshot_lab.backbones._card import Card
from fewshot_lab.backbones._network import reachable
from fewshot_lab.backbones._preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

PREFIX = "timm:"


def _dino(name: str, title: str, size_mb: float, dimensions: int) -> Card:
    return Card(
        name=PREFIX + name,
        title=title,
        source=f"timm/{name}",
        licence="Apache-2.0",
        training="ImageNet-1k without labels (DINO, Caron et al. 2021)",
        size_mb=size_mb,
        dimensions=dimensions,
        preprocessing=Preprocessing(
            size=224, resize="crop", crop=0.9, mean=IMAGENET_MEAN, std=IMAGENET_STD
        ),
        offline=False,
    )


def _dinov2(name: str, title: str, size_mb: float, dimensions: int) -> Card:
    return Card(
        name=PREFIX + name,
        title=title,
        source=f"timm/{name}",
        licence="Apache-2.0",
        training="LVD-142M without labels (DINOv2, Oquab et al. 2023)",
        size_mb=size_mb,
        dimensions=dimensions,
        preprocessing=Preprocessing(size=224, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        offline=False,
        note="Run at 224 px, position embeddings resized; it was finished at 518 px.",
    )


def _dinov3(name: str, title: str, size_mb: float, dimensions: int) -> Card:
    return Card(
        name=PREFIX + name,
        title=title,
        source=f"timm/{name}",
        licence="DINOv3 License (has conditions of its own: read it before publishing)",
        training="LVD-1689M without labels (DINOv3, Siméoni et al. 2025)",
        size_mb=size_mb,
        dimensions=dimensions,
        preprocessing=Preprocessing(size=256, mean=IMAGENET_MEAN, std=IMAGENET_STD),
        offline=False,
    )


CARDS = (
    _dino("vit_small_patch16_224.dino", "DINO ViT-S/16", 87, 384),
    _dino("vit_small_patch8_224.dino", "DINO ViT-S/8", 87, 384),
    _dino("vit_base_patch16_224.dino", "DINO ViT-B/16", 343, 768),
    _dino("vit_base_patch8_224.dino", "DINO ViT-B/8", 343, 768),
    _dinov2("vit_small_patch14_dinov2.lvd142m", "DINOv2 ViT-S/14", 88, 384),
    _dinov2("vit_base_patch14_dinov2.lvd142m", "DINOv2 ViT-B/14", 346, 768),
    _dinov3("vit_small_patch16_dinov3.lvd1689m", "DINOv3 ViT-S/16", 86, 384),
    _dinov3("vit_base_patch16_dinov3.lvd1689m", "DINOv3 ViT-B/16", 343, 768),
)


def card_of(name: str) -> Card:
    """Return the card of a timm model, written by hand or read from timm's own table.

    Parameters
    ----------
    name
        With or without the tag, without :data:`PREFIX`.

    Raises
    ------
    FewshotLabError
        If timm has no weights under this name; the closest names are given.
    """
    for card in CARDS:
        if card.name == PREFIX + name:
            return card
    import timm
    import torch

    known = timm.list_models(pretrained=True)
    config = timm.get_pretrained_cfg(name) if name in known or name in timm.list_models() else None
    if config is None or not config.hf_hub_id:
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(PREFIX + c for c in close)}?" if close else "."
        raise FewshotLabError(f"timm has no weights named {name!r}{hint}")
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, num_classes=0)
    parameters = sum(p.numel() for p in network.parameters())
    squash = config.crop_pct >= 1 or config.crop_mode == "squash"
    return Card(
        name=PREFIX + name,
        title=name,
        source=str(config.hf_hub_id),
        licence=str(config.license or "not stated"),
        training=f"tag {config.tag!r} of timm" if config.tag else "see the source",
        size_mb=round(parameters * 4 / 1e6, 1),
        dimensions=int(network.num_features),  # type: ignore[arg-type]
        preprocessing=Preprocessing(
            size=int(config.input_size[-1]),
            resize="squash" if squash else "crop",
            crop=1.0 if squash else float(config.crop_pct),
            interpolation="bilinear" if config.interpolation == "bilinear" else "bicubic",
            mean=tuple(config.mean),  # type: ignore[arg-type]
            std=tuple(config.std),  # type: ignore[arg-type]
        ),
        offline=False,
    )


class TimmBackbone(Backbone):
    """A timm model whose weights lie in the hub's cache, or will."""

    def __init__(self, card: Card) -> None:
        name = card.name.removeprefix(PREFIX)
        super().__init__(replace(card, offline=_cached(name) is not None), name)

    def weights(self) -> Path | None:
        """Return the file in the hub's cache on this machine."""
        return _cached(self.architecture)

    def available(self) -> tuple[bool, str]:
        """Return whether the weights are here or the hub answers."""
        if self.weights() is not None:
            return True, ""
        from huggingface_hub.constants import ENDPOINT

        size = f"{self._card.size_mb:.0f} MB"
        if reachable(ENDPOINT):
            return True, f"{self._card.title} will be downloaded once ({size})."
        return False, (
            f"{self._card.title} must be downloaded once ({size}) and there is no network; "
            "choose the embedded backbone or a checkpoint file."
        )

    def fetch(self, progress: Progress = silent) -> None:
        """Download the weights if they are not here."""
        if self.weights() is not None:
            return
        ready, sentence = self.available()
        if not ready:
            raise FewshotLabError(sentence)
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        progress("downloading", 0, None)
        repository, _ = _repository(self.architecture)
        try:
            hf_hub_download(repository, "model.safetensors", etag_timeout=10)
        # The hub's client has a family of errors of its own, beside those of its HTTP library.
        except Exception as error:
            reason = str(error).strip().splitlines()
            raise FewshotLabError(
                f"{self._card.title} could not be downloaded: "
                f"{reason[0] if reason else type(error).__name__}"
            ) from error

    def network(self) -> nn.Module:
        """Return the network; downloads the weights if they are not here."""
        from fewshot_lab.backbones._checkpoints import build, load_strictly, read

        self.fetch()
        path = self.weights()
        if path is None:
            raise FewshotLabError(f"The weights of {self._card.name} left the cache; try again.")
        network = build(self.architecture, self.preprocessing.size)
        load_strictly(network, read(path).tensors, path.name)
        return network


def _repository(name: str) -> tuple[str, str]:
    for card in CARDS:
        if card.name == PREFIX + name:
            return card.source, name
    import timm

    config = timm.get_pretrained_cfg(name)
    return (str(config.hf_hub_id) if config and config.hf_hub_id else f"timm/{name}"), name


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(_repository(name)[0], "model.safetensors")
    return Path(found) if isinstance(found, str) else None
