"""Checkpoint files of several authors."""

import json
import os
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fewshot_lab.backbones import Preprocessing, find
from fewshot_lab.errors import FewshotLabError

from .checkpoints import full_checkpoint, head, meta_xcit_names, shaken

pytestmark = pytest.mark.slow


def embedded(network: nn.Module, pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """What the network says, normalised by hand."""
    mean = torch.tensor(preprocessing.mean).view(1, 3, 1, 1)
    std = torch.tensor(preprocessing.std).view(1, 3, 1, 1)
    with torch.inference_mode():
        return network((pixels.permute(0, 3, 1, 2) / 255 - mean) / std)


def check(path: Path | str, network: nn.Module, pixels: Tensor) -> None:
    backbone = find(path)
    with torch.inference_mode():
        got = backbone.load()(pixels)
    expected = embedded(network, pixels, backbone.preprocessing)
    assert got.shape == (len(pixels), backbone.card.dimensions)
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_meta_vit_backbone_only(tmp_path: Path, vit: nn.Module, pixels: Tensor) -> None:
    torch.save(vit.state_dict(), tmp_path / "dino_deitsmall16_pretrain.pth")
    backbone = find(tmp_path / "dino_deitsmall16_pretrain.pth")
    assert backbone.architecture == "vit_small_patch16_224"
    assert backbone.preprocessing.at_least == 256
    check(tmp_path / "dino_deitsmall16_pretrain.pth", vit, pixels)


def test_meta_vit_full_takes_the_teacher(tmp_path: Path, vit: nn.Module, pixels: Tensor) -> None:
    student = shaken("vit_small_patch16_224", seed=1).state_dict()
    path = tmp_path / "checkpoint0100.pth"
    torch.save(full_checkpoint(vit.state_dict(), student), path)
    check(path, vit, pixels)


def test_meta_xcit_backbone_only(tmp_path: Path, xcit: nn.Module, pixels: Tensor) -> None:
    path = tmp_path / "dino_xcit_small_12_p8_pretrain.pth"
    torch.save(meta_xcit_names(xcit.state_dict()), path)
    backbone = find(path)
    assert backbone.architecture == "xcit_small_12_p8_224"
    assert backbone.preprocessing.mean == (0.485, 0.456, 0.406)
    check(path, xcit, pixels[:1, :64, :64])


def test_meta_xcit_full(tmp_path: Path, xcit: nn.Module, pixels: Tensor) -> None:
    state = meta_xcit_names(xcit.state_dict())
    path = tmp_path / "checkpoint.pth"
    torch.save(full_checkpoint(state, {k: v + 1 for k, v in state.items()}), path)
    check(path, xcit, pixels[:1, :64, :64])


@pytest.mark.parametrize("names", ["timm", "meta"])
def test_nielsen_layout(tmp_path: Path, xcit: nn.Module, pixels: Tensor, names: str) -> None:
    state = xcit.state_dict() if names == "timm" else meta_xcit_names(xcit.state_dict())
    path = tmp_path / "pretrained_bm.pt"
    torch.save(
        {f"backbone.{k}": v for k, v in state.items()} | head() | {"odd": torch.ones(2)}, path
    )
    backbone = find(path)
    assert backbone.preprocessing == Preprocessing(256, "squash", 1.0, "nearest")
    assert "md5" in backbone.card.note
    assert "none of the published" in backbone.card.note
    check(path, xcit, pixels[:1, :64, :64])


def test_timm_safetensors_with_a_card(tmp_path: Path, pixels: Tensor) -> None:
    network = shaken("test_efficientnet")
    path = tmp_path / "cells.safetensors"
    preprocessing = Preprocessing(64, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    save_file(
        network.state_dict(),
        path,
        metadata={
            "architecture": "test_efficientnet",
            "preprocessing": json.dumps(preprocessing.to_dict()),
            "title": "Cells",
            "licence": "CC0",
            "training": "on cells",
        },
    )
    card = find(path).card
    assert (card.title, card.licence, card.training) == ("Cells", "CC0", "on cells")
    assert card.preprocessing == preprocessing
    check(path, network, pixels[:, :64, :64])


def test_a_hub_folder_says_what_it_is(tmp_path: Path, pixels: Tensor) -> None:
    network = shaken("test_efficientnet")
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    config = {
        "architecture": "test_efficientnet",
        "pretrained_cfg": {
            "input_size": [3, 160, 160],
            "crop_pct": 0.8,
            "interpolation": "bilinear",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    backbone = find(tmp_path / "model.safetensors")
    assert backbone.preprocessing == Preprocessing(160, "crop", 0.8, "bilinear")
    check(tmp_path / "model.safetensors", network, pixels[:, :160, :160])


def test_a_classifier_in_the_file_is_ignored(tmp_path: Path, pixels: Tensor) -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet18", pretrained=False).eval()
    torch.save({"state_dict": network.state_dict(), "epoch": 3}, tmp_path / "r.pth")
    assert find(tmp_path / "r.pth").architecture == "resnet18"
    network.reset_classifier(0)
    check(tmp_path / "r.pth", network, pixels)


def test_an_architecture_can_be_named(tmp_path: Path, pixels: Tensor) -> None:
    network = shaken("test_efficientnet")
    torch.save(network.state_dict(), tmp_path / "w.pth")
    with pytest.raises(FewshotLabError, match="add its timm architecture"):
        find(tmp_path / "w.pth")
    named = f"{tmp_path / 'w.pth'}::test_efficientnet"
    assert find(find(named).name).fingerprint == find(named).fingerprint
    check(named, network, pixels[:, :160, :160])


def test_position_embeddings_are_resized(tmp_path: Path, pixels: Tensor) -> None:
    network = shaken("vit_tiny_patch16_224", dynamic_img_size=True)
    path = tmp_path / "small.safetensors"
    save_file(
        network.state_dict(),
        path,
        metadata={"preprocessing": json.dumps(Preprocessing(160).to_dict())},
    )
    check(path, network, pixels[:, :160, :160])


def test_a_missing_tensor_is_refused(tmp_path: Path, vit: nn.Module) -> None:
    state = vit.state_dict()
    del state["blocks.3.norm1.weight"]
    torch.save(state, tmp_path / "w.pth")
    backbone = find(f"{tmp_path / 'w.pth'}::vit_small_patch16_224")
    with pytest.raises(FewshotLabError, match=r"blocks\.3\.norm1\.weight is missing"):
        backbone.load()


def test_a_strange_tensor_is_refused(tmp_path: Path, vit: nn.Module) -> None:
    torch.save(vit.state_dict() | {"blocks.0.extra": torch.ones(1)}, tmp_path / "w.pth")
    backbone = find(f"{tmp_path / 'w.pth'}::vit_small_patch16_224")
    with pytest.raises(FewshotLabError, match=r"blocks\.0\.extra has no place"):
        backbone.load()


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": {"a": torch.ones(1)}, "trap": Malicious()}, tmp_path / "w.pth")
    with pytest.raises(FewshotLabError, match="could run code"):
        find(tmp_path / "w.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.pt"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint", bytes(200), b"PK\x03\x04" + bytes(90)])
def test_rubbish_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FewshotLabError, match=name):
        find(tmp_path / name)


def test_a_list_of_tensors_is_no_checkpoint(tmp_path: Path) -> None:
    torch.save([torch.ones(2)], tmp_path / "w.pth")
    with pytest.raises(FewshotLabError, match="no named tensors"):
        find(tmp_path / "w.pth")


def test_other_weights_another_fingerprint(tmp_path: Path) -> None:
    prints = set()
    for seed, size in ((0, 64), (1, 64), (0, 96)):
        path = tmp_path / f"{seed}-{size}.safetensors"
        metadata = {
            "architecture": "test_efficientnet",
            "preprocessing": json.dumps(Preprocessing(size).to_dict()),
        }
        save_file(shaken("test_efficientnet", seed).state_dict(), path, metadata=metadata)
        prints.add(find(path).fingerprint)
    assert len(prints) == 3


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "xcit_nano_12_p16_224", "tf_efficientnetv2_s", "resnet18"]
)
def test_the_length_of_an_embedding_is_told_right(tmp_path: Path, name: str) -> None:
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0)
    bare = {k: torch.zeros(v.shape, dtype=torch.uint8) for k, v in network.state_dict().items()}
    preprocessing = json.dumps(Preprocessing(64).to_dict())
    metadata = {"architecture": name, "note": "Said.", "preprocessing": preprocessing}
    save_file(bare, tmp_path / "bare.safetensors", metadata)
    card = find(tmp_path / "bare.safetensors").card
    assert card.dimensions == network.num_features
    assert card.note == "Said."
