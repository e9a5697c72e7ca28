"""Who labels what, what comes back, and what the log says of agreement."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.project import Lots, Project, conflicts, repeats_of
from fewshot_lab.project.hidden_repeats import AT_ONCE, GAP
from fewshot_lab.store import LabelAction, NewImage, Team

N = 400


def image(n: int) -> str:
    return f"{n:020x}"


class Reader:
    """Somebody who labels, as the label page's routes store it."""

    def __init__(self, project: Project, name: str):
        self.project, self.name, self.q = project, name, 0

    def say(self, n: int, to: int | str, **more: object) -> None:
        self.q += 1
        kind, class_id = ("class", to) if isinstance(to, int) else (to, None)
        given = {"view": "suggestion", **more}
        self.project.store.record(
            LabelAction(self.name, self.q, self.name, kind, class_id, [image(n)], **given)
        )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.create("cells", home=tmp_path)
    made.store.add_images(
        [
            NewImage(image(n), f"{n}.png", f"{n}.png", 0, 8, 8, 1, 1, group=f"p{n // 4}")
            for n in range(N)
        ]
    )
    for name in ("a", "b", "c"):
        made.store.add_class(name, annotator="lead")
    yield made
    made.close()


def test_shares_cover_the_images_and_keep_patients_together() -> None:
    ids = [image(n) for n in range(4000)]
    keys = [f"p{n // 5}" for n in range(4000)]
    team = Team(("kim", "bo", "ann"), split=True)
    lots = Lots(ids, keys)
    mine = np.array([lots.duties(team, who).assigned for who in team.annotators])
    assert (mine.sum(axis=0) == 1).all()
    assert (np.abs(mine.mean(axis=1) - 1 / 3) < 0.06).all()
    by_patient = mine.reshape(3, -1, 5)
    assert (by_patient.all(axis=2) | ~by_patient.any(axis=2)).all()
    # An image keeps its annotator when others come after it.
    again = Lots([*ids, image(9999)], [*keys, None]).duties(team, "kim").assigned
    assert (again[:-1] == mine[0]).all()
    assert lots.duties(team, "visitor").assigned.all()


def test_a_part_is_labelled_by_several() -> None:
    ids = [image(n) for n in range(4000)]
    team = Team(("kim", "bo", "ann"), split=True, double=0.2, per_image=2)
    duties = [Lots(ids).duties(team, who) for who in team.annotators]
    times = sum(d.assigned.astype(int) for d in duties)
    several = duties[0].several
    assert (times[several] == 2).all() and (times[~several] == 1).all()
    assert abs(several.mean() - 0.2) < 0.03
    assert (duties[0].apart == several).all()
    half = Team(blind=0.5)
    kim, bo = (Lots(ids).duties(half, who).blind for who in ("kim", "bo"))
    assert abs(kim.mean() - 0.5) < 0.04
    assert abs((kim == bo).mean() - 0.5) < 0.04  # drawn for each on their own


def test_repeats_come_back_once_at_the_asked_rate(project: Project) -> None:
    store, kim = project.store, Reader(project, "kim")
    for n in range(30):
        kim.say(n, 1)
    project.team.agree("lead", repeats=0.2)
    repeats = repeats_of(store, store.team(), "kim")
    assert repeats is not None and repeats.due(store) == {}
    done: list[str] = []
    for n in range(30, 130):
        kim.say(n, 1 + n % 3)
        due = repeats.due(store)
        # The same in another process, from the log alone.
        fresh = repeats_of(store, store.team(), "kim")
        assert fresh is not None and fresh.due(store) == due
        assert len(due) <= AT_ONCE
        for image_id, event in list(due.items())[:1]:
            number = int(image_id, 16)
            assert number <= n - GAP
            kim.say(number, 1, repeats={image_id: event})
            done.append(image_id)
            assert image_id not in repeats.due(store)
    assert 18 <= len(done) <= 20 and len(set(done)) == len(done)
    assert repeats_of(store, store.team(), "bo").due(store) == {}
    last = done[-1]
    store.undo("kim", client=None, q=None)
    if store.history(limit=1)[0].example_ids == (last,):
        assert last in repeats.due(store)  # taken back: it waits again


def test_agreement_counts_what_was_said_apart(project: Project) -> None:
    kim, bo, ann = (Reader(project, who) for who in ("kim", "bo", "ann"))
    for n in range(60):
        kim.say(n, 1 + n % 3)
    for n in range(40):
        bo.say(n, 1 + (n if n % 8 else n + 1) % 3, apart=[image(n)])
    for n in range(40, 60):
        bo.say(n, 1 + n % 3)  # with kim's label in sight: no evidence of agreement
    report = project.team.report()
    assert (report.images, report.seen, report.kind) == (40, 20, "Cohen's kappa")
    (pair,) = report.pairs
    assert report.kappa == pair.kappa and 0.7 < pair.kappa.value < 0.9
    assert pair.agreement.value == pytest.approx(35 / 40)
    assert report.groups == 10  # patients
    counts = report.matrix("kim", "bo")
    assert counts.sum() == 40 and counts.trace() == 35
    either = report.matrix()
    assert (either == either.T).all() and either.trace() == 35 and either.sum() == 45
    cells = report.cells("kim", "bo")
    assert {cell: len(ids) for cell, ids in cells.items() if cell[0] != cell[1]} == {
        (1, 2): 2, (2, 3): 1, (3, 1): 2,
    }  # fmt: skip
    # Seeing the other's label and giving in changes no agreement.
    bo.say(8, 1 + 8 % 3, view="grid")
    assert project.team.report().agreement == report.agreement
    ann.say(0, 1, apart=[image(0)])
    assert project.team.report().kind.startswith("Fleiss' kappa, generalised")
    assert project.team.report().to_dict()["agreement"]["n"] == 40


