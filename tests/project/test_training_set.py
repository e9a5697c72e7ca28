"""What may train is decided once: a script's classifier and the label page's are the same."""

import shutil

import numpy as np
import pytest

from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import GroupRule, TestRule
from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project
from fewshot_lab.store import NewImage

PATIENT, PATIENTS, D = 6, 20, 16
N = PATIENT * PATIENTS
BARE = 6 * PATIENT  # an image of the seventh patient that could not be embedded


def ident(i):
    return f"{i:020x}"


@pytest.fixture
def project(home):
    """Patients of six images, two of them for testing; one image is not embedded.

    Image 0 (first patient) and image 40 (seventh) are nearly the same, as are 20 (fourth) and one
    for testing.
    """
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, D)) + 3 * np.eye(2, D)[np.arange(N) % 2]
    X[40] = X[0] + 0.01 * rng.normal(size=D)
    X[N - 1] = X[20] + 0.01 * rng.normal(size=D)
    with Project.create("cells") as made:
        made.store.add_images(
            [
                NewImage(
                    *(ident(i), f"P{i // PATIENT:02d}_{i}.png", f"{i}.png", 0, 8, 8, 1, 1),
                    meta={"split": "test" if i >= N - 2 * PATIENT else "train"},
                )
                for i in range(N)
            ]
        )
        there = [i for i in range(N) if i != BARE]
        write_shard(
            made.embedding_folder,
            [ident(i) for i in there],
            X[there].astype(np.float16),
            [],
            fingerprint=made.backbone.fingerprint,
            dtype="float32",
        )
        made.splits.set_rule(GroupRule("pattern", r"(P\d+)_", "patient"))
        made.splits.set_test_rule(TestRule("column", "split", "test"))
        made.labels.add({ident(i): ("a", "b")[i % 2] for i in range(N)}, "kim")
        made.store.set("audit_share", 0.0)  # nothing is drawn beside what the test draws
        # An audit image without an embedding, and one with: of the seventh and third patient.
        made.store.draw_audit([ident(BARE), ident(2 * PATIENT)], pool_size=N)
        yield made


def test_a_script_and_the_label_page_train_on_the_same_images_alone(project):
    session = LiveSession.of(project)
    snapshot = session.snapshot
    while snapshot.rev < 2:  # the second, when slower candidates have been compared too
        snapshot = session.wait(snapshot.rev, timeout=60)
    session.close()

    def of(*patients):
        return {ident(i) for i in range(N) if i // PATIENT in patients and i != BARE}

    assert {pair.state for pair in project.splits.grouping.pairs} == {"joined"}
    audit, tested = of(6, 0, 2), of(18, 19, 3)
    classifier = project.fit()
    assert (
        set(classifier.training.ids)
        == {ident(i) for i in range(N)} - {ident(BARE)} - audit - tested
    )
    assert snapshot.audit_report.counts.held_out == len(audit) - 1  # one of them was drawn
    np.testing.assert_allclose(
        snapshot.probabilities, classifier.probabilities(snapshot.ids), atol=1e-5
    )


def test_the_reference_test_set_is_not_looked_at(project):
    """Other pictures in it change neither what classifiers see nor what they say."""

    def learnt():
        with Project.open("cells") as opened:
            return opened.pool, opened.fit("lda").probabilities([ident(i) for i in range(8)])

    pool, before = learnt()
    assert project.pool is project.pool
    embeddings = project.require_embeddings()
    X = embeddings.matrix().copy()
    X[-2 * PATIENT :] += 30
    shutil.rmtree(project.embedding_folder)
    write_shard(
        project.embedding_folder,
        embeddings.ids,
        X,
        [],
        fingerprint=embeddings.fingerprint,
        dtype="float32",
    )
    moved, after = learnt()
    np.testing.assert_array_equal(moved.prepare(X[:8]), pool.prepare(X[:8]))
    np.testing.assert_array_equal(moved.rotation, pool.rotation)
    np.testing.assert_array_equal(after, before)
    project.splits.set_test_rule(TestRule("none"))
    seen, _ = learnt()
    assert not np.allclose(seen.prepare(X[:8]), pool.prepare(X[:8]))


def test_why_labels_do_not_train_is_said(home):
    """Without an embedding is not held out."""
    with Project.create("half") as half:
        half.store.add_images(
            [NewImage(ident(i), f"{i}.png", f"{i}.png", 0, 8, 8, 1, 1) for i in range(8)]
        )
        X = np.random.default_rng(0).normal(size=(4, D)).astype(np.float16)
        ids, fingerprint = [ident(i) for i in range(4)], half.backbone.fingerprint
        write_shard(half.embedding_folder, ids, X, [], fingerprint=fingerprint, dtype="float32")
        half.labels.add({ident(i): "a" if i < 4 else "b" for i in range(8)}, "kim")
        half.store.draw_audit([ident(0)], 8)
        with pytest.raises(FewshotLabError) as refused:
            half.fit()
    assert str(refused.value).endswith(
        "has labels of 1, beside 4 on images without an embedding, 1 on images that never train."
    )
