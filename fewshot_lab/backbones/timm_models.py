"""timm's models by name; their weights are downloaded only when asked."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fewshot_lab.backbones.backbone import Backbone
from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.catalogue import PREFIX, TIMM
from fewshot_lab.backbones.hub import in_cache, obtain, obtainable
from fewshot_lab.backbones.licence import classify
from fewshot_lab.backbones.preprocessing import Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

CARDS = TIMM
_FILE = "model.safetensors"


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
        licence_class=classify(str(config.license or "")),
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
        return obtainable(self._card, "choose the embedded backbone or a checkpoint file")

    def fetch(self, progress: Progress = silent) -> None:
        """Download the weights if they are not here."""
        if self.weights() is not None:
            return
        ready, sentence = self.available()
        if not ready:
            raise FewshotLabError(sentence)
        obtain(self._card, _repository(self.architecture)[0], _FILE, progress)

    def network(self) -> nn.Module:
        """Return the network; downloads the weights if they are not here."""
        from fewshot_lab.backbones.checkpoints import build, load_strictly, read

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
    return in_cache(_repository(name)[0], _FILE)
