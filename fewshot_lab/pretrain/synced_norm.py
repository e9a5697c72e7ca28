"""BatchNorm over the batches of all processes.

So that two processes compute what one does with the whole batch. torch's SyncBatchNorm runs on GPUs
alone, and torch.compile cuts its graph at each of them; these few lines run anywhere, and compile
into one graph (``benchmarks/several_processes.py --graphs`` counts them).
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional


class _Normalise(torch.autograd.Function):
    """Normalise by the mean and variance of all processes; so does the gradient.

    Passes over ``x`` and exchanges are what it costs: two and one forward, three and one backward.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        # Means and variances of each: sums of squares would be shorter, and lose digits.
        # In the weights' precision, which under autocast is more than that of x.
        wide = x.to(weight.dtype)
        own = torch.stack(torch.ops.aten.batch_norm_update_stats(wide, None, None, 0.0))
        means, variances = _of_all(own).unbind(1)
        between, mean = torch.var_mean(means, 0, correction=0)
        variance = variances.mean(0) + between
        ctx.save_for_backward(x, weight, mean, variance)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, variance)
        out = functional.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)
        return out, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, variance = ctx.saved_tensors
        _, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            *(gradients[0], x, weight, mean, variance, None, None, False, ctx.eps),
            [False, True, True],
        )
        sums = _of_all(torch.stack([of_weight, of_bias])).sum(0)
        along, part = sums * (x.shape[1] / (x.numel() * dist.get_world_size()))
        # weight / deviation * (gradient - part) - slope * (x - mean), the first term and the
        # constants by the kernel that normalises.
        slope = weight * along / (variance + ctx.eps)
        back = functional.batch_norm(
            gradients[0], part, variance, weight, slope * mean, False, 0.0, ctx.eps
        )
        back.addcmul_(x, slope.view(1, -1, 1, 1), value=-1)
        return back, of_weight, of_bias, None


def _of_all(value: Tensor) -> Tensor:
    """Return the (world, ...) tensors of all processes: one exchange, where a sum takes two."""
    rows = [torch.empty_like(value) for _ in range(dist.get_world_size())]
    dist.all_gather(rows, value)
    return torch.stack(rows)


class _SyncedNorm(nn.BatchNorm2d):
    """BatchNorm2d whose mean and variance are those of all processes (equal shares)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if not self.training:
            return super().forward(x)
        out, mean, variance = _Normalise.apply(x, self.weight, self.bias, self.eps)
        if self.track_running_stats and self.running_mean is not None:
            assert self.running_var is not None and self.num_batches_tracked is not None
            with torch.no_grad():
                count = x.numel() / x.shape[1] * dist.get_world_size()
                part = self.momentum if self.momentum is not None else 0.1
                self.num_batches_tracked.add_(1)
                self.running_mean.lerp_(mean, part)
                self.running_var.lerp_(variance * count / max(1, count - 1), part)
        result: Tensor = out
        return result


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
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # What follows it in timm's layers is kept.
            plain = type(module) is nn.BatchNorm2d
            module.__class__ = _SyncedNorm if plain else _SyncedNormAct
    return network


class _SyncedNormAct(_SyncedNorm):
    """timm's BatchNormAct2d: normalise, drop, activate."""

    drop: nn.Module
    act: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and activate (B, C, H, W)."""
        result: Tensor = self.act(self.drop(super().forward(x)))
        return result
