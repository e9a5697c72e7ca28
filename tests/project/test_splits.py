"""A project's groups, near-duplicates and test set: decided once, respected everywhere."""

import json
import re

import numpy as np
import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import GroupRule, Protocol, TestRule
from fewshot_lab.project import Project
from fewshot_lab.store import NewImage

N, D = 120, 24


def ident(i):
    return f"{i:020x}"


def embedded(project, X):
    backbone = project.backbone
    write_shard(
        project.folder / "embeddings" / backbone.fingerprint,
        [ident(i) for i in range(len(X))],
        X.astype(np.float16),
        [],
        fingerprint=backbone.fingerprint,
        dtype="float32",
    )


def vectors():
    """Images 1 and 41 are nearly the same, and so are 2 and 82; the others differ."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)) + 2 * np.eye(2, D)[np.arange(N) % 2]
    X[41] = X[1] + 0.01 * rng.normal(size=D)
    X[82] = X[2] + 0.01 * rng.normal(size=D)
    return X


@pytest.fixture
def project(home):
    made = Project.create("cells")
    made.store.set("created", "2026-01-01")  # what is drawn by chance follows from it
    made.store.add_images(
        [
            NewImage(
                *(ident(i), f"site{i % 2}/P{i // 8:02d}_{i}.png", f"{i}.png", 0, 8, 8, 1, 1),
                meta={"split": "test" if i >= 112 else "train"},
            )
            for i in range(N)
        ]
    )
    embedded(made, vectors())
    yield made
    made.close()


def test_near_duplicates_are_found_and_joined(project):
    pairs = project.splits.grouping.pairs
    assert {(p.a, p.b) for p in pairs} == {(ident(1), ident(41)), (ident(2), ident(82))}
    assert all(p.state == "joined" and p.cosine > 0.99 for p in pairs)
    groups = project.splits.groups_of([ident(1), ident(41), ident(5)])
    assert groups.tolist() == [f"near:{ident(1)}", f"near:{ident(1)}", f"image:{ident(5)}"]


def test_other_groups_that_leave_no_label_to_train_are_said(project, capsys):
    """Half of all images are of each site, and audit images of both."""
    project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(60)}, "kim")
    project.audit.draw(16)
    assert run(["groups", "cells", "--pattern", r"(site\d)", "--noun", "site"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Careful: .*\d+ of \d+ labels would no longer train", said), said
    project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    assert run(["groups", "cells", "--pattern", r"(site\d)", "--json"]) == 0
    assert "no longer train" in json.loads(capsys.readouterr().out)["groups"]["warning"]


def test_look_alikes_alone_are_not_counted_as_groups(project):
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(40)}, "kim")
    protocol = Protocol(shots=(2,), draws=1, classifiers=("paper-knn",))
    said = project.studies.few_shot(protocol=protocol, labels="own")["leak_check"]
    assert said.startswith("No groups are known: images of one patient may be on both sides")
    project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    said = project.studies.few_shot(protocol=protocol, labels="own")["leak_check"]
    assert said.endswith(" patients; none on both sides.")


def test_published_figures_stand_beside_all_the_papers_classes_alone(project):
    names = [
        "melanoma",
        "nevus",
        "basal",
        "actinic",
        "keratosis",
        "dermatofibroma",
        "vascular",
        "squamous",
    ]
    label = {ident(i): names[i % 8 if i < 80 else i % 3] for i in range(100)}
    project.labels.add(label, "kim")
    some = {"shots": (2,), "draws": 1, "classifiers": ("paper-knn",)}
    found = project.studies.few_shot(protocol=Protocol(**some), labels="own")
    assert found["published"]["name"] == "dermoscopy" and found["images"] == 100
    fewer = project.studies.few_shot(protocol=Protocol(**some, min_class_size=12), labels="own")
    assert fewer["classes"] == ["basal", "melanoma", "nevus"] and fewer["published"] is None
    assert fewer["images"] == sum(name in fewer["classes"] for name in label.values())


def test_a_released_pair_stays_released_under_another_backbone(project):
    project.splits.release([(ident(41), ident(1))])
    assert [p.state for p in project.splits.grouping.pairs].count("released") == 1
    assert project.splits.groups_of([ident(1), ident(41)]) is None
    # New embeddings, of which the pair is a pair again: the decision is kept by id.
    folder = project.folder / "embeddings" / project.backbone.fingerprint
    for shard in folder.iterdir():
        shard.unlink()
    embedded(project, vectors()[:, ::-1].copy())
    again = Project.open("cells")
    assert {p.state for p in again.splits.grouping.pairs if p.a == ident(1)} == {"released"}
    again.splits.take_back([(ident(1), ident(41))])
    assert again.splits.groups_of([ident(1), ident(41)]) is not None
    again.close()


def test_groups_by_pattern_hang_together_with_look_alikes(project):
    found = project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    assert found.groups == 15
    names = project.splits.groups_of([ident(i) for i in (0, 1, 41, 47, 90)])
    assert names[0] == names[1] == names[2] == names[3] == "P00 + P05 + P10"
    assert names[4] == "P11"


def test_what_goes_with_audit_and_test_images_never_trains(project):
    project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    project.store.draw_audit([ident(0)], N)
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(N)}, "kim")
    held = {*range(8), *range(40, 48)}  # the audit image's patient, and the one with its twin
    held |= {*range(80, 88)}  # P10, where the twin of image 2 is
    trained = {int(i, 16) for i in project.training_set().ids}
    assert trained == set(range(112)) - held
    check, leaking = project.splits.check(project.training_set().ids, project.store.audit_ids())
    assert check.sound
    assert not leaking


def test_a_planted_leak_is_caught_and_named(project):
    project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    check, leaking = project.splits.check([ident(16), ident(1)], [ident(17), ident(41), ident(90)])
    assert leaking == {ident(17), ident(41)}
    assert {leak.group for leak in check.leaks} == {"P00 + P05 + P10", "P02"}
    assert "2 patients on both sides" in check.sentence
    assert ident(17) in check.named()


def test_the_fit_keeps_released_pairs_apart_and_others_together(project):
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(N)}, "kim")
    fitted = project.fit("lda").fitted
    ids = project.training_set().ids
    a, b = ids.index(ident(1)), ids.index(ident(41))
    assert (fitted.out_of_fold.folds[:, a] == fitted.out_of_fold.folds[:, b]).all()
    project.splits.release([(ident(1), ident(41))])
    fitted = project.fit("lda").fitted
    assert (fitted.out_of_fold.folds[:, a] != fitted.out_of_fold.folds[:, b]).any()


def test_a_group_is_called_what_the_column_is_called(project, capsys):
    project.splits.imported("Patient ID")
    assert project.splits.rule == GroupRule("import", "", "patient")
    project.splits.imported("slide")  # what was decided first stays
    assert project.splits.rule.noun == "patient"
    assert run(["groups", "cells", "--column", "split", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"]["rule"]["noun"] == "group"


def test_the_test_set_can_be_chosen_or_turned_off(project):
    splits = project.splits
    assert splits.test_ids() == {ident(i) for i in range(112, N)}
    splits.set_test_rule(TestRule("none"))
    assert splits.test_ids() == set()
    assert splits.set_test_rule(TestRule("folder", folder="site1")) == 60
    with pytest.raises(FewshotLabError, match="No image would be"):
        splits.set_test_rule(TestRule("folder", folder="elsewhere"))
    with pytest.raises(FewshotLabError, match="cosine from"):
        splits.set_threshold(0.5)


def test_a_chosen_threshold_holds_until_it_is_taken_back(project):
    splits = project.splits
    by_the_pool = splits.grouping.threshold
    splits.set_threshold(0.975)
    assert splits.chosen_threshold == 0.975
    assert splits.grouping.threshold.sentence == "97.5 %: chosen by hand."
    splits.set_threshold(None)
    assert splits.chosen_threshold is None
    assert splits.grouping.threshold == by_the_pool


def test_a_stratified_draw_is_weighted_back(project):
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(40)}, "kim")
    drawn = project.audit.draw(30, stratify="predicted")
    assert 20 <= drawn <= 32
    project.labels.add({i: ("a", "b")[int(i, 16) % 2] for i in project.store.audit_ids()}, "kim")
    report, test = project.audit.measure(project.fit("lda"))
    assert report.counts.labelled == drawn
    assert report.counts.pool == 112
    assert report.figures.n == drawn
    assert report.leaks.sound
    assert test.images == 8
    with pytest.raises(FewshotLabError, match="No image has a column"):
        project.audit.draw(5, stratify="age")


def test_an_audit_set_leaves_a_quarter_of_the_pool_to_train(project):
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(40)}, "kim")
    with pytest.raises(FewshotLabError, match="112 of the 112 images from training") as refused:
        project.audit.draw(1_000_000)
    assert not project.store.audit_ids()
    most = int(re.findall(r"ask for (\d+) at most", str(refused.value))[0])
    assert 70 < most <= 84
    assert project.audit.draw(most) == most
    with pytest.raises(FewshotLabError, match="20 more would keep"):
        project.audit.draw(20)
    assert len(project.store.audit_ids()) == most


def test_what_never_trains_is_said_where_no_classifier_can_be_fitted(project):
    project.store.draw_audit([ident(0), ident(1)], 112)
    project.labels.add({ident(0): "a", ident(1): "b", ident(2): "a"}, "kim")
    with pytest.raises(FewshotLabError, match="labels of 1, beside 2 on images that never train"):
        project.fit()


def test_groups_that_would_take_many_labels_from_training_say_so(project):
    """The audit set was drawn image by image; with sites as groups it stands in both of them."""
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(40)}, "kim")
    project.audit.draw(6)
    asked = GroupRule("pattern", r"(site\d)/", "site")
    left = len({ident(i) for i in range(40)} - project.store.audit_ids())
    assert project.splits.preview(asked).warning == (
        f"{left} of {left} labels would no longer train: they share a site with an image of the "
        "audit set, which was drawn by other groups."
    )
    project.splits.set_rule(asked)
    assert not project.splits.preview().warning


def test_of_each_patient_as_many_are_asked_about_as_said(project):
    project.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
    patient = dict(zip(project.require_embeddings().ids, project.splits.codes(
        project.require_embeddings().ids
    ), strict=True))  # fmt: skip
    assert project.audit.draw(6, per_group=1) == 6
    first = project.store.audit_ids()
    assert len({patient[i] for i in first}) == 6
    project.audit.draw(6, per_group=3)
    assert len({patient[i] for i in project.store.audit_ids() - first}) == 2
    with pytest.raises(FewshotLabError, match="one image of each group"):
        project.audit.draw(6, per_group=0)


def test_at_the_terminal(project, capsys):
    def told(*arguments):
        assert run([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    found = told("groups", "cells", "--pattern", r"(P\d+)_", "--noun", "patient", "--preview")
    assert found["groups"] == 15
    assert found["examples"][0] == {"path": "site0/P00_0.png", "group": "P00"}
    assert told("groups", "cells")["groups"]["groups"] == 0  # only looked at
    found = told(
        "groups", "cells", "--pattern", r"(P\d+)_", "--release", "site1/P00_1.png,site1/P05_41.png"
    )
    assert found["groups"]["rule"]["kind"] == "pattern"
    assert found["near_duplicates"]["released"] == 1
    assert found["test_set"]["images"] == 8
    assert run(["groups", "cells", "--pattern", "("]) == 1
    assert "cannot be read" in capsys.readouterr().err
    project.labels.add({ident(i): ("a", "b")[i % 2] for i in range(100)}, "kim")
    found = told("audit", "cells", "--draw", "20")
    assert found["drawn_now"] > 0
    assert found["figures"]["accuracy"]["n"] == found["counts"]["labelled"]
    assert "none on both sides" in found["leak_check"]["sentence"]
