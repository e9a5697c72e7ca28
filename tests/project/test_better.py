"""Whether another backbone is better: no offer by chance, one where it is, and what follows."""

import numpy as np
import pytest

from fewshot_lab import FewshotLabError
from fewshot_lab.backbones import EMBEDDED, find
from fewshot_lab.classifiers import Pool
from fewshot_lab.cli.main import run as terminal
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.project import (
    Project,
    backbone_offer,
    better_backbone,
    decline_offer,
    is_due,
    put_into_use,
    verdict,
)
from fewshot_lab.project.embedded_comparison import _fitted, hits
from fewshot_lab.stats import paired_gain
from fewshot_lab.store import LabelAction, NewImage

pytestmark = pytest.mark.slow

TWIN, DINO, IMAGENET = EMBEDDED
D = 24


def embedded(rng, y, strength):
    """Return embeddings in which classes lie apart, always as far as the strength says."""
    axes = np.linalg.qr(rng.normal(size=(D, D)))[0][: y.max() + 1]
    return (rng.normal(size=(len(y), D)) + strength * axes[y]).astype(np.float32)


def gain(rng, per_class, strengths, classes=4):
    y = np.tile(np.arange(classes), per_class)
    rates = []
    for strength in strengths:
        X = embedded(rng, y, strength)
        rates.append(hits(_fitted(X, y, Pool(X).parts, None)))
    return paired_gain(y, rates[1] - rates[0], level=0.975)


@pytest.mark.parametrize("per_class", [5, pytest.param(15, marks=pytest.mark.exhaustive)])
def test_equal_backbones_bring_no_offer(per_class):
    rng = np.random.default_rng(per_class)
    found = [gain(rng, per_class, (2.5, 2.5)) for _ in range(60)]
    wrong = sum(g.low > 0 for g in found)
    assert wrong <= 3
    assert np.mean([g.low <= 0 <= g.high for g in found]) >= 0.95


def test_a_better_backbone_brings_one():
    rng = np.random.default_rng(1)
    found = [gain(rng, 25, (1.5, 4.0)) for _ in range(10)]
    assert sum(g.low > 0 for g in found) >= 9


