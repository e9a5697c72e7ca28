"""DINO's projection head."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Head(nn.Module):
    """Three layers to a bottleneck of unit length, then prototypes of unit length.

    As in Caron et al. 2021, appendix C: GELU between the layers, no BatchNorm, a weight-normalised
    last layer without bias whose lengths stay 1, so that an output is the cosine to a prototype.

    Parameters
    ----------
    width
        Of the backbone's embedding.
    hidden, bottleneck, prototypes
        See :class:`fewshot_lab.pretrain.Recipe`.
    """

    def __init__(self, width: int, hidden: int, bottleneck: int, prototypes: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        for layer in self.mlp:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        # Directions alone: their lengths do not count, so no second parameter holds them.
        self.prototypes = nn.Parameter(torch.empty(prototypes, bottleneck))
        nn.init.trunc_normal_(self.prototypes, std=0.02)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return (B, prototypes) cosines of (B, width) embeddings."""
        x = functional.normalize(self.mlp(embedding), dim=-1)
        return x @ functional.normalize(self.prototypes, dim=-1).t()
