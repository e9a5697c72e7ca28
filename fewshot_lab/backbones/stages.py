"""Reading a network in several places in one forward pass: its last layer and inner stages.

What an inner stage of a frozen network has seen serves a small classifier beside its last layer
(Evci et al. 2022, Head2Toe). A convolutional stage, or XCiT's, is pooled to the mean and standard
deviation of each channel over the picture; a vision transformer's block to its class token and
the mean of its patches, as DINO's linear evaluation takes them (Caron et al. 2021).
"""

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from fewshot_lab.backbones.parts import FINAL, STAGE, Parts
from fewshot_lab.backbones.torch_module import ClassAndMean
from fewshot_lab.errors import FewshotLabError

LAST_BLOCKS = 4
"""Of a transformer, whose blocks all see the picture equally finely, the last ones are read."""

LARGEST = 65_000.0
"""Embeddings are stored as fp16, which ends there."""


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
        self.head = network
        self.network = network = network.network if isinstance(network, ClassAndMean) else network
        if not hasattr(network, "forward_intermediates"):
            raise FewshotLabError(
                f"The stages of {type(network).__name__} cannot be read: use it without +stages."
            )
        info = list(network.feature_info)  # type: ignore[arg-type]
        if chosen is None:
            blocks_alike = len({entry["reduction"] for entry in info}) == 1
            all_stages = tuple(range(len(info)))
            chosen = all_stages[-LAST_BLOCKS:] if blocks_alike else all_stages[1:-1]
        elif chosen[-1] >= len(info):
            raise FewshotLabError(
                f"{type(network).__name__} has the stages 0 to {len(info) - 1}, not {chosen[-1]}."
            )
        self.chosen = chosen
        # XCiT has a class token, too, but not before its last blocks.
        takes = inspect.signature(network.forward_intermediates).parameters  # type: ignore[arg-type]
        prefixed = int(getattr(network, "num_prefix_tokens", 0)) > 0
        self._tokens = prefixed and "return_prefix_tokens" in takes

    def forward(self, x: Tensor) -> Tensor:
        """Return the final embedding and the pooled stages, (B, d), of normalised (B, 3, h, w)."""
        network: Any = self.network
        more = {"return_prefix_tokens": True} if self._tokens else {}
        last, stages = network.forward_intermediates(x, indices=list(self.chosen), **more)
        pooled = [_with_class_token(*stage) if self._tokens else moments(stage) for stage in stages]
        return torch.cat([self.head.forward_head(last).float(), *pooled], dim=1)  # type: ignore[operator]

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