def test_images_of_a_patient_count_as_one():
    y = np.repeat([0, 1], 30)
    each = np.where(np.arange(60) % 30 < 10, 1.0, 0.0)
    alone = paired_gain(y, each)
    together = paired_gain(y, each, np.arange(60) // 10)
    assert alone.value == together.value == pytest.approx(1 / 3)
    assert alone.low > 0 > together.low
    assert paired_gain(y, each, level=0.99).low < alone.low


def make(home, strengths, labels=(0, 120), in_use=TWIN):
    """Return a project of 200 images, embedded by the backbones with so strong signals."""
    rng = np.random.default_rng(3)
    truth = np.tile(np.arange(3), 67)[:200]
    ids = [f"{i:020x}" for i in range(200)]
    project = Project.create("cells", home=home)
    project.store.add_images(
        [
            NewImage(
                id=image_id, path=f"{i}.png", file=f"{i}.png", frame=0, width=8, height=8,
                bytes=1, mtime_ns=1, reference=None, source=f"{i}.png", source_frame=0,
            )
            for i, image_id in enumerate(ids)
        ]
    )  # fmt: skip
    project.store.set("backbone", in_use)
    project.store.set("audit_share", 0.0)
    for name, strength in strengths.items():
        fingerprint = find(name).fingerprint
        X = embedded(rng, truth, strength).astype(np.float16)
        folder = project.folder / "embeddings" / fingerprint
        write_shard(folder, ids, X, [], fingerprint=fingerprint, dtype="float32")
    classes = [project.store.add_class(f"class {k}", annotator="kim") for k in range(3)]
    project.give = lambda rows: [
        project.store.record(
            LabelAction(
                client="test", q=int(i), annotator="kim", kind="class",
                class_id=classes[truth[i]], image_ids=[ids[i]], view="suggestion", spent_ms=1,
            )
        )
        for i in rows
    ]  # fmt: skip
    project.give(range(*labels))
    return project


def test_a_better_one_is_offered_taken_and_given_back(home):
    project = make(home, {TWIN: 1.0, DINO: 5.0, IMAGENET: 1.0})
    found = better_backbone(project)
    assert found["better"] == DINO and project.backbone_name == TWIN
    assert [row["backbone"] for row in found["rows"]] == [TWIN, DINO, IMAGENET]
    offer = backbone_offer(project)
    assert offer["kind"] == "switch" and offer["backbone"] == DINO
    assert "points (" in offer["sentence"] and "labels stay" in offer["sentence"]

    labels = project.store.labels()
    assert put_into_use(project, DINO) is False  # it has no map yet
    project.use_backbone(DINO)
    back = backbone_offer(project)
    assert back["kind"] == "back" and back["backbone"] == TWIN
    put_into_use(project, TWIN)
    project.use_backbone(TWIN)
    assert project.store.labels() == labels
    assert backbone_offer(project) is None  # who went back is not asked again at once
    project.close()


def test_no_thanks_is_remembered_until_labels_have_grown_by_half(home):
    project = make(home, {TWIN: 1.0, DINO: 5.0, IMAGENET: 1.0}, labels=(0, 60))
    better_backbone(project)
    decline_offer(project)
    assert backbone_offer(project) is None
    project.give(range(60, 80))
    assert better_backbone(project)["better"] == DINO
    assert backbone_offer(project) is None
    project.give(range(80, 90))
    better_backbone(project)
    assert backbone_offer(project)["backbone"] == DINO
    project.close()


def test_equal_ones_are_not_offered(home):
    project = make(home, {TWIN: 3.0, DINO: 3.0, IMAGENET: 3.0})
    found = better_backbone(project)
    assert found["better"] is None and backbone_offer(project) is None
    assert found["sentence"].startswith("No other backbone is clearly better")
    project.close()


def test_inner_stages_are_offered_to_a_project_without_them(home):
    bare = IMAGENET.removesuffix("+stages")
    project = make(home, {bare: 3.0, TWIN: 3.0, DINO: 3.0, IMAGENET: 3.1}, in_use=bare)
    found = better_backbone(project)
    offer = backbone_offer(project)
    if found["better"] is None and found["rows"][-1]["gain"] >= 0:
        assert offer["kind"] == "stages" and offer["backbone"] == IMAGENET
        assert "last layer" in offer["sentence"]
    project.use_backbone(TWIN)
    assert verdict(project) is None and backbone_offer(project) is None
    project.close()


def test_it_is_time_with_five_labels_of_every_class_and_again_at_half_as_many_more(
    home, monkeypatch
):
    monkeypatch.setenv("FEWSHOT_LAB_COMPARE", "1")
    project = make(home, {TWIN: 3.0}, labels=(0, 12))
    assert not is_due(project)
    with pytest.raises(FewshotLabError, match="5 labels of every class on: class 0 has 4"):
        better_backbone(project)
    project.give(range(12, 14))
    assert not is_due(project)
    project.give(range(14, 15))
    assert is_due(project)
    assert not is_due(project)
    project.give(range(15, 23))
    assert is_due(project)
    monkeypatch.setenv("FEWSHOT_LAB_COMPARE", "0")
    project.give(range(27, 100))
    assert not is_due(project)
    project.close()


def test_images_are_embedded_beside_the_project_and_slow_ones_are_left_out(
    home, tmp_path, monkeypatch
):
    from fewshot_lab.images.demo import draw_demo

    draw_demo(tmp_path / "images", n=40)
    project = Project.create("drawn", home=home)
    project.import_images(tmp_path / "images", reference_labels="folders")
    project.embed(backbone="efficientnet-lite0-imagenet")
    project.store.set("audit_share", 0.0)
    rows = project.store.images()
    names = sorted({row.reference for row in rows})
    halves = {n: f"half {k % 2}" for k, n in enumerate(names)}
    classes = {n: project.store.add_class(n, annotator="kim") for n in sorted({*halves.values()})}
    for q, row in enumerate(rows[:30]):
        project.store.record(
            LabelAction(
                client="t", q=q, annotator="kim", kind="class", image_ids=[row.id],
                class_id=classes[halves[row.reference]], view="suggestion", spent_ms=1,
            )
        )  # fmt: skip
    found = better_backbone(project, [IMAGENET])
    assert [row["missing"] for row in found["rows"]] == [0, 40]
    assert found["rows"][1]["seconds_per_image"] > 0
    assert len(list((project.folder / "embeddings").iterdir())) == 1
    found = better_backbone(project, [DINO], within=0.0)
    assert found["left_out"][0]["backbone"] == DINO
    assert "takes about" in found["left_out"][0]["reason"]
    project.close()


def test_a_switch_comes_once_the_other_map_is_made(home, capsys):
    project = make(home, {TWIN: 2.0, DINO: 2.0, IMAGENET: 2.0})
    project.make_map()
    assert terminal(["prepare", "cells", "--backbone", DINO, "--now"]) == 0
    assert project.backbone_name == DINO and project.map is not None
    assert project.store.get("backbone_before") == TWIN
    assert terminal(["backbones", "--compare", "cells", "--now"]) == 0
    text = capsys.readouterr().out
    assert DINO in text and "points (" in text and "No other backbone is clearly better" in text
    assert put_into_use(project, TWIN) and project.backbone_name == TWIN
    assert terminal(["backbones"]) == 0
    assert "+stages" in capsys.readouterr().out
    project.close()
