"""Where a run may start from, and what it brings along."""

import argparse
import json

import pytest
import timm
import torch
from safetensors.torch import save_file

from fewshot_lab.backbones import Preprocessing, find
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.pretrain import Recipe
from fewshot_lab.pretrain.architecture import create
from fewshot_lab.pretrain.distributed import ProcessGroup
from fewshot_lab.pretrain.multi_crop_network import starting_backbone
from fewshot_lab.pretrain.projection_head import ProjectionHead, pretrained_head
from fewshot_lab.pretrain.student_teacher import StudentTeacher

from .conftest import train_run

pytestmark = pytest.mark.slow

LENGTHS, CENTRE = torch.linspace(0.5, 2, 50), torch.linspace(-1, 1, 50)


def full_checkpoint(path):
    """Write a checkpoint as Meta's DINO code does: DDP's names, weight-normalised last layer.

    Of ``norm_last_layer=False``, as its ViT-S were trained: the lengths were learnt.
    """
    torch.manual_seed(3)
    network = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    head = ProjectionHead(192, 96, 32, 50)
    named = {f"module.backbone.{k}": v for k, v in network.state_dict().items()}
    for k, v in head.state_dict().items():
        if k == "prototypes":
            named["module.head.last_layer.weight_v"] = v * 7
            named["module.head.last_layer.weight_g"] = LENGTHS[:, None]
        else:
            named[f"module.head.{k}"] = v
    loss = {"center": CENTRE[None]}
    options = argparse.Namespace(arch="vit_tiny", norm_last_layer=False)
    content = {"teacher": named, "student": {}, "epoch": 3, "args": options, "dino_loss": loss}
    torch.save(content, path)
    return network, head


def test_metas_full_checkpoint_brings_its_head(tmp_path):
    network, head = full_checkpoint(tmp_path / "full.pth")
    start = f"{tmp_path / 'full.pth'}::vit_tiny_patch16_224"
    advice = Recipe.for_dataset(5000, "vit_tiny_patch16_224", start)
    sizes = (advice.recipe.prototypes, advice.recipe.head_bottleneck, advice.recipe.head_hidden)
    assert sizes == (50, 32, 96)
    assert advice.recipe.head_only_steps == 0
    networks = StudentTeacher(
        advice.recipe, starting_backbone(advice.recipe), ProcessGroup(0, 1, torch.device("cpu"))
    )
    assert torch.equal(networks.centre, CENTRE)
    teacher = networks.teacher
    embedding = torch.randn(4, 192)
    with torch.no_grad():
        for ours in (networks.student, teacher):
            said = ours.head(embedding)
            assert torch.allclose(said, head(embedding) * LENGTHS, atol=1e-6)
        crops = torch.rand(2, 3, 224, 224)
        assert torch.allclose(
            teacher.eval().backbone(crops), network.eval()(crops), atol=1e-5, rtol=1e-4
        )
    # With other sizes asked for it begins anew.
    assert starting_backbone(advice.recipe.changed(prototypes=64)).head is None


def test_a_run_from_a_learnt_head_goes_on_after_a_stop(make_run, tmp_path):
    full_checkpoint(tmp_path / "full.pth")
    start = f"{tmp_path / 'full.pth'}::vit_tiny_patch16_224"
    sizes = {"prototypes": 50, "head_hidden": 96, "head_bottleneck": 32}

    def stop(stage, done, total):
        if done == 1:
            raise Stopped("")

    folder = make_run(start=start, backbone=start, steps=2, batch_size=2, **sizes)
    with pytest.raises(Stopped):
        train_run(folder, stop)
    train_run(folder)
    path = folder / "checkpoints" / "step-000000002.pt"
    assert torch.equal(torch.load(path, weights_only=True)["teacher"]["head.lengths"], LENGTHS)


