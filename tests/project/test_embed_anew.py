"""A project of the version before stages goes on, and may embed anew without losing anything."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from fewshot_lab.backbones import Preprocessing, with_stages
from fewshot_lab.cli.main import run
from fewshot_lab.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """Return the file of a tiny network."""
    torch.manual_seed(0)
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    path = tmp_path_factory.mktemp("backbone") / "tiny.safetensors"
    how = json.dumps(Preprocessing(32).to_dict())
    metadata = {"architecture": "test_efficientnet", "preprocessing": how}
    save_file(network.state_dict(), path, metadata=metadata)
    return str(path)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory, backbone):
    """Return a project of 700 small pictures, embedded by the final layer, as shards were then."""
    source = tmp_path_factory.mktemp("pictures")
    for number in range(700):
        pixels = np.random.default_rng(number).integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(pixels).save(source / f"{number:04d}.png")
    with_images = Project.create("old", home=tmp_path_factory.mktemp("embedded"))
    with_images.import_images(source)
    with_images.embed(backbone=backbone)
    for path in with_images.embedding_folder.glob("*.safetensors"):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        for later in ("parts", "checksums"):
            del header["__metadata__"][later]
        text = json.dumps(header).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    ids = with_images.store.ids()
    with_images.labels.add({i: "one" if n < 30 else "two" for n, i in enumerate(ids[:60])}, "Ada")
    with_images.close()
    return with_images.folder


@pytest.fixture
def project(home, embedded):
    """Return a copy of that project."""
    shutil.copytree(embedded, home / "old")
    opened = Project.open("old")
    yield opened
    opened.close()


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def test_old_embeddings_have_one_part_and_serve_as_before(project, backbone):
    assert project.backbone_name == backbone
    assert project.embeddings.parts.lengths == (("final", 256),)
    assert not project.fit("lda").fitted.reading.stages


def test_killed_while_embedding_anew_the_project_stays_as_it_was(project, backbone):
    folder, labels = project.embedding_folder, project.store.labels()
    before = contents(folder)
    staged = with_stages(backbone)
    command = [sys.executable, "-m", "fewshot_lab", "embed", "old", "--backbone", staged, "--now"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    other = project.through(staged)
    deadline = time.monotonic() + 120
    while not contents(other.embedding_folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    half = contents(other.embedding_folder)
    again = Project.open("old")
    assert again.backbone_name == backbone
    assert contents(folder) == before and again.store.labels() == labels
    report = again.embed(backbone=staged)
    assert report.skipped > 0 and report.done + report.skipped == 700
    assert contents(again.embedding_folder).items() >= half.items()
    assert again.backbone_name == staged and again.embeddings.parts.has_stages
    assert contents(folder) == before and again.store.labels() == labels
    # One click back: the old embeddings are there still.
    again.use_backbone(backbone)
    assert len(again.embeddings.ids) == 700
    again.close()
    other.close()


def test_a_disk_that_fills_is_a_sentence(project, backbone, monkeypatch, capsys):
    from fewshot_lab.embeddings import shards

    def full(*args, **more):
        raise OSError(28, "No space left on device")

    before = contents(project.embedding_folder)
    monkeypatch.setattr(shards, "write_atomically", full)
    assert run(["embed", "old", "--backbone", with_stages(backbone), "--now"]) == 1
    said = capsys.readouterr().err
    assert "No space left" in said and "Traceback" not in said
    assert project.backbone_name == backbone
    assert contents(project.embedding_folder) == before
