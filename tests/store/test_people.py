"""Several annotators on one project: whose word trains, and what of it is on record."""

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import Store, Team

from .annotators import Annotator, image, now, undoable


@pytest.fixture
def ann(store: Store) -> Annotator:
    return Annotator(store, "ann")


def test_a_rule_turns_opinions_into_labels(
    store: Store, kim: Annotator, bo: Annotator, ann: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    for who, answers in ((kim, (a, a, a, a, "unsure")), (bo, (a, b, b, "reject", "unsure"))):
        for n, to in enumerate(answers):
            who.label(n, to)
    ann.label([1, 4], b)
    assert now(store) == {0: a, 1: b, 2: b, 3: "reject", 4: b}  # the newest
    store.set_team(Team(rule="majority"), "lead")
    assert now(store) == {0: a, 1: b, 4: b}  # 2 and 3: as many say one as the other
    store.set_team(Team(rule="senior", seniors=("kim",)), "lead")
    assert now(store) == {0: a, 1: a, 2: a, 3: a, 4: "unsure"}
    store.set_team(Team(rule="soft"), "lead")
    assert now(store) == {0: a, 1: b, 2: b, 3: "reject", 4: b}
    labels = store.labels()
    assert labels[image(0)].shares == ()
    assert labels[image(1)].shares == ((a, pytest.approx(1 / 3)), (b, pytest.approx(2 / 3)))
    assert labels[image(2)].shares == ((a, 0.5), (b, 0.5))
    assert labels[image(3)].shares == ((a, 0.5),)


def test_opinions_that_a_merge_makes_equal_are_equal(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label(0, a)
    bo.label(0, b)
    store.set_team(Team(rule="majority"), "lead")
    assert now(store) == {}
    store.merge_class(b, a, **kim.says())
    assert now(store) == {0: a}
    kim.undo()
    assert now(store) == {}


def test_what_was_accepted_in_bulk_outvotes_nobody(
    store: Store, kim: Annotator, bo: Annotator, ann: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    store.set_team(Team(rule="majority"), "lead")
    kim.label(0, a)
    bo.label([0, 1], b, machine=True)
    ann.label(0, b, machine=True)
    assert now(store) == {0: a, 1: b}


def test_a_senior_settles_an_image(
    store: Store, kim: Annotator, bo: Annotator, ann: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    store.set_team(Team(rule="majority", seniors=("ann",)), "lead")
    kim.label(0, a)
    bo.label(0, b)
    with pytest.raises(FewshotLabError, match=r"Only a senior decides .* \(here: ann\)"):
        bo.label(0, b, view="adjudication")
    ann.label(0, b, view="adjudication")
    assert store.history(limit=1)[0].sentence == "1 image decided → b"
    label = store.labels()[image(0)]
    assert (label.class_id, label.annotator, label.decided) == (b, "ann", True)
    Annotator(store, "eve").label(0, a)  # two against one, and yet settled
    Annotator(store, "joe").label(0, a)
    assert now(store) == {0: b}
    ann.undo()
    assert now(store) == {0: a}


def test_agreements_are_on_record_and_rebuild_the_past(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label(0, a)
    bo.label(0, b)
    first = store.position()
    team = Team(("kim", "bo"), rule="majority", double=0.1, blind=1.0, seniors=("ann",))
    position = store.set_team(team, "lead", client="tab", q=1)
    assert store.set_team(team, "lead", client="tab", q=1) == position
    store.set_team(team, "lead")  # nothing new: not in the history
    assert (store.team(), store.team(at=first)) == (team, Team())
    (change,) = store.team_changes()
    assert (change.annotator, change.position, change.team) == ("lead", position, team)
    assert change.sentence == (
        "training label: what most say; seniors: ann; annotators: kim, bo; 10 % labelled by 2; "
        "100 % labelled blind"
    )
    assert store.history(limit=1)[0].sentence == change.sentence
    assert (now(store), now(store, first)) == ({}, {0: b})
    assert undoable(store, "lead") is None
    assert store.annotators() == ["bo", "kim"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rule": "loudest"}, "There is no rule “loudest”; choose latest, majority"),
        ({"rule": "senior"}, "needs the name of a senior"),
        ({"double": 1.5}, "from 0 to 100 %, not 150 %"),
        ({"per_image": 1}, "Between 2 and 10"),
        ({"split": True, "annotators": ("kim", "kim ")}, "at least two annotators"),
        ({"annotators": ("k" * 61,)}, "at most 60 characters"),
        (
            {"split": True, "annotators": ("kim", "bo"), "double": 0.1, "per_image": 3},
            "only 2 are named",
        ),
    ],
)
def test_an_agreement_that_cannot_be(asked: dict, said: str) -> None:
    with pytest.raises(FewshotLabError, match=said):
        Team(**asked)


def test_what_was_hidden_is_kept_with_the_label(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a = kim.add("a")
    kim.label(0, a)
    first = store.events()[-1].id
    bo.label([0, 1], a, apart=[image(0)], concealed={image(0): (a, 0.5)})
    kim.label(0, "unsure", repeats={image(0): first})
    one, two, three = store.events()[-3:]
    assert (one.apart, one.concealed, two.apart, two.concealed) == (True, (a, 0.5), False, None)
    assert (three.repeats, three.origin) == (first, three.id)


def test_a_skip_is_ones_own(store: Store, kim: Annotator, bo: Annotator) -> None:
    a = kim.add("a")
    kim.label(0, a)
    bo.label(0, "skip")
    assert now(store) == {0: a} and store.skipped() == set()
    assert (store.skipped_by("bo"), store.skipped_by("kim")) == ({image(0)}, set())
    bo.label(0, "reject")
    assert store.skipped_by("bo") == set()