def test_what_is_made_of_borrowed_weights_is_no_freer_than_they_are(make_run, tmp_path):
    header = {
        "architecture": "test_vit",
        "preprocessing": json.dumps(Preprocessing(160).to_dict()),
        "licence": "CC BY-NC-ND 4.0",
    }
    start = str(tmp_path / "borrowed.safetensors")
    save_file(timm.create_model("test_vit", num_classes=0).state_dict(), start, header)
    folders = make_run("borrowed", start=start, backbone=start, steps=1), make_run("own", steps=1)
    for folder in folders:
        train_run(folder)
    borrowed, own = (find(folder / "backbone.safetensors").card for folder in folders)
    assert borrowed.licence_class == "no-derivatives"
    assert borrowed.licence.endswith("starting weights: CC BY-NC-ND 4.0")
    assert own.licence_class == "not stated"


def test_networks_that_timm_has_no_name_for_can_be_built():
    with torch.device("meta"):
        assert create("vit_base_patch14_reg4_swiglu", img_size=224).num_features == 768


@pytest.mark.parametrize("kind", ["a file", "a run"])
def test_a_start_that_is_gone_is_not_missed(make_run, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    options = {"batch_size": 4, "steps": 2, "checkpoint_steps": 1, "keep": 9}
    if kind == "a file":
        full_checkpoint(tmp_path / "full.pth")
        gone, start = tmp_path / "full.pth", f"{tmp_path / 'full.pth'}::vit_tiny_patch16_224"
        options |= {"prototypes": 50, "head_hidden": 96, "head_bottleneck": 32}
    else:
        train_run(make_run("first", steps=2))
        gone, start = tmp_path / "home" / ".runs" / "first", "run:first"
        (tmp_path / "runs").rename(gone.parent)

    def stop(stage, done, total):
        if stage == "pretraining" and done == 1:
            raise Stopped("")

    options |= {"start": start, "backbone": start, "drop_path": 0.1}
    never, torn = make_run("never", **options), make_run("torn", **options)
    late = make_run("late", **options)
    train_run(never)
    with pytest.raises(Stopped):
        train_run(torn, stop)
    gone.rename(tmp_path / "elsewhere")
    train_run(torn)
    with pytest.raises(FewshotLabError, match="Without a checkpoint the run cannot"):
        train_run(late)
    one, other = (
        torch.load(folder / "checkpoints" / "step-000000002.pt", weights_only=True)
        for folder in (never, torn)
    )
    for part in ("student", "teacher"):
        assert one[part].keys() == other[part].keys()
        for name, value in one[part].items():
            assert torch.equal(value, other[part][name]), (part, name)
    assert torch.equal(one["centre"], other["centre"])
    cards = [json.loads((folder / "card.json").read_text()) for folder in (never, torn)]
    assert cards[0]["training"] == cards[1]["training"]
    assert cards[0]["preprocessing"] == cards[1]["preprocessing"]


def test_a_run_goes_on_from_another_with_its_head(make_run, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWSHOT_LAB_HOME", str(tmp_path / "home"))
    first = make_run("first", steps=3)
    (tmp_path / "home").mkdir()
    first.parent.rename(tmp_path / "home" / ".runs")
    first = tmp_path / "home" / ".runs" / "first"
    train_run(first)
    second = make_run("second", steps=2, start="run:first", checkpoint_steps=1, keep=5)
    train_run(second)
    began = torch.load(second / "checkpoints" / "step-000000000.pt", weights_only=True)["student"]
    handed_over = find(first / "backbone.safetensors").network().state_dict()
    head = pretrained_head("run:first")
    assert torch.equal(began["head.prototypes"], head.weights["prototypes"])
    assert torch.equal(began["backbone.cls_token"], handed_over["cls_token"])


def test_pictures_are_made_for_people(make_run):
    from PIL import Image

    folder = make_run(steps=2, check_steps=1)
    train_run(folder)
    with Image.open(folder / "pictures" / "crops.png") as crops:
        assert crops.height > 4 * 100
    names = sorted(p.name for p in (folder / "pictures").glob("attention-*.png"))
    assert names == [f"attention-{step:09d}.png" for step in (0, 1, 2)]
