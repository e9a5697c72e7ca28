"""What every backbone can do, wherever its weights come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fewshot_lab.backbones.card import Card
from fewshot_lab.backbones.checkpoints import read
from fewshot_lab.backbones.fingerprint import fingerprint
from fewshot_lab.backbones.loading import build, load_strictly
from fewshot_lab.backbones.parts import Parts
from fewshot_lab.backbones.pooling import pooled, with_pooling
from fewshot_lab.backbones.preprocessing import Preprocessing
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

if TYPE_CHECKING:
    from torch import nn

    from fewshot_lab.backbones.torch_module import Embedder


class Backbone(ABC):
    """A frozen network that turns a picture into an embedding."""

    def __init__(self, card: Card, architecture: str) -> None:
        self._card = card
        self.architecture = architecture

    @abstractmethod
    def weights(self) -> Path | None:
        """Return the file with the weights, or None while it is not on this machine."""

    def network(self) -> nn.Module:
        """Return the bare timm network with its weights, on the CPU, in eval mode.

        Takes normalised (B, 3, size, size) float32 and returns (B, d). Layers are as timm builds
        them, so that training can go on from it. Downloads the weights if they are not here.
        """
        path = self.fetched()
        network = build(self.architecture, self.preprocessing.size)
        return load_strictly(network, read(path).tensors, path.name)

    def available(self) -> tuple[bool, str]:
        """Return whether the backbone can be used now, and a sentence.

        Returns
        -------
        bool
            True if the weights are here or can be downloaded.
        str
            What would happen (a download, its size) or what is in the way; empty if nothing.
        """
        return (True, "") if self.weights() is not None else self.downloadable()

    def fetch(self, progress: Progress = silent) -> None:
        """Download the weights if they are not here.

        Raises
        ------
        FewshotLabError
            If they cannot be downloaded.
        """
        if self.weights() is None:
            ready, sentence = self.available()
            if not ready:
                raise FewshotLabError(sentence)
            self.download(progress)

    def fetched(self) -> Path:
        """Return the file with the weights, downloaded if it was not here."""
        self.fetch()
        path = self.weights()
        if path is None:
            raise FewshotLabError(f"The weights of {self.name} have just disappeared; try again.")
        return path

    def downloadable(self) -> tuple[bool, str]:
        """Return whether weights that are not here could be downloaded now, and a sentence."""
        return False, f"The weights of {self.name} are not on this machine."

    def download(self, progress: Progress) -> None:
        """Download the weights; asked for only where :meth:`downloadable` says that it works."""
        raise NotImplementedError

    def will_download(self) -> str:
        """Say that a download is ahead."""
        return f"{self._card.title} will be downloaded once ({self._card.size_mb:,.0f} MB)."

    def no_network(self, instead: str) -> str:
        """Say that a download is needed and there is no network, and what to do instead."""
        return (
            f"{self._card.title} must be downloaded once ({self._card.size_mb:,.0f} MB) and there "
            f"is no network; {instead}."
        )

    @property
    def card(self) -> Card:
        """The card, with the fingerprint if the weights are here."""
        if self.weights() is None:
            return self._card
        return replace(self._card, offline=True, fingerprint=self.fingerprint)

    @property
    def name(self) -> str:
        """What :func:`fewshot_lab.backbones.find` takes."""
        return self._card.name

    @property
    def preprocessing(self) -> Preprocessing:
        """How a picture becomes the input."""
        return self._card.preprocessing

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over weights, preprocessing and code version.

        Downloads the weights if they are not here, because only they can tell.
        """
        weights = self.fetched()
        built = with_pooling(self.architecture, self._card.pooling)
        return fingerprint(weights, built, self.preprocessing, self.extra)

    def reader(self) -> nn.Module:
        """Return what embeds: normalised (B, 3, size, size) float32 to (B, d)."""
        from fewshot_lab.backbones.torch_module import fold_batch_norm

        return pooled(fold_batch_norm(self.network()), self._card.pooling)

    @property
    def parts(self) -> Parts:
        """What the numbers of an embedding are."""
        return Parts.final(self._card.dimensions)

    @property
    def extra(self) -> dict[str, Any]:
        """What changes an embedding beside weights, architecture and preprocessing."""
        return {}

    def load(self, device: str = "cpu") -> Embedder:
        """Build the network for inference.

        Returns
        -------
        Embedder
            In eval mode on `device`: uint8 (B, size, size, 3) to float32 (B, d), normalisation
            inside.
        """
        import torch

        from fewshot_lab.backbones.torch_module import Embedder

        module = Embedder(self.reader(), self.preprocessing).eval().requires_grad_(False)
        return module.to(memory_format=torch.channels_last).to(device)
