"""The embedded backbone, held against a forward pass written from the paper's table."""

import subprocess
import sys

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from fewshot_lab.backbones import cards, default_name, find

# Tan and Le 2019, table 1, as EfficientNet-Lite0: repeats, kernel, stride, expansion.
STAGES = (
    (1, 3, 1, 1),
    (2, 3, 2, 6),
    (2, 5, 2, 6),
    (3, 3, 2, 6),
    (3, 5, 1, 6),
    (4, 5, 2, 6),
    (1, 3, 1, 6),
)


def same(x: Tensor, weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """Convolve with Tensorflow's SAME padding: what is odd goes right and below."""
    k = weight.shape[-1]
    need = [max((-(-s // stride) - 1) * stride + k - s, 0) for s in x.shape[-2:]]
    pad = (need[1] // 2, need[1] - need[1] // 2, need[0] // 2, need[0] - need[0] // 2)
    return F.conv2d(F.pad(x, pad), weight, stride=stride, groups=groups)


def reference(w: dict[str, Tensor], x: Tensor) -> Tensor:
    def norm(x: Tensor, name: str) -> Tensor:
        mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return F.batch_norm(x, mean, var, w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-3)

    x = F.relu6(norm(same(x, w["_conv_stem.weight"], 2), "_bn0"))
    block = 0
    for repeats, _, first_stride, expansion in STAGES:
        for repeat in range(repeats):
            name, before = f"_blocks.{block}", x
            stride = first_stride if repeat == 0 else 1
            if expansion > 1:
                x = F.conv2d(x, w[f"{name}._expand_conv.weight"])
                x = F.relu6(norm(x, f"{name}._bn0"))
            x = same(x, w[f"{name}._depthwise_conv.weight"], stride, groups=x.shape[1])
            x = F.relu6(norm(x, f"{name}._bn1"))
            x = norm(F.conv2d(x, w[f"{name}._project_conv.weight"]), f"{name}._bn2")
            if stride == 1 and x.shape == before.shape:
                x = x + before
            block += 1
    x = F.relu6(norm(F.conv2d(x, w["_conv_head.weight"]), "_bn1"))
    return x.mean(dim=(2, 3))


def test_it_computes_what_the_packaged_weights_mean(pixels: Tensor) -> None:
    backbone = find("efficientnet-lite0-imagenet")
    path = backbone.weights()
    assert path is not None
    packaged = torch.load(path, weights_only=True)
    with torch.inference_mode():
        got = backbone.load()(pixels)
        expected = reference(packaged, pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert got.shape == (2, 1280)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_folding_batch_norm_changes_nothing(pixels: Tensor) -> None:
    backbone = find("efficientnet-lite0-imagenet")
    with torch.inference_mode():
        bare = backbone.network()(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)
        torch.testing.assert_close(backbone.load()(pixels), bare, atol=1e-4, rtol=1e-4)


def test_the_default_needs_no_network_and_leads_the_list() -> None:
    first = cards()[0]
    assert first.name == default_name()
    assert first.offline
    assert find(default_name()).available() == (True, "")


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "from fewshot_lab.backbones import default_name, find;"
        "print(find(default_name()).fingerprint)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == find(default_name()).fingerprint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("efficientnet-lite0-dino", "ebe6bdd7ed787004"),
        ("efficientnet-lite0-imagenet", "29ccd625da8b35d4"),
    ],
)
def test_embeddings_made_before_stay_valid(name: str, expected: str) -> None:
    assert find(name).fingerprint == expected


def test_listing_loads_no_heavy_library() -> None:
    code = (
        "import sys; from fewshot_lab.backbones import cards; cards();"
        "sys.exit(bool({'torch', 'timm'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