def test_agreement_with_oneself(project: Project) -> None:
    kim = Reader(project, "kim")
    for n in range(30):
        kim.say(n, 1 + n % 3)
    first = {event.image_id: event.id for event in project.store.events()}
    for n in range(20):
        kim.say(n, 1 + (n + (n < 2)) % 3, repeats={image(n): first[image(n)]})
    (person,) = project.team.report().people
    assert (person.repeats, person.self_agreement.value) == (20, 0.9)
    assert person.self_kappa.low < person.self_kappa.value == pytest.approx(0.85, abs=0.02)


def test_conflicts_wait_for_a_senior(project: Project) -> None:
    project.team.agree("lead", rule="majority", seniors=("ann",))
    kim, bo, ann = (Reader(project, who) for who in ("kim", "bo", "ann"))
    for n in range(3):
        kim.say(n, 1)
        bo.say(n, 2 if n else 1, apart=[image(n)])
    assert [c.image_id for c in conflicts(project)] == [image(1), image(2)]
    assert all(c.label is None and not c.decided for c in conflicts(project))
    ann.say(1, 2, view="adjudication")
    first, second = conflicts(project)
    assert (first.image_id, second.image_id, second.decided) == (image(2), image(1), True)
    assert second.label.class_id == 2 and second.label.decided
    # A decision is no independent label: it counts for nobody's agreement.
    assert {p.name: p.shared for p in project.team.report().people} == {"kim": 3, "bo": 3, "ann": 0}


def test_what_a_prediction_in_sight_does(project: Project) -> None:
    project.team.agree("lead", blind=0.3)
    kim = Reader(project, "kim")
    looks = {True: 0, False: 0}
    blind = project.team.assignment.duties(project.store.team(), "kim").blind
    for n in range(N // 2):
        looks[bool(blind[n])] += 1
        follows = looks[bool(blind[n])] % 10 < (6 if blind[n] else 9)
        said = {image(n): (1, 0.8)}
        more = {"concealed": said, "apart": [image(n)]} if blind[n] else {"shown": said}
        kim.say(n, 1 if follows else 2, **more)
    effect = project.team.report().effect
    assert effect.how == "random" and effect.seen.n + effect.hidden.n == N // 2
    assert effect.difference.low < 0.3 < effect.difference.high
    assert effect.difference.low > 0
    assert effect.paired is None and "drawn at random" in effect.caveat


def test_without_a_lot_the_comparison_says_so(project: Project) -> None:
    kim = Reader(project, "kim")
    for n in range(40):
        sure = 0.95 if n % 2 else 0.4
        said = {image(n): (1, sure)}
        more = {"concealed": said} if n % 4 < 2 else {"shown": said}
        kim.say(n, 1 if sure > 0.5 else 2, **more)
    effect = project.team.report().effect
    assert effect.how == "alike" and effect.difference.value == 0
    assert "Predictions were not hidden at random" in effect.caveat
    few = Project.create("few", home=project.folder.parent)
    assert few.team.report().effect.how == "" and few.team.report().to_dict()["kappa"] is None
    few.close()


def test_the_training_set_follows_the_rule(project: Project) -> None:
    from fewshot_lab.embeddings.shards import write_shard

    rng = np.random.default_rng(0)
    folder = project.folder / "embeddings" / project.backbone.fingerprint
    ids = [image(n) for n in range(N)]
    vectors = rng.normal(size=(N, 16)).astype(np.float16)
    write_shard(folder, ids, vectors, [], fingerprint=project.backbone.fingerprint, dtype="float32")
    project.labels.add({image(n): "ab"[n // 4 % 2] for n in range(40)}, "kim")
    project.labels.add({image(n): "b" for n in range(4)}, "bo")
    assert project.training_set().y[:4].tolist() == [2] * 4  # the newest
    project.team.agree("lead", rule="majority")
    assert project.training_set().ids[0] == image(4)
    project.team.agree("lead", rule="soft")
    training = project.training_set()
    assert len(training.ids) == 40 and training.soft is not None
    assert training.soft.own[:4].tolist() == [0.5] * 4 and len(training.soft.at) == 4
    assert project.fit("lda").fitted.out_of_fold.y.shape == (40,)
    project.team.agree("lead", rule="senior", seniors=("kim",))
    assert project.training_set().y[:4].tolist() == [1] * 4
