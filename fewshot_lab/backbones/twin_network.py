"""The torch side of the twin backbone."""

from typing import Any

import torch
from torch import Tensor, nn

from fewshot_lab.backbones.parts import FINAL, STAGE, Parts
from fewshot_lab.backbones.stages import moments
from fewshot_lab.errors import FewshotLabError

SHARED = 3
"""Blocks, behind the stem, that are the same in both networks."""


class TwinReader(nn.Module):
    """Two EfficientNets of timm that share stem and first blocks.

    Parameters
    ----------
    first, second
        The ImageNet and the DINO half; BatchNorm folded, no classifier.
    read
        The blocks whose pooled output is given, too.

    Raises
    ------
    FewshotLabError
        If their first blocks differ: then each would need its own.
    """

    def __init__(self, first: Any, second: Any, read: tuple[int, ...]) -> None:
        super().__init__()
        self.read = read
        self.trunk = nn.Sequential(first.conv_stem, first.bn1, *first.blocks[:SHARED])
        other = nn.Sequential(second.conv_stem, second.bn1, *second.blocks[:SHARED])
        ours, theirs = self.trunk.state_dict(), other.state_dict()
        if not all(torch.equal(ours[key], theirs[key]) for key in ours):
            raise FewshotLabError("The two networks of the twin backbone share no first blocks.")
        self.tails = nn.ModuleList(
            nn.ModuleList([*each.blocks[SHARED:], nn.Sequential(each.conv_head, each.bn2)])
            for each in (first, second)
        )
        lengths = [
            (f"{FINAL} ImageNet", first.num_features),
            (f"{FINAL} DINO", second.num_features),
        ]
        for block in read:
            width = 2 * int(first.blocks[block][-1].conv_pwl.out_channels)
            names = [f"{STAGE} {block}"]
            if block >= SHARED:
                names = [f"{STAGE} {block} ImageNet", f"{STAGE} {block} DINO"]
            lengths += [(name, width) for name in names]
        self.parts = Parts(tuple(lengths))

    def forward(self, x: Tensor) -> Tensor:
        """Return both final embeddings and the pooled stages, (B, d)."""
        finals: list[Tensor] = []
        stages: dict[int, list[Tensor]] = {block: [] for block in self.read}
        for number, module in enumerate(self.trunk):
            x = module(x)
            if (block := number - 2) in stages:
                stages[block].append(moments(x))
        for tail in self.tails:
            y = x
            for number, module in enumerate(tail):  # type: ignore[arg-type]
                y = module(y)
                if (block := number + SHARED) in stages:
                    stages[block].append(moments(y))
            finals.append(y.float().mean(dim=(2, 3)))
        return torch.cat([*finals, *(each for read in stages.values() for each in read)], dim=1)
