"""What a large project keeps of its pool, so that a server that starts need not make it."""

from contextlib import contextmanager

import numpy as np
import pytest

from fewshot_lab.classifiers import Pool, pool
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.evaluation import TestRule
from fewshot_lab.project import Project, kept_pool
from fewshot_lab.store import LabelAction, NewImage

N, D = 300, 24


def ident(i):
    return f"{i:020x}"


def add(project, vectors, start):
    """Add images, every thirtieth of them to test on."""
    ids = [ident(start + i) for i in range(len(vectors))]
    project.store.add_images(
        [
            NewImage(i, f"{i}.png", f"{i}.png", 0, 8, 8, 1, 1,
                     meta={"split": "test" if int(i, 16) % 30 == 29 else "train"})
            for i in ids
        ]
    )  # fmt: skip
    folder, fingerprint = project.embedding_folder, project.backbone.fingerprint
    write_shard(folder, ids, vectors, [], fingerprint=fingerprint, dtype="float32")


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, D))
    return (centres[np.arange(N) % 2] + rng.normal(size=(N, D))).astype(np.float16)


@pytest.fixture(params=[np.float32, np.int16])
def project(home, drawn, monkeypatch, request):
    """Return a project whose pool is kept, in four bytes a number or in two."""
    monkeypatch.setattr(kept_pool, "WORTH_KEEPING", 1)
    monkeypatch.setattr(pool, "TWO_BYTES_FROM", N if request.param == np.float32 else 0)
    with Project.create("cells") as made:
        add(made, drawn, 0)
        for k, name in enumerate("ab"):
            made.store.add_class(name, annotator="x")
            labelled = [ident(i) for i in range(k, 28, 2)]
            made.store.record(LabelAction(client=name, q=1, annotator="x", kind="class",
                                          class_id=k + 1, image_ids=labelled))  # fmt: skip
        yield made


def restarted():
    return Project.open("cells")


@contextmanager
def made_anew(monkeypatch, expected):
    """Check which views are made, not read."""
    made, make = [], Pool._make

    def noted(self, components, levelled):
        made.append("levelled" if levelled else "plain")
        return make(self, components, levelled)

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "_make", noted)
        yield
    assert made == expected


def answers(opened):
    """Return all that follows from the pool: views, a classifier and its answers."""
    views = [opened.pool, opened.pool.levelled]
    classifier = opened.fit("lda")
    return [
        *(view.rotated[:].tobytes() + view.rotation.tobytes() + view.variance.tobytes()
          for view in views),
        classifier.fitted.pool_probabilities(opened.pool).tobytes(),
        classifier.probabilities().tobytes(),
    ]  # fmt: skip


def test_a_restarted_server_computes_the_same_bits_without_making_the_pool(project, monkeypatch):
    with made_anew(monkeypatch, ["plain", "levelled"]):
        project.kept_pool.keep_views(project.require_embeddings())  # as preparing a project does
        before = answers(project)
    with restarted() as again, made_anew(monkeypatch, []):
        assert answers(again) == before
    monkeypatch.setattr(kept_pool, "WORTH_KEEPING", 10**9)
    with restarted() as again, made_anew(monkeypatch, ["plain", "levelled"]):
        assert answers(again) == before  # as if nothing were kept


def damaged(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.mark.parametrize(
    "harm", [damaged, lambda file: file.unlink(), lambda file: file.write_bytes(b"")]
)
@pytest.mark.parametrize("ending", ["numbers", "npz"])
@pytest.mark.parametrize("project", [np.int16], indirect=True)
def test_a_damaged_view_is_made_anew(project, monkeypatch, ending, harm):
    before = answers(project)
    (file,) = (project.folder / "pools").glob(f"*/{D}.{ending}")
    harm(file)
    with restarted() as again, made_anew(monkeypatch, ["plain"]):
        assert answers(again) == before
    with restarted() as again, made_anew(monkeypatch, []):
        assert answers(again) == before


@pytest.mark.parametrize("project", [np.int16], indirect=True)
def test_other_images_or_another_test_set_make_the_views_anew(project, drawn, monkeypatch):
    _ = project.pool
    add(project, drawn[:20] + np.float16(0.5), N)
    with restarted() as again, made_anew(monkeypatch, ["plain"]):
        assert len(again.pool) == N + 20
    project.splits.set_test_rule(TestRule("none"))
    with restarted() as again, made_anew(monkeypatch, ["plain"]):
        _ = again.pool
    with restarted() as again, made_anew(monkeypatch, []):
        _ = again.pool


@pytest.mark.parametrize("project", [np.int16], indirect=True)
def test_images_that_come_while_the_test_set_is_read_belong_to_the_next_reading(project, drawn):
    before = project.store.image_columns()
    add(project, drawn[:60], N)
    kept = project.kept_pool
    for images, n in ((before, N), (None, N + 60), (before, N)):
        test, _ = kept.reference_test(images)
        assert len(test) == n and test.sum() == n // 30


def test_nothing_is_kept_while_images_wait_for_their_embeddings(project, monkeypatch):
    project.store.add_images([NewImage(ident(N), "t", "t", 0, 8, 8, 1, 1)])
    for _ in range(2):
        with restarted() as again, made_anew(monkeypatch, ["plain"]):
            _ = again.pool
    assert not (project.folder / "pools").exists()


@pytest.mark.parametrize("project", [np.int16], indirect=True)
def test_views_of_embeddings_that_were_removed_go_with_them(project):
    left = project.folder / "pools" / "0123456789abcdef"
    left.mkdir(parents=True)
    _ = project.pool
    assert [each.name for each in left.parent.iterdir()] == [project.backbone.fingerprint]


def test_a_folder_that_cannot_be_written_keeps_nothing_and_stops_nothing(project, monkeypatch):
    (project.folder / "pools").write_bytes(b"")
    with made_anew(monkeypatch, ["plain", "levelled"]):
        first = answers(project)
    with restarted() as again, made_anew(monkeypatch, ["plain", "levelled"]):
        assert answers(again) == first
