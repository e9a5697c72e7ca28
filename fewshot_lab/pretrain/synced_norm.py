"""BatchNorm over the batches of all processes.

torch's SyncBatchNorm runs on GPUs alone; on CPUs a few lines do the same, so that two processes
compute what one does with the whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Total(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _total(x: Tensor) -> Tensor:
    total: Tensor = _Total.apply(x)
    return total


class _SyncedNorm(nn.BatchNorm2d):
    """BatchNorm2d whose mean and variance are those of all processes (equal shares)."""

    after: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if not self.training:
            return super().forward(x)
        world = dist.get_world_size()
        mean = _total(x.mean((0, 2, 3))) / world
        # In two rounds: the mean of squares less the square of the mean would lose digits.
        centred = x - mean.view(1, -1, 1, 1)
        variance = _total(centred.square().mean((0, 2, 3))) / world
        if self.track_running_stats and self.running_mean is not None:
            assert self.running_var is not None and self.num_batches_tracked is not None
            with torch.no_grad():
                count = x.numel() / x.shape[1] * world
                part = self.momentum if self.momentum is not None else 0.1
                self.num_batches_tracked.add_(1)
                self.running_mean.lerp_(mean, part)
                self.running_var.lerp_(variance * count / max(1, count - 1), part)
        # torch's own function would send no gradient through mean and variance.
        scale = (variance + self.eps).rsqrt() * self.weight
        return centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)


def synced_norms(network: nn.Module, device: torch.device) -> nn.Module:
    """Make a network's BatchNorm layers speak for all processes."""
    if device.type == "cuda":
        from timm.layers import convert_sync_batchnorm

        result: nn.Module = convert_sync_batchnorm(network)
        return result
    for parent in list(network.modules()):
        for child in parent.children():
            if isinstance(child, nn.BatchNorm2d):
                _swap(child)
    return network


def _swap(norm: nn.BatchNorm2d) -> None:
    """Give a layer the synced way of normalising, keeping what follows it in timm's layers."""
    follows = type(norm) is not nn.BatchNorm2d
    norm.__class__ = _SyncedNormAct if follows else _SyncedNorm


class _SyncedNormAct(_SyncedNorm):
    """timm's BatchNormAct2d: normalise, drop, activate."""

    drop: nn.Module
    act: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and activate (B, C, H, W)."""
        result: Tensor = self.act(self.drop(super().forward(x)))
        return result
