"""Embeddings read in inner stages: against forward hooks, in ONNX, and by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from fewshot_lab.backbones import Preprocessing, default_name, find, with_stages
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.onnx_graph import backbone_graph, open_session, run, serialise

KINDS = {
    "test_efficientnet": 64,
    "resnet10t": 64,
    "test_vit": 160,
    "xcit_nano_12_p16_224": 64,
}


@pytest.fixture(scope="module", params=list(KINDS))
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return random weights of a small network of each kind."""
    torch.manual_seed(0)
    network = timm.create_model(request.param, pretrained=False, num_classes=0)
    for module in network.modules():  # statistics that folding cannot overlook
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    how = Preprocessing(KINDS[request.param]).to_dict()
    metadata = {"architecture": request.param, "preprocessing": json.dumps(how)}
    save_file(network.state_dict(), path, metadata=metadata)
    return path


def pictures(size: int, n: int = 3) -> torch.Tensor:
    random = np.random.default_rng(1)
    return torch.from_numpy(random.integers(0, 256, (n, size, size, 3), np.uint8))


def hooked(name: str | Path, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the final embedding and what each of timm's stages gives out, by hooks."""
    base = find(name)
    network, how = base.network(), base.preprocessing
    seen: list[torch.Tensor] = []
    for entry in network.feature_info:
        module = network.get_submodule(entry["module"])
        module.register_forward_hook(lambda *a: seen.append(a[2]))
    mean, std = torch.tensor(how.mean), torch.tensor(how.std)
    with torch.inference_mode():
        final = network(((x / 255 - mean) / std).permute(0, 3, 1, 2))
    return final, seen


@pytest.mark.slow
def test_the_parts_are_what_hooks_see(file: Path) -> None:
    backbone = find(f"{file}+stages")
    x = pictures(backbone.preprocessing.size)
    with torch.inference_mode():
        whole = backbone.load()(x)
    parts = backbone.parts
    assert whole.shape == (3, parts.dimensions)
    final, stages = hooked(file, x)
    by_part = {name: whole[:, columns] for name, columns in parts.slices.items()}
    torch.testing.assert_close(by_part.pop("final"), final, rtol=1e-3, atol=1e-4)
    assert len(by_part) >= 2
    for name, found in by_part.items():
        stage = stages[int(name.removeprefix("stage "))]
        if stage.ndim == 4:
            expected = [stage.mean((2, 3)), stage.var((2, 3), correction=0).sqrt()]
        elif "vit" in file.name:
            expected = [stage[:, 0], stage[:, 1:].mean(1)]
        else:  # XCiT's blocks hold patches alone
            expected = [stage.mean(1), stage.var(1, correction=0).sqrt()]
        torch.testing.assert_close(found, torch.cat(expected, 1), rtol=1e-3, atol=1e-4)
    usual = {"test_vit": 4, "xcit_nano_12_p16_224": 4}.get(file.stem)
    assert len(by_part) == (usual or len(stages) - 2)


@pytest.mark.slow
def test_the_graph_gives_the_same(file: Path) -> None:
    backbone = find(f"{file}+stages")
    size = backbone.preprocessing.size
    module = backbone.load()
    session = open_session(serialise(backbone_graph(module, size)))
    for n in (1, 5):
        x = pictures(size, n)
        with torch.inference_mode():
            expected = module(x).numpy()
        got = run(session, x.numpy(), ["embedding"])[0]
        assert np.abs(got - expected).max() <= 1e-4 * max(1, np.abs(expected).max())


def test_chosen_stages_and_their_fingerprints(file: Path) -> None:
    plain, usual, one = find(file), find(f"{file}+stages"), find(f"{file}+stages=1")
    assert list(one.parts.slices) == ["final", "stage 1"]
    assert one.parts.finals == plain.parts
    assert len({each.fingerprint for each in (plain, usual, one)}) == 3
    assert usual.network().state_dict().keys() == plain.network().state_dict().keys()
    assert usual.name.endswith("+stages") and one.name.endswith("+stages=1")


def test_what_cannot_be_read_is_said_in_a_sentence(file: Path) -> None:
    with pytest.raises(FewshotLabError, match=r"has the stages 0 to \d+, not 77"):
        find(f"{file}+stages=1,77").load()
    with pytest.raises(FewshotLabError, match="does not say which stages"):
        find(f"{file}+stages=first")
    with pytest.raises(FewshotLabError, match="in its stages already"):
        find(f"{default_name()}+stages")


def test_the_default_is_two_networks_in_one_pass() -> None:
    """Finals of both embedded networks, ImageNet's first, and the stages of each."""
    twin = find(default_name())
    assert twin.available() == (True, "")
    x = pictures(twin.preprocessing.size, 2)
    with torch.inference_mode():
        whole = twin.load()(x)
    by_part = {name: whole[:, columns] for name, columns in twin.parts.slices.items()}
    assert next(iter(by_part)) == "final ImageNet"
    for half in ("ImageNet", "DINO"):
        network = find(f"efficientnet-lite0-{half.lower()}").network()
        y = (x / 127.5 - 1).permute(0, 3, 1, 2)
        with torch.inference_mode():
            y = network.bn1(network.conv_stem(y))
            for number, block in enumerate(network.blocks):
                y = block(y)
                name = f"stage {number}" if number < 3 else f"stage {number} {half}"
                if name in by_part:
                    moments = [y.mean((2, 3)), y.var((2, 3), correction=0).sqrt()]
                    torch.testing.assert_close(
                        by_part[name], torch.cat(moments, 1), rtol=1e-3, atol=1e-3
                    )
            final = network.forward_head(network.bn2(network.conv_head(y)))
        torch.testing.assert_close(by_part[f"final {half}"], final, rtol=1e-3, atol=1e-3)
    with pytest.raises(FewshotLabError, match="start from efficientnet-lite0-dino or"):
        twin.network()


def test_the_name_with_stages() -> None:
    assert with_stages("efficientnet-lite0-dino") == "efficientnet-lite0-dino+stages"
    assert with_stages("efficientnet-lite0-dino+stages=1") == "efficientnet-lite0-dino+stages=1"
    assert with_stages(default_name()) == default_name()
