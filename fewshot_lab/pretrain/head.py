"""DINO's projection head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional


class Head(nn.Module):
    """Three layers to a bottleneck of unit length, then prototypes of unit length.

    As in Caron et al. 2021, appendix C: GELU between the layers, no BatchNorm, a weight-normalised
    last layer without bias whose lengths stay 1, so that an output is the cosine to a prototype.
    Where a head is brought whose lengths were learnt (``norm_last_layer=False`` in Meta's code),
    they are kept as they are.

    Parameters
    ----------
    width
        Of the backbone's embedding.
    hidden, bottleneck, prototypes
        See :class:`fewshot_lab.pretrain.Recipe`.
    """

    lengths: Tensor | None

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
        self.register_buffer("lengths", None)

    def bring(self, state: Mapping[str, Tensor]) -> None:
        """Take over another head's weights, with ``lengths`` of (prototypes,) where it has some."""
        self.register_buffer("lengths", state.get("lengths"))
        self.load_state_dict(state)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return (B, prototypes) cosines of (B, width) embeddings."""
        x = functional.normalize(self.mlp(embedding), dim=-1)
        cosines = x @ functional.normalize(self.prototypes, dim=-1).t()
        return cosines if self.lengths is None else cosines * self.lengths
