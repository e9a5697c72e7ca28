"""Reading a network in several places in one forward pass: its last layer and inner stages.

What an inner stage of a frozen network has seen serves a small classifier beside its last layer
(Evci et al. 2022, Head2Toe). A convolutional stage, or XCiT's, is pooled to the mean and standard
deviation of each channel over the picture; a vision transformer's block to its class token and
the mean of its patches, as DINO's linear evaluation takes them (Caron et al. 2021).
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fewshot_lab.backbones._backbone import Backbone
from fewshot_lab.backbones._parts import FINAL, STAGE, Parts
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.progress import Progress, silent

SUFFIX = "+stages"
"""Behind a backbone's name: its inner stages too; ``+stages=1,3`` chooses which, as timm counts."""

LAST_BLOCKS = 4
"""Of a transformer, whose blocks all see the picture equally finely, the last ones are read."""

LARGEST = 65_000.0
"""Embeddings are stored as fp16, which ends there."""


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


class StageReader(nn.Module):
    """A timm network read at its end and in between.

    Parameters
    ----------
    network
        Of timm, with ``forward_intermediates``; without a classifier.
    chosen
        Stages by timm's number; those that suit the architecture if None: of a convolutional
        network all but the first, which sees little more than colour, and the last, which the
        final embedding is a function of; of a transformer the last four blocks.

    Attributes
    ----------
    chosen : tuple of int
    """

    def __init__(self, network: nn.Module, chosen: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.network = network
        if not hasattr(network, "forward_intermediates"):
            raise FewshotLabError(
                f"The stages of {type(network).__name__} cannot be read: use it without {SUFFIX}."
            )
        info = list(network.feature_info)  # type: ignore[arg-type]
        finenesses = {entry["reduction"] for entry in info}
        self._alike = len(finenesses) == 1
        if chosen is None:
            count = len(info)
            usual = range(max(0, count - LAST_BLOCKS), count) if self._alike else range(1, count - 1)
            chosen = tuple(usual)
        elif chosen[-1] >= len(info):
            raise FewshotLabError(
                f"{type(network).__name__} has the stages 0 to {len(info) - 1}, not {chosen[-1]}."
            )
        self.chosen = chosen
        self._tokens = self._alike and int(getattr(network, "num_prefix_tokens", 0)) > 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the final embedding and the pooled stages, (B, d), of normalised (B, 3, h, w)."""
        network: Any = self.network
        more = {"return_prefix_tokens": True} if self._tokens else {}
        last, stages = network.forward_intermediates(x, indices=list(self.chosen), **more)
        pooled = [_with_class_token(*stage) if self._tokens else moments(stage) for stage in stages]
        return torch.cat([network.forward_head(last).float(), *pooled], dim=1)

    def lengths(self, size: int) -> Parts:
        """Return the parts of what :meth:`forward` gives for pictures of so many pixels."""
        with torch.inference_mode():
            whole = int(self(torch.zeros(1, 3, size, size)).shape[1])
        channels = [self.network.feature_info[n]["num_chs"] for n in self.chosen]  # type: ignore[index]
        stages = [(f"{STAGE} {n}", 2 * int(c)) for n, c in zip(self.chosen, channels, strict=True)]
        return Parts(((FINAL, whole - sum(length for _, length in stages)), *stages))


def moments(stage: Tensor) -> Tensor:
    """Return mean and standard deviation over the picture (B, 2 c) of a stage (B, c, h, w)."""
    values = stage.float().flatten(2)
    mean = values.mean(dim=2)
    spread = (values - mean[:, :, None]).square().mean(dim=2).sqrt()
    return torch.cat([mean, spread], dim=1).clamp(-LARGEST, LARGEST)


def _with_class_token(stage: Tensor, tokens: Tensor) -> Tensor:
    """Return class token and mean of the patches (B, 2 c)."""
    pooled = torch.cat([tokens[:, 0], stage.flatten(2).mean(dim=2)], dim=1)
    return pooled.float().clamp(-LARGEST, LARGEST)


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
        card = replace(base.card, name=base.name + SUFFIX + which, fingerprint="")
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
        return StageReader(self.base.reader(), self.chosen)

    @property
    def extra(self) -> dict[str, Any]:
        """What of the readings changes an embedding."""
        return {"stages": "usual" if self.chosen is None else list(self.chosen)}

    @cached_property
    def parts(self) -> Parts:
        """The parts of an embedding; builds the network the first time."""
        reader = self.reader()
        assert isinstance(reader, StageReader)
        return reader.lengths(self.preprocessing.size)
