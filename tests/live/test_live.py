"""The labelling session: what a page, a second process and a script rely on."""

import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import GroupRule
from fewshot_lab.live import LiveSession
from fewshot_lab.live.suspects import Suspects
from fewshot_lab.project import Project, class_pairs, set_class_pair
from fewshot_lab.store import LabelAction, NewImage

N, K, D = 240, 3, 32


def images(n, start=0, group=None, meta=None, reference=None):
    return [
        NewImage(
            *(f"{i:020x}", f"{i}.png", f"{i}.png", 0, 8, 8, 1, 1),
            reference=None if reference is None else reference[i - start],
            group=None if group is None else group(i),
            meta={} if meta is None else meta(i),
            source=f"{i}.png",
            source_frame=0,
        )
        for i in range(start, start + n)
    ]


def vectors(n, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(5).normal(size=(K, D))
    y = rng.integers(0, K, n)
    return (centres[y] + rng.normal(size=(n, D))).astype(np.float16), y


class Bench:
    """A project with embedded images, and somebody who labels them."""

    def __init__(self, home, n=N, group=None, meta=None, reference=False):
        self.project = Project.create("live", home=home)
        self.store = self.project.store
        self.store.set("created", "2026-01-01T00:00:00+00:00")  # what the audit's draws follow
        self.truth = np.empty(0, dtype=int)
        self.classes = [self.store.add_class(f"class{k}", annotator="kim") for k in range(K)]
        self.q = 0
        self.session = None
        self.add(n, group, meta, reference)

    def add(self, n, group=None, meta=None, reference=False):
        start = len(self.truth)
        X, y = vectors(n, seed=start)
        came = [f"class{k}" for k in y] if reference else None
        self.store.add_images(images(n, start, group, meta, came))
        backbone = self.project.backbone
        write_shard(
            self.project.folder / "embeddings" / backbone.fingerprint,
            [f"{i:020x}" for i in range(start, start + n)],
            X,
            [],
            fingerprint=backbone.fingerprint,
            dtype="float32",
        )
        self.truth = np.concatenate([self.truth, y])

    def open(self):
        self.session = LiveSession.of(self.project)
        return self.session

    def label(self, rows, kind="class", k=None, view="grid", notify=True):
        groups = {}
        for row in rows:
            groups.setdefault(self.truth[row] if k is None else k, []).append(f"{row:020x}")
        for c, ids in groups.items():
            self.q += 1
            self.store.record(
                LabelAction(
                    client="test",
                    q=self.q,
                    annotator="kim",
                    kind=kind,
                    class_id=self.classes[c] if kind == "class" else None,
                    image_ids=ids,
                    view=view,
                    strategy=None,
                    shown=None,
                    spent_ms=None,
                )
            )
        if notify and self.session:
            self.session.notify()

    def settled(self, position=None, *, done=lambda snapshot: True, timeout=60):
        """Wait for a snapshot of the labels as they are now."""
        position = self.store.position() if position is None else position
        end = time.monotonic() + timeout
        snapshot = self.session.snapshot
        while not (snapshot.position >= position and done(snapshot)):
            assert time.monotonic() < end, snapshot.message
            snapshot = self.session.wait(snapshot.rev, 1)
        return snapshot

    def per_class(self, n, without=()):
        rows = [r for r in range(len(self.truth)) if r not in without]
        return [r for k in range(K) for r in [x for x in rows if self.truth[x] == k][:n]]


@pytest.fixture
def bench(tmp_path):
    made = []

    def make(**more):
        made.append(Bench(tmp_path / "projects", **more))
        return made[-1]

    yield make
    for one in made:
        if one.session:
            one.session.close()
        one.project.close()


def test_before_any_label_there_are_suggestions_and_a_reason_why_nothing_else(bench):
    b = bench()
    b.open()
    snapshot = b.settled()
    assert snapshot.fitted is None
    assert snapshot.probabilities is None
    assert "two classes" in snapshot.message
    assert (snapshot.predicted == -1).all()
    assert len(snapshot.ids) == len(snapshot.predicted) == N
    assert 15 <= len(snapshot.suggestions) <= 30
    audit = [s.image_id for s in snapshot.suggestions if s.audit]
    assert len(audit) == 5
    # On record before they are shown.
    assert b.store.audit_ids() == set(audit)


def test_labels_become_a_classifier(bench):
    b = bench()
    b.open()
    b.settled()
    rows = b.per_class(12, without=[int(i, 16) for i in b.store.audit_ids()])
    b.label(rows)
    snapshot = b.settled()
    assert snapshot.message == ""
    assert snapshot.class_ids == tuple(b.classes)
    assert snapshot.probabilities.shape == (N, K)
    truth = np.array(b.classes)[b.truth]
    assert (snapshot.predicted == truth).mean() > 0.9
    np.testing.assert_allclose(snapshot.confidence, snapshot.probabilities.max(axis=1))
    assert (snapshot.margin >= 0).all()
    assert snapshot.cv.n == 36
    assert set(snapshot.cv.ids) == {f"{r:020x}" for r in rows}
    assert snapshot.name in snapshot.fitted.name
    assert snapshot.sentence
    shown = {s.image_id for s in snapshot.suggestions}
    assert not shown & {f"{r:020x}" for r in rows}
    assert all(snapshot.row[i] == r for r, i in enumerate(snapshot.ids))


def test_a_snapshot_cannot_be_changed(bench):
    b = bench()
    b.label(b.per_class(4))
    b.open()
    snapshot = b.settled()
    with pytest.raises(ValueError, match="read-only"):
        snapshot.predicted[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        snapshot.probabilities[0] = 1
    with pytest.raises(AttributeError):
        snapshot.rev = 3


def test_what_settles_is_what_the_project_fits(bench):
    b = bench()
    b.store.set("audit_share", 0)  # a draw takes labelled images out of training, too
    b.label(b.per_class(12))
    b.open()
    first = b.settled()
    assert b.session.refining  # a page that shows figures waits for the last word
    end = time.monotonic() + 60
    while b.session.refining and time.monotonic() < end:
        time.sleep(0.01)
    last = b.session.snapshot
    assert last.rev > first.rev and not b.session.refining
    fitted = b.project.fit()
    assert fitted.sentence == last.sentence
    np.testing.assert_allclose(fitted.probabilities(), last.probabilities, atol=1e-5)


def test_audit_images_never_train_and_measure(bench):
    b = bench()
    b.open()
    first = b.settled()
    audit = [int(s.image_id, 16) for s in first.suggestions if s.audit]
    b.label(b.per_class(10, without=audit))
    without = b.settled()
    assert without.audit_report.figures is None
    b.label(audit)
    snapshot = b.settled()
    # What a later draw takes of the labelled ones measures from then on, and trains no more.
    gone = set(without.cv.ids) - set(snapshot.cv.ids)
    assert set(snapshot.cv.ids) == set(without.cv.ids) - gone
    assert gone <= b.store.audit_ids()
    assert not set(snapshot.cv.ids) & {f"{r:020x}" for r in audit}
    assert snapshot.audit_report.figures.n == len(audit) + len(gone)
    if not gone:
        np.testing.assert_array_equal(snapshot.probabilities, without.probabilities)
    # The labelled ones have made room for newly drawn ones.
    fresh = {s.image_id for s in snapshot.suggestions if s.audit}
    assert fresh
    assert not fresh & {f"{r:020x}" for r in audit}
    assert len(b.store.audit_ids()) >= 10
    assert snapshot.audit_report.leaks.sound


def test_an_image_that_is_drawn_after_it_was_labelled_trains_no_more_and_measures(bench):
    """Whether an image is labelled must not matter for its chance to be drawn."""
    b = bench()
    b.label(b.per_class(38))
    b.open()
    snapshot = b.settled()
    others = iter([r for r in range(N) if f"{r:020x}" not in b.store.labels()])
    while not (both := b.store.audit_ids() & set(labelled := b.store.labels())):
        b.label([next(others)])
        snapshot = b.settled()
    assert snapshot.audit_report.figures.n == len(both)
    assert not both & set(snapshot.cv.ids)
    assert snapshot.cv.n == len(labelled) - len(both)


def test_where_most_is_labelled_images_are_drawn_only_when_asked(bench):
    b = bench()
    b.label(b.per_class(60))
    b.open()
    b.settled()
    assert b.store.audit_ids() == set()
    assert b.project.audit.draw(30) == 30
    b.session.notify()
    snapshot = b.settled(done=lambda s: s.audit_report.figures is not None)
    assert snapshot.audit_report.counts.drawn == 30
    assert snapshot.cv.n + snapshot.audit_report.figures.n == len(b.store.labels())


def test_looking_again_draws_no_further_images(bench):
    """Labels that were brought in: the first look draws, those after it change no figure."""
    b = bench()
    b.label(b.per_class(38))
    b.open()
    first = b.settled(done=lambda s: s.cv is not None)
    drawn = b.store.audit_ids()
    b.store.set("classifier", "logreg")  # another fit on the same labels
    b.session.notify()
    again = b.settled(done=lambda s: s.name == "logreg")
    assert b.store.audit_ids() == drawn
    assert again.cv.n == first.cv.n


def test_patients_are_drawn_and_held_out_as_a_whole(bench):
    b = bench(group=lambda i: f"patient {i // 8}")
    b.open()
    snapshot = b.settled()
    drawn = {int(i, 16) // 8 for i in b.store.audit_ids()}
    assert len(b.store.audit_ids()) == len(drawn) == 5
    b.label(range(0, 240, 2))
    snapshot = b.settled(done=lambda s: s.audit_report.figures is not None)
    drawn = {int(i, 16) // 8 for i in b.store.audit_ids()}
    assert not drawn & {int(i, 16) // 8 for i in snapshot.cv.ids}
    assert not drawn & {int(s.image_id, 16) // 8 for s in snapshot.suggestions if not s.audit}
    assert len(drawn) * 8 <= 0.2 * N + 8
    assert snapshot.audit_report.leaks.sentence == "30 groups; none on both sides."
    assert snapshot.cv.leaks.sound


def test_other_groups_count_at_once(bench):
    """Groups found in the file names later: what trained beside an audit image trains no more."""
    b = bench()
    b.label(range(0, N, 4))
    b.open()
    before = b.settled(done=lambda s: s.cv is not None)
    b.project.splits.set_rule(GroupRule("pattern", r"^(\d+)\d\.png$", "slide"))
    b.session.notify()
    after = b.settled(done=lambda s: s.cv is not None and s.cv.leaks.groups > 0)
    assert after.cv.leaks.noun == "slide"
    drawn = [int(s.image_id, 16) for s in before.suggestions if s.audit]
    audit = {i // 10 for i in drawn if i >= 10}
    assert audit & {int(i, 16) // 10 for i in before.cv.ids}
    assert not audit & {int(i, 16) // 10 for i in after.cv.ids}


def test_the_reference_test_set_neither_trains_nor_is_suggested(bench):
    b = bench(meta=lambda i: {"split": "test" if i % 4 == 0 else "train"}, reference=True)
    b.label(b.per_class(20))
    b.open()
    snapshot = b.settled(done=lambda s: s.test is not None)
    for image_id in [*snapshot.cv.ids, *(s.image_id for s in snapshot.suggestions)]:
        assert int(image_id, 16) % 4
    assert all(int(i, 16) % 4 for i in b.store.audit_ids())
    assert snapshot.test.by == "column split = test"
    assert snapshot.test.images == snapshot.test.figures.n == 60
    assert snapshot.test.labelled + snapshot.test.referenced == 60
    assert snapshot.test.figures.accuracy.value > 0.8


def test_audit_images_are_offered_until_they_are_labelled(bench):
    b = bench()
    b.open()
    first = b.settled()
    audit = {s.image_id for s in first.suggestions if s.audit}
    b.label(b.per_class(5, without=[int(i, 16) for i in audit]))
    assert {s.image_id for s in b.settled().suggestions if s.audit} == audit


def test_a_small_project_keeps_most_of_its_images_for_training(bench):
    b = bench(n=10)
    b.open()
    assert b.settled().suggestions
    assert len(b.store.audit_ids()) == 2


@pytest.mark.slow
def test_an_audit_that_has_enough_images_grows_only_when_asked(bench):
    b = bench(n=600)
    b.label([int(i, 16) for i in _drawn(b, 90)])
    b.open()
    b.settled()
    assert len(b.store.audit_ids()) == 93  # the interval of any accuracy is narrow enough
    b.label([int(i, 16) for i in b.store.audit_ids()])
    b.label(b.per_class(20))
    snapshot = b.settled()
    assert len(b.store.audit_ids()) == 93
    assert snapshot.audit_report.counts.waiting == 0
    b.label([int(i, 16) for i in _drawn(b, 10)])
    assert len(b.store.audit_ids()) == 103
    b.add(200)  # what comes later has its share in the measure, too
    b.label(b.per_class(25))
    b.settled(done=lambda snapshot: len(snapshot.ids) == 800)
    assert len(b.store.audit_ids()) > 103


def _drawn(bench, n):
    bench.project.audit.draw(n)
    return bench.store.audit_ids()


def test_no_share_no_audit(bench):
    b = bench()
    b.store.set("audit_share", 0)
    b.open()
    assert not any(s.audit for s in b.settled().suggestions)
    assert b.store.audit_ids() == set()


def test_unsure_rejected_and_skipped_images_do_not_train_and_are_not_shown(bench):
    b = bench()
    b.store.set("audit_share", 0)
    b.label(b.per_class(6))
    free = [r for r in range(N) if r not in b.per_class(6)]
    b.label(free[:20], kind="unsure")
    b.label(free[20:40], kind="reject")
    b.label(free[40:60], kind="skip")
    b.open()
    snapshot = b.settled()
    assert len(snapshot.cv.ids) == 18
    assert not {s.image_id for s in snapshot.suggestions} & {f"{r:020x}" for r in free[:60]}


def test_a_class_that_lost_its_labels_is_forgotten(bench):
    b = bench()
    b.label(b.per_class(6))
    b.open()
    assert len(b.settled().class_ids) == 3
    b.label([r for r in b.per_class(6) if b.truth[r] == 2], kind="clear")
    snapshot = b.settled()
    assert snapshot.class_ids == tuple(b.classes[:2])
    assert set(np.unique(snapshot.predicted)) <= set(b.classes[:2])
    b.label([r for r in b.per_class(6) if b.truth[r] == 1], kind="clear")
    snapshot = b.settled()
    assert snapshot.fitted is None
    assert "second one" in snapshot.message


def test_the_newest_labels_win(bench):
    b = bench()
    b.open()
    b.settled()
    for row in b.per_class(10):
        b.label([row])
    last = b.settled()
    assert last.position == b.store.position()
    revs = [b.session.wait(last.rev - 1, 1).rev]
    assert revs[0] >= last.rev


def test_notify_and_snapshot_return_at_once_while_a_fit_runs(bench):
    b = bench()
    b.open()
    b.settled()
    stop = threading.Event()
    longest = 0.0

    def hammer():
        while not stop.is_set():
            b.session.notify()
            time.sleep(0.01)

    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        for row in b.per_class(4):
            b.label([row])
            before = time.perf_counter()
            b.session.snapshot  # noqa: B018
            longest = max(longest, time.perf_counter() - before)
        b.settled()
    finally:
        stop.set()
        thread.join()
    assert longest < 1


def test_waiting_ends_with_the_next_snapshot_or_the_time(bench):
    b = bench()
    b.label(b.per_class(3))
    b.open()
    snapshot = b.settled(done=lambda s: s.rev >= 2)
    assert b.session.wait(snapshot.rev + 7, 5).rev >= snapshot.rev
    found = []
    thread = threading.Thread(target=lambda: found.append(b.session.wait(snapshot.rev, 30)))
    thread.start()
    b.label([100])
    thread.join(30)
    assert found[0].rev > snapshot.rev


def test_labels_of_another_process_are_noticed(bench):
    b = bench()
    b.open()
    b.settled()
    code = (
        "import sys; from fewshot_lab.project import Project\n"
        "p = Project.open(sys.argv[1], home=sys.argv[2])\n"
        "p.labels.add({i: n for i, n in (a.split('=') for a in sys.argv[3:])}, 'lee')\n"
    )
    given = [f"{r:020x}=class{b.truth[r]}" for r in b.per_class(4)]
    home = b.project.folder.parent
    subprocess.run([sys.executable, "-c", code, "live", str(home), *given], check=True)
    assert b.settled().fitted is not None


def test_new_embeddings_are_taken_in(bench):
    b = bench()
    b.label(b.per_class(4))
    b.open()
    assert len(b.settled().ids) == N
    b.add(60)
    b.session.notify()
    snapshot = b.settled(done=lambda s: len(s.ids) == N + 60)
    assert snapshot.probabilities.shape == (N + 60, K)
    assert snapshot.row[f"{N + 3:020x}"] == N + 3


def test_a_failure_becomes_a_message_and_the_session_goes_on(bench):
    b = bench()
    b.label(b.per_class(4))
    b.open()
    b.settled()
    b.store.set("backbone", "no-such-backbone")
    b.session.notify()
    broken = b.settled(done=lambda s: s.message != "")
    assert "no-such-backbone" in broken.message
    b.store.set("backbone", None)
    b.session.notify()
    assert b.settled(done=lambda s: s.fitted is not None).message == ""


def test_the_classifier_can_be_chosen_by_hand(bench):
    b = bench()
    b.label(b.per_class(5))
    b.store.set("classifier", "logreg")
    b.open()
    assert b.settled().name == "logreg"
    b.store.set("classifier", "rbf-svm")
    b.session.notify()
    assert b.settled(done=lambda s: s.name == "rbf-svm").sentence == "RBF-SVM, as chosen by hand."
    b.store.set("classifier", "forest")
    b.session.notify()
    assert "forest" in b.settled(done=lambda s: s.message != "").message


def test_renaming_a_class_fits_nothing_anew(bench):
    b = bench()
    b.store.set("audit_share", 0)  # a draw takes labelled images out of training, too
    b.store.set("classifier", "lda")
    b.label(b.per_class(10))
    b.open()
    before = b.settled()
    b.store.rename_class(b.classes[0], "monocyte", annotator="kim", client=None, q=None)
    b.session.notify()
    after = b.settled()
    assert after.fitted is before.fitted
    assert after.position > before.position
    words = " ".join(s.reason for s in after.suggestions)
    assert "class0" not in words


def test_a_label_kept_among_the_suspects_is_not_suspected_again(bench):
    b = bench()
    b.store.set("audit_share", 0)  # a draw takes labelled images out of training, too
    rows = b.per_class(20)
    wrong = rows[0]
    b.label(rows)
    b.label([wrong], k=(b.truth[wrong] + 1) % K)
    b.open()
    snapshot = b.settled()
    assert f"{wrong:020x}" in {s.image_id for s in snapshot.suspects[:3]}
    b.label([wrong], k=(b.truth[wrong] + 1) % K, view="suspects")
    assert f"{wrong:020x}" not in {s.image_id for s in b.settled().suspects}


def test_images_of_one_patient_stay_together(bench):
    b = bench(group=lambda i: f"patient {i // 8}")
    b.label(list(range(160)))
    b.open()
    found = b.settled().fitted.out_of_fold
    patients = np.arange(160) // 8
    assert len(np.unique(found.groups)) <= 20
    for patient in range(20):
        assert len(np.unique(found.groups[patients == patient])) == 1
    shown = [int(s.image_id, 16) // 8 for s in b.settled().suggestions if not s.audit]
    assert max(np.bincount(shown)) <= 3


def test_one_session_per_project_and_a_new_one_after_closing(bench):
    b = bench()
    first = b.open()
    again = Project.open("live", home=b.project.folder.parent)
    assert LiveSession.of(again) is first
    first.close()
    assert not first._thread.is_alive()
    second = b.open()
    assert second is not first
    b.settled()
    again.close()


def test_without_embeddings_it_says_so(tmp_path):
    project = Project.create("bare", home=tmp_path)
    session = LiveSession.of(project)
    snapshot = session.wait(0, 30)
    assert "no embeddings" in snapshot.message
    assert snapshot.ids == []
    session.close()
    project.close()


def test_where_audit_and_cross_validation_disagree_labels_given_many_at_once_are_listed(bench):
    """A lasso's wrong labels confirm each other; what was labelled one by one is not in doubt."""
    b = bench()
    b.label(b.per_class(10))
    lasso = [r for r in range(N) if f"{r:020x}" not in b.store.labels()][:25]
    b.label(lasso, k=1)
    fitted = b.project.fit("logreg")
    ids, position = fitted.training.ids, b.store.position()
    together = {f"{r:020x}" for r in lasso} & set(ids)
    plain = Suspects(b.store).of(fitted.fitted, ids, position, disagreeing=False)
    listed = Suspects(b.store).of(fitted.fitted, ids, position, disagreeing=True)
    assert {s.image_id for s in listed} == {s.image_id for s in plain} | together
    b.label(lasso[:1], view="suspects")  # looked at, and kept
    again = Suspects(b.store)
    listed = again.of(b.project.fit("logreg").fitted, ids, b.store.position(), disagreeing=True)
    assert f"{lasso[0]:020x}" not in {s.image_id for s in listed}


def test_one_annotators_suggestions_dwell_on_two_classes_until_they_say_otherwise(bench):
    b = bench()
    b.label(b.per_class(12))
    b.open()
    b.settled()
    pair = (b.classes[0], b.classes[2])
    set_class_pair(b.project, "kim", pair)
    b.session.notify()
    snapshot = b.settled(done=lambda s: s.pairs)
    assert snapshot.pairs == {"kim": pair}
    between = snapshot.between[pair]
    dwelling = [s for s in between if s.strategy == "pair"]
    assert dwelling and {s.classes for s in dwelling} == {pair}
    assert len(between) == len({s.image_id for s in between})
    # The share drawn at random stays, and nobody else's suggestions change.
    assert [s for s in between if s.audit]
    assert not [s for s in snapshot.suggestions if s.strategy == "pair"]

    b.store.retire_class(b.classes[2], annotator="kim")
    b.session.notify()
    snapshot = b.settled(done=lambda s: not s.between)
    assert snapshot.pairs == {"kim": pair}  # for the page to say why nothing dwells on it
    set_class_pair(b.project, "kim", None)
    b.session.notify()
    assert b.settled(done=lambda s: not s.pairs).suggestions


def test_a_pair_is_two_different_classes_of_the_list(bench):
    b = bench()
    with pytest.raises(FewshotLabError, match="two different ones"):
        set_class_pair(b.project, "kim", (b.classes[0], b.classes[0]))
    b.store.retire_class(b.classes[2], annotator="kim")
    with pytest.raises(FewshotLabError, match="no longer in the list"):
        set_class_pair(b.project, "kim", (b.classes[0], b.classes[2]))
    assert class_pairs(b.project) == {}


def test_of_a_large_pool_the_first_snapshot_has_some_images_and_the_next_all(bench, monkeypatch):
    refit = sys.modules["fewshot_lab.live.refit"]
    monkeypatch.setattr(refit, "WHOLE", 100)
    monkeypatch.setattr(refit, "FIRST", 40)
    b = bench()
    b.store.set("audit_share", 0)
    rows = b.per_class(13)
    b.label(rows[:-3])
    b.open()
    before = b.settled(done=lambda s: s.cv is not None)
    assert before.whole
    released = threading.Event()
    score = refit.Scorer.__call__

    def held_up(scorer, some=None, check=lambda: None):
        if some is None:  # the rest waits until the first snapshot has been looked at
            released.wait(60)
        return score(scorer, some, check)

    monkeypatch.setattr(refit.Scorer, "__call__", held_up)
    b.label(rows[-3:])
    first = b.settled()
    new = first.fitted.pool_probabilities(b.project.pool)
    anew = (first.probabilities != before.probabilities).any(axis=1)
    assert not first.whole and 40 <= anew.sum() < N / 2
    assert anew[rows].all()
    np.testing.assert_allclose(first.probabilities[anew], new[anew], atol=1e-6)
    np.testing.assert_array_equal(first.predicted[~anew], before.predicted[~anew])
    assert all(anew[first.row[s.image_id]] for s in first.suggestions)
    assert len(first.suggestions) == 24
    released.set()
    last = b.settled(done=lambda s: s.whole and s.fitted is first.fitted)
    np.testing.assert_allclose(last.probabilities, new, atol=1e-6)
    np.testing.assert_array_equal(last.confidence, last.probabilities.max(axis=1))
    assert last.suggestions == first.suggestions and last.position == first.position


@pytest.mark.parametrize("classifier", ["auto", "logreg", "rbf-svm"])
def test_colours_of_new_labels_come_before_their_figures(bench, monkeypatch, classifier):
    refit = sys.modules["fewshot_lab.live.refit"]
    monkeypatch.setattr(refit, "PATIENCE", 0)
    monkeypatch.setattr(sys.modules["fewshot_lab.live.session"], "SETTLE", 3600)
    b = bench()
    b.store.set("audit_share", 0)
    b.store.set("classifier", classifier)
    rows = b.per_class(13)
    b.label(rows[:-3])
    b.open()
    before = b.settled(done=lambda s: s.cv is not None)
    assert before.predicted_at == before.position
    choosing, chosen = threading.Event(), threading.Event()
    fit = refit.fit

    def slow(*arguments, **more):
        choosing.set()
        chosen.wait(60)
        return fit(*arguments, **more)

    monkeypatch.setattr(refit, "fit", slow)
    b.label(rows[-3:])
    assert choosing.wait(60)
    preview = b.session.snapshot
    assert (preview.probabilities != before.probabilities).any()
    assert preview.predicted_at == b.store.position() > preview.position == before.position
    assert preview.cv is before.cv and preview.suggestions is before.suggestions
    chosen.set()
    last = b.settled()
    assert last.predicted_at == last.position
    np.testing.assert_array_equal(
        last.probabilities, last.fitted.pool_probabilities(b.project.pool)
    )
