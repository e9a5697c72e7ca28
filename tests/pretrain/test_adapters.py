"""Adapting a transformer: the base stays, what is added learns, and merged it is the same."""

import copy
import re

import pytest
import torch
from safetensors.torch import load_file

from fewshot_lab.backbones import Preprocessing, find
from fewshot_lab.cli.main import run as verb
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.pretrain import Recipe, check_recipe, read_metrics
from fewshot_lab.pretrain import schedules as schedules
from fewshot_lab.pretrain.adapters import adapt, load_adapter, merged_state, write_adapter
from fewshot_lab.pretrain.architecture import create
from fewshot_lab.pretrain.backbone_file import write_backbone
from fewshot_lab.pretrain.multi_crop_network import starting_backbone

from .conftest import train_run

WAYS = [("lora", 4), ("apla", 0), ("apla", 5)]


def added(state):
    return {key: value for key, value in state.items() if ".lora_" in key or ".apla_" in key}


def adapted(how, rank, plain=None):
    """Return a small ViT, and the same with an adapter that has learnt something."""
    torch.manual_seed(0)
    plain = (plain or create("test_vit")).eval()
    changed = copy.deepcopy(plain)
    adapt(changed, how, rank)
    with torch.no_grad():
        for parameter in changed.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return plain, changed


@pytest.mark.parametrize(("how", "rank"), WAYS)
def test_merged_it_is_the_same(how, rank, tmp_path):
    plain, changed = adapted(how, rank)
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        before, after = plain(images), changed(images)
        assert (before - after).abs().max() > 1e-3
        merged = create("test_vit").eval()
        merged.load_state_dict(merged_state(changed))
        assert (merged(images) - after).abs().max() < 1e-5
        write_adapter(tmp_path / "a.safetensors", changed, {"adapt": how, "adapt_rank": rank})
        load_adapter(tmp_path / "a.safetensors", plain)
        assert (plain(images) - after).abs().max() < 1e-5
    assert plain.state_dict().keys() == merged.state_dict().keys()


def test_an_adapter_begins_as_its_base(tmp_path):
    images = torch.rand(2, 3, 32, 32)
    for how, rank in WAYS:
        plain = create("test_vit").eval()
        changed = copy.deepcopy(plain)
        adapt(changed, how, rank)
        with torch.no_grad():
            assert torch.allclose(plain(images), changed(images), atol=1e-6)


def test_what_does_not_fit_is_told(tmp_path):
    plain, changed = adapted("lora", 2)
    about = {"adapt": "lora", "adapt_rank": 2, "backbone": "test_vit", "start": "imagenet"}
    write_adapter(tmp_path / "a.safetensors", changed, about)
    with torch.no_grad():
        plain.norm.weight.mul_(2)
    with pytest.raises(FewshotLabError, match="other weights than these: it fits test_vit from im"):
        load_adapter(tmp_path / "a.safetensors", plain)
    (tmp_path / "b.safetensors").write_bytes(b"no adapter")
    with pytest.raises(FewshotLabError, match="cannot be read as an adapter"):
        load_adapter(tmp_path / "b.safetensors", plain)
    with pytest.raises(FewshotLabError, match="needs a transformer"):
        adapt(create("test_resnet"), "apla", 0)
    with pytest.raises(FewshotLabError, match="test_resnet: --adapt lora needs a transformer"):
        check_recipe(Recipe(backbone="test_resnet", start="scratch", adapt="lora"), 500)
    for values, words in (
        ({"adapt": "lorra"}, "adapt is 'lorra'"),
        ({"adapt_rank": -1}, "least 0"),
    ):
        with pytest.raises(FewshotLabError, match=words):
            Recipe.from_dict(values)


@pytest.mark.parametrize(("how", "rank"), WAYS[::2])
def test_an_adapter_and_its_base_become_one_file(how, rank, tmp_path, capsys):
    base, moved, adapter = (tmp_path / f"{name}.safetensors" for name in ("base", "moved", "a"))
    shape = {"architecture": "test_vit", "dimensions": 64, "preprocessing": Preprocessing(size=32)}
    write_backbone(base, create("test_vit").state_dict(), **shape, about={"title": "base"})
    _, changed = adapted(how, rank, find(base).network())
    about = {"adapt": how, "adapt_rank": rank, "backbone": "test_vit", "start": str(base)}
    write_adapter(adapter, changed, {**about, "title": "night", "training": "DINO on cells"})
    out = tmp_path / "whole.safetensors"
    line = ["merge-adapter", str(adapter), str(out)]
    assert verb(line) == 0
    whole = find(out)
    assert (whole.card.title, whole.card.training) == ("night", "DINO on cells")
    assert whole.preprocessing == find(base).preprocessing
    images = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        assert (whole.network()(images) - changed(images)).abs().max() < 1e-5
    assert verb(line) == 1
    assert "exists: name another file" in capsys.readouterr().err
    base.rename(moved)
    line[-1] = str(tmp_path / "again.safetensors")
    assert verb(line) == 1
    assert "--base says where" in capsys.readouterr().err
    assert verb([*line, "--base", str(moved)]) == 0
    assert load_file(line[-1]).keys() == load_file(out).keys()
    assert verb([*line[:2], str(tmp_path / "no.safetensors"), "--base", str(out)]) == 1
    assert "other weights than these" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("how", "rank"), [("lora", 4), ("apla", 5)])
def test_only_what_was_added_learns_and_a_stop_changes_no_bit(make_run, how, rank):
    options = {"adapt": how, "adapt_rank": rank, "steps": 8, "keep": 9, "checkpoint_steps": 1}
    never, stopped = make_run("never", **options), make_run("stopped", **options)
    train_run(never)

    def stop(stage, done, total):
        if stage == "pretraining" and done == 5:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        train_run(stopped, stop)
    train_run(stopped)
    states = [
        torch.load(folder / f"checkpoints/step-{step:09d}.pt", weights_only=True)
        for folder, step in ((never, 0), (never, 7), (never, 8), (stopped, 8))
    ]
    start, before, end, other = states
    for part in ("student", "teacher"):
        for key, value in end[part].items():
            assert torch.equal(value, other[part][key]), key
            if key.startswith("backbone.") and key not in added(end[part]):
                assert torch.equal(value, start[part][key]), key
    recipe = Recipe.from_dict(end["recipe"])
    momentum = schedules.momentum(recipe, 7)
    learnt = {k: v for k, v in added(end["student"]).items() if v.is_floating_point()}
    assert learnt
    for key, value in learnt.items():
        assert not torch.equal(value, start["student"][key]), key
        followed = before["teacher"][key].lerp(value, 1 - momentum)
        assert torch.allclose(end["teacher"][key], followed, atol=1e-8), key

    # The result is a backbone like any other, and the adapter makes it of its base.
    result = find(never / "last.safetensors").network()
    base = starting_backbone(recipe).network
    load_adapter(never / "adapter.safetensors", base)
    best = load_file(never / "backbone.safetensors")
    for key, value in base.state_dict().items():
        assert torch.allclose(value, best[key], atol=1e-6), key
    assert result.state_dict().keys() == best.keys()
    assert len([row for row in read_metrics(never) if row["kind"] == "check"]) == 2
    assert re.search(r'"adapt": "(lora|apla)"', (never / "card.json").read_text())
