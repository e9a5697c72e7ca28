"""Finding backbones, and what happens without a network."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fewshot_lab.backbones import cards, downloads, find
from fewshot_lab.backbones.licence import CLASSES
from fewshot_lab.backbones.nielsen import MD5
from fewshot_lab.errors import FewshotLabError

from .checkpoints import head


def test_every_card_is_complete() -> None:
    found = cards()
    assert len({card.name for card in found}) == len(found)
    for card in found:
        texts = (card.title, card.source, card.licence, card.training, card.domain, card.good_for)
        for text in texts:
            assert text, card.name
        assert card.licence_class in CLASSES
        assert card.size_mb > 0
        assert card.dimensions > 0
        assert bool(card.fingerprint) == card.offline


@pytest.mark.parametrize(
    "name",
    [
        "timm:vit_small_patch16_224.dino",
        "timm:vit_base_patch8_224.dino",
        "timm:vit_small_patch14_dinov2.lvd142m",
        "timm:vit_large_patch14_reg4_dinov2.lvd142m",
        "timm:vit_small_patch16_dinov3.lvd1689m",
        "nielsen2023-bone-marrow",
    ],
)
def test_asked_for_backbones_are_listed(name: str) -> None:
    assert name in {card.name for card in cards()}


@pytest.mark.slow
def test_the_cards_written_by_hand_agree_with_timm() -> None:
    import timm

    for card in (card for card in cards() if card.name.startswith("timm:")):
        architecture = card.name.removeprefix("timm:")
        with torch.device("meta"):
            network = timm.create_model(architecture, num_classes=0)
        config = timm.get_pretrained_cfg(architecture)
        assert network.num_features == card.dimensions
        assert config.mean == card.preprocessing.mean
        assert config.std == card.preprocessing.std
        assert config.license in ("apache-2.0", "dinov3-license")
        megabytes = sum(p.numel() for p in network.parameters()) * 4e-6
        assert abs(megabytes - card.size_mb) < 6


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("efficientnet-lite0", "efficientnet-lite0-imagenet"),
        ("vit_small_patch16_224.dino", "timm:vit_small_patch16_224.dino"),
        ("timm:vit_small_patch16_224.dyno", "timm:vit_small_patch16_224.dino"),
        ("timm:resnet_fifty", "timm:resnet"),
        ("nielsen-endoscopy", "nielsen2023-endoscopy"),
        ("rad_dino", "rad-dino"),
        ("uni2", "uni2-h"),
        ("dinobloom", "dinobloom-s"),
    ],
)
def test_unknown_names_come_with_close_ones(wrong: str, hint: str) -> None:
    with pytest.raises(FewshotLabError, match="did you mean") as caught:
        find(wrong)
    assert hint in str(caught.value)


def test_a_missing_file_is_said() -> None:
    with pytest.raises(FewshotLabError, match="There is no file"):
        find("/nowhere/at/all.pth")


@pytest.mark.parametrize("name", ["timm:vit_small_patch16_224.dino", "nielsen2023-endoscopy"])
def test_without_network_it_says_so_first(home: Path, name: str) -> None:
    backbone = find(name)
    ready, sentence = backbone.available()
    assert not ready
    assert "there is no network" in sentence
    for attempt in (lambda: backbone.fingerprint, backbone.load, backbone.fetch):
        with pytest.raises(FewshotLabError, match="there is no network"):
            attempt()


def test_any_timm_name_has_a_card() -> None:
    card = find("timm:resnet18.a1_in1k").card
    assert card.dimensions == 512
    assert not card.offline


@pytest.mark.slow
def test_the_hubs_cache_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vit: nn.Module, pixels: Tensor
) -> None:
    repository = tmp_path / "models--timm--vit_small_patch16_224.dino"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    save_file(vit.state_dict(), repository / "snapshots" / "abc" / "model.safetensors")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    backbone = find("timm:vit_small_patch16_224.dino")
    assert backbone.available() == (True, "")
    assert backbone.card.offline
    with torch.inference_mode():
        got = backbone.load()(pixels)
        mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
        expected = vit(((pixels / 255 - mean) / std).permute(0, 3, 1, 2))
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_a_file_put_into_the_folder_by_hand_is_used(home_cache: Path, xcit: nn.Module) -> None:
    home_cache.mkdir(parents=True)
    state = {f"backbone.{k}": v for k, v in xcit.state_dict().items()} | head()
    torch.save(state, home_cache / "pretrained_endo.pt")
    backbone = find("nielsen2023-endoscopy")
    assert backbone.available() == (True, "")
    assert backbone.preprocessing.size == 256
    with torch.inference_mode():
        assert backbone.load()(torch.zeros(1, 256, 256, 3, dtype=torch.uint8)).shape == (1, 384)


class _Serve(BaseHTTPRequestHandler):
    body = b"x" * 3_000_000
    said_length = len(body)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(self.said_length))
        self.end_headers()
        self.wfile.write(self.body)

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Serve) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}/weights.pt"
        made.shutdown()
        thread.join()


def test_a_download_is_checked_and_whole(tmp_path: Path, server: str) -> None:
    digest = hashlib.md5(_Serve.body, usedforsecurity=False).hexdigest()
    seen: list[int] = []
    target = tmp_path / "new" / "w.pt"
    downloads.download(
        server, target, md5=frozenset({digest}), progress=lambda _, done, __: seen.append(done)
    )
    assert target.read_bytes() == _Serve.body
    assert seen[-1] == len(_Serve.body)


def test_a_download_with_another_digest_is_thrown_away(tmp_path: Path, server: str) -> None:
    with pytest.raises(FewshotLabError, match="none of the published"):
        downloads.download(server, tmp_path / "w.pt", md5=MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Serve, "said_length", len(_Serve.body) + 5)
    with pytest.raises(FewshotLabError):
        downloads.download(server, tmp_path / "w.pt")
    assert list(tmp_path.iterdir()) == []


def test_any_answer_shows_that_there_is_a_network(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert downloads.reachable(server)
    assert not downloads.reachable("http://127.0.0.1:9/")


def test_a_list_asks_a_host_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(downloads, "_answers", {})
    monkeypatch.setattr(downloads, "_answers_now", lambda url: bool(asked.append(url)))
    assert not downloads.reachable("http://a")
    assert not downloads.reachable("http://a")
    assert not downloads.reachable("http://b")
    assert asked == ["http://a", "http://b"]
