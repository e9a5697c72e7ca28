"""Copies are joined whatever the backbone makes of them, and found once for each image."""

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import Stopped
from fewshot_lab.evaluation import GroupRule
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project
from fewshot_lab.project.copies import Copies


@pytest.fixture
def project(home, tmp_path):
    """Sixteen cells; the first of them once more, mirrored, as another patient's."""
    draw_demo(tmp_path / "cells", n=16, seed=5)
    files = sorted((tmp_path / "cells").glob("*/*.png"))
    folder = tmp_path / "in"
    folder.mkdir()
    for k, file in enumerate(files):
        Image.open(file).save(folder / f"P{k:02d}_a.png")
    first = Image.open(files[0]).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    first.save(folder / "P99_a.png")
    with Project.create("cells", images=folder) as made:
        made.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
        yield made


def embed(project):
    """Embed by a backbone that sees nothing in common."""
    ids = project.store.ids()
    X = np.random.default_rng(0).normal(size=(len(ids), 16)).astype(np.float16)
    fingerprint = project.backbone.fingerprint
    write_shard(project.embedding_folder, ids, X, [], fingerprint=fingerprint, dtype="float32")


def names(project, pairs):
    path = {row.id: row.path for row in project.store.images()}
    return [tuple(sorted((path[pair.a], path[pair.b]))) for pair in pairs]


def test_a_mirrored_copy_stays_with_its_original(project):
    embed(project)
    assert list(project.splits.grouping.pairs) == []
    Copies(project).compare()
    (pair,) = project.splits.grouping.pairs
    assert names(project, [pair]) == [("P00_a.png", "P99_a.png")]
    assert (pair.copy, pair.state) == (True, "joined")
    assert len(set(project.splits.codes([pair.a, pair.b]))) == 1
    project.splits.release([(pair.a, pair.b)])
    assert len(set(project.splits.codes([pair.a, pair.b]))) == 2
    project.splits.set_threshold(0.999)
    assert [each.copy for each in project.splits.grouping.pairs] == [True]


def test_only_new_images_are_looked_at(project, tmp_path):
    copies = Copies(project)
    copies.compare()
    before = copies.pairs()
    steps = []
    copies.compare(lambda *step: steps.append(step))
    assert not steps
    again = Image.open(tmp_path / "in" / "P03_a.png").rotate(90)
    (tmp_path / "more").mkdir()
    again.save(tmp_path / "more" / "P98_a.png")
    project.import_images(tmp_path / "more")
    copies.compare(lambda *step: steps.append(step))
    assert ("reading thumbnails", 1, 1) in steps
    assert len(copies.pairs()) == len(before) + 1


@pytest.mark.parametrize("stage", ["reading thumbnails", "looking for copies"])
def test_a_stopped_search_goes_on_and_finds_the_same(project, monkeypatch, stage):
    monkeypatch.setattr("fewshot_lab.project.copies.EVERY", 5)
    monkeypatch.setattr("fewshot_lab.embeddings.pixel_copies.CHUNK", 6)
    copies = Copies(project)

    def stop(at, done, total):
        if at == stage:
            raise Stopped

    with pytest.raises(Stopped):
        copies.compare(stop)
    steps = []
    copies.compare(lambda *step: steps.append(step))
    assert steps[0][2] < 17  # what was done is not done again
    assert len(copies.pairs()) == 1
    with Project.open("cells") as again:
        assert Copies(again).pairs() == copies.pairs()


def test_a_damaged_record_is_made_again(project):
    copies = Copies(project)
    copies.compare()
    (project.folder / "splits" / "copies.npz").write_bytes(b"PK\x03\x04 not whole")
    assert copies.pairs() == []
    copies.compare()
    assert len(copies.pairs()) == 1
