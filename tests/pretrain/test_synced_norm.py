"""BatchNorm over the batches of several processes; threads stand for the processes here."""

import copy
import threading

import pytest
import torch
from torch import nn

from fewshot_lab.pretrain import synced_norm

WORLD = 3


@pytest.fixture
def exchange(monkeypatch):
    """Let threads exchange what processes would."""
    barrier = threading.Barrier(WORLD, timeout=20)
    mine, own = {}, threading.local()

    def of_all(value):
        mine[own.rank] = value
        barrier.wait()
        rows = torch.stack([mine[rank] for rank in range(WORLD)])
        barrier.wait()
        return rows

    monkeypatch.setattr(synced_norm, "_of_all", of_all)
    monkeypatch.setattr(synced_norm.dist, "get_world_size", lambda: WORLD)
    return own


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 1e-2)],
)
def test_parts_of_a_batch_are_normalised_as_the_whole(exchange, dtype, tolerance, layout):
    torch.manual_seed(0)
    shape = (4 * WORLD, 5, 6, 7)
    # Far from 0, where sums of squares would lose digits, and each part about a place of its own.
    pixels = torch.randn(shape) + 9 * torch.arange(WORLD).repeat_interleave(4).view(-1, 1, 1, 1)
    x, gradient = pixels.to(dtype), torch.randn(shape).to(dtype)
    whole = nn.BatchNorm2d(5).double()
    nn.init.uniform_(whole.weight), nn.init.normal_(whole.bias)
    # As under autocast, where weights are wider than what they meet.
    narrow = torch.promote_types(dtype, torch.float32)
    part = synced_norm.synced_norms(
        nn.Sequential(copy.deepcopy(whole).to(narrow)), torch.device("cpu"), compiled=False
    )
    parts = [copy.deepcopy(part) for _ in range(WORLD)]
    outputs, inputs = [None] * WORLD, [None] * WORLD

    def run(rank):
        exchange.rank = rank
        inputs[rank] = x.chunk(WORLD)[rank].clone(memory_format=layout).requires_grad_()
        outputs[rank] = parts[rank](inputs[rank])
        outputs[rank].backward(gradient.chunk(WORLD)[rank].clone(memory_format=layout))

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(WORLD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    x_whole = x.double().requires_grad_()
    y_whole = whole(x_whole)
    y_whole.backward(gradient.double())

    def close(ours, theirs):
        return (ours.double() - theirs).abs().max() <= tolerance * theirs.abs().max()

    assert close(torch.cat(outputs).detach(), y_whole.detach())
    assert close(torch.cat([each.grad for each in inputs]), x_whole.grad)
    for name in ("weight", "bias"):
        summed = sum(getattr(each[0], name).grad.double() for each in parts)
        assert close(summed, getattr(whole, name).grad)
    for each in parts:
        assert close(each[0].running_mean, whole.running_mean)
        assert close(each[0].running_var, whole.running_var)
        assert each[0].num_batches_tracked == 1
