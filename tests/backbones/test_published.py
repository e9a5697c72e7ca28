"""Backbones of the catalogue: facts that hang together, files by hand, what is in the way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import timm
import torch
from huggingface_hub.errors import GatedRepoError
from safetensors.torch import save_file
from torch import nn

from fewshot_lab.backbones import (
    BUNDLE_LIMIT_MB,
    Backbone,
    Preprocessing,
    conditions,
    find,
    must_be_accepted,
    register_networks,
)
from fewshot_lab.backbones import hub as hub
from fewshot_lab.backbones.catalogue import LARGE, PUBLISHED, Published
from fewshot_lab.backbones.input_size import check_size
from fewshot_lab.backbones.licence import classify
from fewshot_lab.backbones.published import ROWS, PublishedBackbone
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export.onnx_graph import backbone_graph, serialise

from .checkpoints import shaken
from .dinov2 import SIDE, WIDTH, forward, huggingface
from .test_layouts import TINY

pytestmark = pytest.mark.slow

NAMES = sorted(ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_a_rows_facts_are_those_of_its_network(name: str) -> None:
    register_networks()
    row = ROWS[name]
    check_size(row.architecture, row.card.preprocessing.size)
    with torch.device("meta"):
        network = timm.create_model(row.architecture, num_classes=0, img_size=224)
    longer = 2 if row.card.pooling == "cls+mean" else 1
    assert row.card.dimensions == longer * int(network.num_features)
    megabytes = sum(tensor.numel() for tensor in network.parameters()) * 4e-6
    # With position embeddings of another size, or another tower in the file.
    room = 700 if name == "biomedclip" else 8
    assert 0 <= row.card.size_mb - megabytes + 2 < room
    assert row.card.licence_class == classify(row.card.licence)
    assert (row.card.note == LARGE) == (row.card.size_mb > BUNDLE_LIMIT_MB)


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("apache-2.0", "open"),
        ("MIT", "open"),
        ("CC BY 4.0", "open"),
        ("cc-by-sa-4.0", "share-alike"),
        ("dinov3-license", "share-alike"),
        ("cc-by-nc-4.0", "non-commercial"),
        ("fair-noncommercial-research-license", "non-commercial"),
        ("CC BY-NC-ND 4.0", "no-derivatives"),
        ("Apache-2.0; trained on images under CC BY 4.0 and on drawn ones", "open"),
        ("see the Zenodo record", "not stated"),
        ("", "not stated"),
    ],
)
def test_a_licence_is_told_by_its_name(licence: str, expected: str) -> None:
    assert classify(licence) == expected


def test_only_what_must_not_be_passed_on_is_asked_about() -> None:
    asked = {row.card.name for row in PUBLISHED if must_be_accepted(row.card.licence_class)}
    assert asked == {"phikon-v2", "uni2-h", "virchow2"}
    assert conditions("A", "MIT", "open") == ""
    for kind in ("share-alike", "non-commercial", "no-derivatives", "not stated"):
        assert conditions("A", "B", kind).count(".") == 1


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, home: Path) -> Published:
    """Return a row of a small network with registers, pooled as CLS and mean."""
    register_networks(TINY)
    card = replace(
        ROWS["virchow"].card,
        name="tiny",
        preprocessing=Preprocessing(SIDE),
        dimensions=2 * WIDTH,
    )
    row = Published(card, "tiny_patch14_reg_gated")
    monkeypatch.setitem(ROWS, "tiny", row)
    return row


def brought(folder: Path, suffix: str = ".bin") -> Path:
    (folder / ".backbones").mkdir(parents=True, exist_ok=True)
    return folder / ".backbones" / f"tiny{suffix}"


def test_a_file_brought_by_hand_is_pooled_as_published(tiny: Published, home: Path) -> None:
    state = huggingface(registers=4, gated=True)
    torch.save(state, brought(home))
    backbone = find("tiny")
    assert backbone.available() == (True, "")
    assert backbone.card.offline
    pixels = torch.randint(0, 256, (3, SIDE, SIDE, 3), dtype=torch.uint8)
    with torch.inference_mode():
        got = backbone.load()(pixels)
        tokens = forward(state, (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5)
        expected = torch.cat([tokens[:, 0], tokens[:, 5:].mean(dim=1)], dim=1)
    assert got.shape == (3, backbone.card.dimensions)
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-3)


def test_its_onnx_computes_the_same(tiny: Published, home: Path) -> None:
    torch.save(huggingface(registers=4, gated=True), brought(home))
    model = find("tiny").load()
    graph = onnxruntime.InferenceSession(serialise(backbone_graph(model, SIDE)))
    pixels = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), dtype=np.uint8)
    (got,) = graph.run(["embedding"], {"images": pixels})
    with torch.inference_mode():
        expected = model(torch.from_numpy(pixels)).numpy()
    assert got.shape == (5, 2 * WIDTH)
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_dinov3_is_class_token_beside_the_mean_of_its_patches(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    row = ROWS["dinov3-s16"]
    small = replace(row, card=replace(row.card, preprocessing=Preprocessing(64)))
    monkeypatch.setitem(ROWS, "dinov3-s16", small)
    network = shaken("vit_small_patch16_dinov3")
    (home / ".backbones").mkdir(parents=True)
    save_file(network.state_dict(), home / ".backbones" / "dinov3-s16.safetensors")
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        got = find("dinov3-s16").load()(pixels)
        x = (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
        tokens = network.forward_features(x)  # type: ignore[operator]
        # The other half is what timm itself returns for this network.
        torch.testing.assert_close(got[:, 384:], network(x), atol=1e-4, rtol=1e-4)
    assert tokens.shape[1] == 1 + 4 + 16
    torch.testing.assert_close(got[:, :384], tokens[:, 0], atol=1e-4, rtol=1e-4)


def test_pooling_is_part_of_the_fingerprint(
    tiny: Published, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(huggingface(registers=4, gated=True), brought(home))
    both = find("tiny").fingerprint
    monkeypatch.setitem(ROWS, "tiny", replace(tiny, card=replace(tiny.card, pooling="network")))
    assert find("tiny").fingerprint != both


def attempts(backbone: Backbone) -> list[object]:
    return [lambda: backbone.fingerprint, backbone.load, backbone.fetch, backbone.network]


def test_without_network_it_says_what_to_bring(tiny: Published, home: Path) -> None:
    backbone = find("tiny")
    ready, sentence = backbone.available()
    assert not ready
    for words in ("there is no network", "model.safetensors", str(home), "tiny.safetensors"):
        assert words in sentence
    for attempt in attempts(backbone):
        with pytest.raises(FewshotLabError, match="there is no network"):
            attempt()  # type: ignore[operator]


def test_without_a_token_a_gated_one_says_where_to_ask(
    tiny: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "reachable", lambda _: True)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    backbone = find("tiny")
    assert not backbone.available()[0]
    for attempt in attempts(backbone):
        with pytest.raises(FewshotLabError, match=r"must be asked for.*paige-ai/Virchow"):
            attempt()  # type: ignore[operator]


def test_a_token_without_access_is_told(tiny: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise GatedRepoError.__new__(GatedRepoError)

    monkeypatch.setattr(hub, "reachable", lambda _: True)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: "hf_x")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refused)
    backbone = find("tiny")
    assert backbone.available() == (True, "Virchow will be downloaded once (2,525 MB).")
    with pytest.raises(FewshotLabError, match="Your token has no access to Virchow"):
        backbone.fetch()


@pytest.mark.parametrize("other", ["tiny_patch14", "resnet18"])
def test_a_file_of_another_network_is_refused(tiny: Published, home: Path, other: str) -> None:
    register_networks(TINY)
    network: nn.Module = timm.create_model(other, num_classes=0)
    torch.save(network.state_dict(), brought(home, ".pth"))
    with pytest.raises(FewshotLabError, match="does not fit VisionTransformer"):
        PublishedBackbone("tiny").load()
