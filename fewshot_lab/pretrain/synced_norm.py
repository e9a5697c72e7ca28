"""BatchNorm over the batches of all processes.

So that two processes compute what one does with the whole batch. torch's SyncBatchNorm runs on GPUs
alone, and torch.compile cuts its graph at each of them; these few lines run anywhere, and compile
into one graph (``benchmarks/several_processes.py --graphs`` counts them).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


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

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W); in float32, as torch does under autocast."""
        if not self.training:
            return super().forward(x)
        world, rank = dist.get_world_size(), dist.get_rank()
        wide = x.float()
        variances, means = torch.var_mean(wide, (0, 2, 3), correction=0)
        # Everybody's, in one round: a row of each process, where the others' are 0. Sums of squares
        # would be shorter, and lose digits.
        mine = torch.cat([means, variances])[None]
        rows = _total(functional.pad(mine, (0, 0, rank, world - 1 - rank)))
        means, variances = rows.chunk(2, 1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
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
        shift = self.bias - mean * scale
        return (wide * scale.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)).to(x.dtype)


def synced_norms(network: nn.Module, device: torch.device, *, compiled: bool) -> nn.Module:
    """Make a network's BatchNorm layers speak for all processes.

    Parameters
    ----------
    network
    device
    compiled
        Whether torch.compile will run it; else a GPU takes torch's layers, which need less memory.
    """
    if device.type == "cuda" and not compiled:
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
