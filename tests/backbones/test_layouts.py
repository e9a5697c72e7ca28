"""Files in other libraries' layouts give what those libraries compute."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fewshot_lab.backbones import find
from fewshot_lab.backbones.architectures import infer
from fewshot_lab.backbones.checkpoints import read
from fewshot_lab.backbones.loading import build, load_strictly
from fewshot_lab.backbones.networks import NETWORKS, register
from fewshot_lab.errors import FewshotLabError

from .checkpoints import shaken
from .dinov2 import DEPTH, HEADS, SIDE, WIDTH, forward, huggingface

pytestmark = pytest.mark.slow

SMALL = {"embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
GATED = {"mlp_ratio": 2 * 176 / WIDTH, "swiglu": True}
TINY = {
    "tiny_patch14": {"base": "vit_small_patch14_dinov2", **SMALL},
    "tiny_patch14_reg": {"base": "vit_small_patch14_reg4_dinov2", **SMALL},
    "tiny_patch14_gated": {"base": "vit_small_patch14_dinov2", **SMALL, **GATED},
    "tiny_patch14_reg_gated": {"base": "vit_small_patch14_reg4_dinov2", **SMALL, **GATED},
}


@pytest.fixture(autouse=True)
def _networks() -> None:
    register(TINY)


def values(n: int = 2, side: int = SIDE) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
@pytest.mark.parametrize("prefix", ["", "dinov2."])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tiny_patch14", {}),
        ("tiny_patch14_reg", {"registers": 4}),
        ("tiny_patch14_gated", {"gated": True}),
        ("tiny_patch14_reg_gated", {"registers": 4, "gated": True}),
    ],
)
def test_huggingface_dinov2(
    tmp_path: Path, name: str, options: dict[str, int], prefix: str, suffix: str
) -> None:
    state = huggingface(**options)  # type: ignore[arg-type]
    file = tmp_path / f"model{suffix}"
    stored = {prefix + key: tensor for key, tensor in state.items()}
    if prefix:
        stored["classifier.weight"] = torch.randn(3, 2 * WIDTH)
    if suffix == ".bin":
        torch.save(stored, file)
    else:
        save_file(stored, file)
    network = load_strictly(build(name, SIDE), read(file).tensors, file.name)
    with torch.inference_mode():
        got = network.forward_features(values())  # type: ignore[operator]
        torch.testing.assert_close(got, forward(state, values()), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(network(values()), got[:, 0])


@pytest.mark.parametrize(
    ("left_out", "reason"),
    [
        ("encoder.layer.1.attention.attention.key.bias", "blocks.1.attn.qkv.bias is"),
        ("encoder.layer.0.layer_scale2.lambda1", "blocks.0.ls2.gamma is missing"),
        ("layernorm.weight", "norm.weight is missing"),
    ],
)
def test_a_missing_tensor_is_refused(left_out: str, reason: str, tmp_path: Path) -> None:
    state = huggingface()
    del state[left_out]
    torch.save(state, tmp_path / "m.bin")
    with pytest.raises(FewshotLabError, match=reason.replace(".", r"\.")):
        load_strictly(build("tiny_patch14", SIDE), read(tmp_path / "m.bin").tensors, "m.bin")


def test_a_tensor_without_a_place_is_refused(tmp_path: Path) -> None:
    torch.save(huggingface() | {"encoder.layer.0.extra": torch.ones(1)}, tmp_path / "m.bin")
    with pytest.raises(FewshotLabError, match=r"blocks\.0\.extra has no place"):
        load_strictly(build("tiny_patch14", SIDE), read(tmp_path / "m.bin").tensors, "m.bin")


def test_patches_of_another_size_are_another_network() -> None:
    other = shaken("vit_tiny_patch16_224").state_dict()
    other["patch_embed.proj.weight"] = torch.randn(192, 3, 8, 8)
    with pytest.raises(FewshotLabError, match=r"patch_embed\.proj\.weight is \(192, 3, 8, 8\)"):
        load_strictly(build("vit_tiny_patch16_224", 224), other, "w.pth")


def meta(network: nn.Module, *, gated: bool) -> dict[str, Tensor]:
    """Return a DINOv2 network of timm under the names of Meta's code."""
    state = dict(network.state_dict())
    state["mask_token"] = torch.zeros(1, WIDTH)
    if gated:
        state = {
            key.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3"): tensor
            for key, tensor in state.items()
        }
    return state


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize("name", ["tiny_patch14", "tiny_patch14_gated"])
def test_the_original_files_of_dinobloom(tmp_path: Path, name: str, wrapped: bool) -> None:
    network = shaken(name, img_size=SIDE)
    state: dict[str, object] = dict(meta(network, gated="gated" in name))
    if wrapped:
        state = {f"backbone.{key}": tensor for key, tensor in state.items()}
        for start in ("dino_head", "ibot_head"):
            state[f"{start}.mlp.0.weight"] = torch.randn(8, WIDTH)
            state[f"{start}.last_layer.weight_v"] = torch.randn(16, 8)
        state = {"teacher": state}
    torch.save(state, tmp_path / "DinoBloom-S.pth")
    loaded = load_strictly(build(name, SIDE), read(tmp_path / "DinoBloom-S.pth").tensors, "file")
    with torch.inference_mode():
        torch.testing.assert_close(loaded(values()), network(values()))


def test_openclips_image_tower_alone(tmp_path: Path) -> None:
    network = shaken("vit_tiny_patch16_224")
    state = {f"visual.trunk.{key}": tensor for key, tensor in network.state_dict().items()}
    state["visual.head.proj.weight"] = torch.randn(32, 192)
    state["text.transformer.embeddings.word_embeddings.weight"] = torch.randn(10, 32)
    state["logit_scale"] = torch.ones(())
    torch.save(state, tmp_path / "open_clip_pytorch_model.bin")
    assert find(tmp_path / "open_clip_pytorch_model.bin").architecture == "vit_tiny_patch16_224"
    tensors = read(tmp_path / "open_clip_pytorch_model.bin").tensors
    loaded = load_strictly(build("vit_tiny_patch16_224", 224), tensors, "file")
    with torch.inference_mode():
        pictures = values(side=224)
        torch.testing.assert_close(loaded(pictures), network(pictures))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_networks_of_our_own_are_told_from_a_file(name: str) -> None:
    register()
    with torch.device("meta"):
        state = timm.create_model(name, num_classes=0, img_size=224).state_dict()
    assert infer(dict(state), "w.pth") == name


@pytest.mark.parametrize(
    ("architecture", "size", "fitting"),
    [
        ("vit_small_patch14_dinov2", 230, "224 or 238"),
        ("vit_small_patch16_224", 8, "16"),
        ("xcit_small_12_p8_224", 100, "96 or 104"),
    ],
)
def test_a_size_that_would_cut_the_rim_is_refused(
    architecture: str, size: int, fitting: str
) -> None:
    with pytest.raises(FewshotLabError, match=f"not {size}: take {fitting}"):
        build(architecture, size)


def test_a_file_that_asks_for_such_a_size_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    preprocessing = '{"size": 230, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}'
    save_file(
        {"norm.weight": torch.ones(4)},
        tmp_path / "w.safetensors",
        {"architecture": "vit_small_patch14_dinov2", "preprocessing": preprocessing},
    )
    with pytest.raises(FewshotLabError, match="multiple of 14 px"):
        find(tmp_path / "w.safetensors")
