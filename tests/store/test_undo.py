"""Undo and redo: whatever was done, one image or thousands, and whoever else is at work."""

from fewshot_lab.store import Store

from .annotators import Annotator, image, now, picture, redoable, undoable


def test_undo_and_redo_walk_back_and_forth(store: Store, kim: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label([0, 1], a)
    kim.label([1, 2], b)
    assert undoable(store, "kim") == "2 images → b" and redoable(store, "kim") is None
    undone = kim.undo()
    assert undone.sentence == "2 images → b undone"
    assert undone.image_ids == [image(1), image(2)]
    assert undone.position == store.position()
    assert now(store) == {0: a, 1: a}
    assert undoable(store, "kim") == "2 images → a" and redoable(store, "kim") == "2 images → b"
    kim.undo()
    assert now(store) == {}
    kim.undo(), kim.undo()
    assert store.classes() == [] and kim.undo() is None
    for _ in range(4):
        kim.redo()
    assert now(store) == {0: a, 1: b, 2: b} and kim.redo() is None
    assert [row.id for row in store.classes()] == [a, b]


def test_an_undone_label_comes_back_as_it_was(store: Store, kim: Annotator, bo: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b")
    bo.label([0, 1], a, machine=True)
    before = store.labels()
    kim.label([0, 1], b)
    kim.undo()
    assert store.labels() == before  # annotator, time, machine: all of it
    kim.redo()
    assert {label.annotator for label in store.labels().values()} == {"kim"}


def test_something_new_cuts_redo(store: Store, kim: Annotator, bo: Annotator) -> None:
    a = kim.add("a")
    kim.label(0, a)
    kim.label(1, a)
    kim.undo()
    bo.label(5, a)  # others do not cut it
    assert redoable(store, "kim") == "1 image → a"
    kim.undo()
    kim.label(2, a)
    assert redoable(store, "kim") is None and kim.redo() is None
    assert now(store) == {2: a, 5: a}
    kim.undo()
    assert now(store) == {5: a}
    kim.undo()
    assert [row.id for row in store.classes()] == [a]  # bo uses it


def test_each_undoes_only_their_own(store: Store, kim: Annotator, bo: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label(0, a)
    bo.label(1, b)
    assert kim.undo().image_ids == [image(0)]
    assert now(store) == {1: b}
    assert bo.undo().image_ids == [image(1)]
    assert bo.undo() is None


def test_what_someone_labelled_since_keeps_its_newer_label(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label(1, b)
    kim.label([0, 1, 2, 3], a)
    bo.label(2, b)
    undone = kim.undo()
    assert undone.sentence == "4 images → a undone; 1 image labelled since keeps its newer label"
    assert undone.image_ids == [image(n) for n in range(4)]  # kim's opinion of all of them
    assert now(store) == {1: b, 2: b}
    redone = kim.redo()
    assert redone.sentence == "4 images → a redone; 1 image labelled since keeps its newer label"
    assert now(store) == {0: a, 1: a, 2: b, 3: a}
    bo.label([0, 1, 3], "unsure")
    undone = kim.undo()
    assert undone.sentence == (
        "4 images → a undone; 4 images labelled since keep their newer label"
    )
    assert now(store) == {0: "unsure", 1: "unsure", 2: b, 3: "unsure"}
    assert store.opinions()[image(1)]["kim"].class_id == b  # kim's own is what it was before
    assert store.opinions()[image(0)].keys() == {"bo"}
    assert undoable(store, "kim") == "1 image → b"  # ctrl+Z is not stuck on it


def test_a_bulk_undo_under_anothers_undone_label(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label([0, 1], a)
    bo.label(0, b)
    bo.undo()
    assert kim.undo().image_ids == [
        image(0),
        image(1),
    ]  # bo took theirs back: nothing is in the way
    assert now(store) == {}
    bo.redo()  # bo's opinion is bo's own, whatever became of kim's
    assert now(store) == {0: b}
    kim.redo()
    assert now(store) == {0: b, 1: a}


def test_undo_survives_a_restart(
    store: Store, kim: Annotator, address: tuple[str, str | None]
) -> None:
    a = kim.add("a")
    kim.label([0, 1, 2], a)
    kim.label([0, 1], "clear")
    store.close()
    again = Store.open(*address)
    later = Annotator(again, "kim")
    assert later.undo().sentence == "2 images cleared undone"
    assert now(again) == {0: a, 1: a, 2: a}
    assert Annotator(again, "kim").redo().sentence == "2 images cleared redone"
    again.close()


def test_a_resent_undo_undoes_once(store: Store, kim: Annotator) -> None:
    a = kim.add("a")
    kim.label(0, a)
    kim.label(1, a)
    first = store.undo("kim", client="tab", q=1)
    assert store.undo("kim", client="tab", q=1) == first
    assert now(store) == {0: a}
    redone = store.redo("kim", client="tab", q=2)
    assert store.redo("kim", client="tab", q=2) == redone
    assert now(store) == {0: a, 1: a}


def test_an_undo_that_found_nothing_finds_nothing_when_resent(store: Store, kim: Annotator) -> None:
    assert store.undo("kim", client="tab", q=1) is None
    a = kim.add("a")
    kim.label(0, a)
    assert store.undo("kim", client="tab", q=1) is None
    assert now(store) == {0: a}


def test_more_images_than_one_statement_holds(store: Store, kim: Annotator, monkeypatch) -> None:
    monkeypatch.setattr("fewshot_lab.store.database.chunks.__defaults__", (70,))
    store.add_images([picture(n) for n in range(20, 600)])
    a, b = kim.add("a"), kim.add("b")
    kim.label(list(range(300)), a)
    kim.label(list(range(100, 600)), b)
    undone = kim.undo()
    assert undone.sentence == "500 images → b undone" and len(undone.image_ids) == 500
    assert now(store) == dict.fromkeys(range(300), a)
    kim.redo()
    assert store.counts().classes == {a: 100, b: 500}
    assert len(store.labels_of([image(n) for n in range(600)])) == 600
    assert len(store.images([image(n) for n in range(600)])) == 600


# -- classes ----------------------------------------------------------------------------------


def test_every_change_to_classes_can_be_undone(store: Store, kim: Annotator) -> None:
    ids = [kim.add(name) for name in ("a", "b", "c")]
    a, b, c = ids
    kim.label(0, a)
    kim.label(1, b)

    def all_of_it() -> tuple:
        return store.classes(), now(store), store.counts()

    for change in (
        lambda: store.rename_class(a, "alpha", **kim.says()),
        lambda: store.recolour_class(b, "#123456", **kim.says()),
        lambda: store.reorder_classes([c, a, b], **kim.says()),
        lambda: store.merge_class(a, b, **kim.says()),
        lambda: store.retire_class(b, **kim.says()),
        lambda: kim.add("d"),
    ):
        before = all_of_it()
        change()
        after = all_of_it()
        assert after != before
        kim.undo()
        assert all_of_it() == before
        kim.redo()
        assert all_of_it() == after
        kim.undo()
    store.retire_class(b, **kim.says())
    retired = all_of_it()
    store.restore_class(b, **kim.says())
    kim.undo()
    assert all_of_it() == retired


def test_a_class_that_others_use_is_not_withdrawn(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a = kim.add("a")
    bo.label([0, 1], a)
    assert kim.undo().sentence == "new class a not undone: 2 images carry it"
    assert now(store) == {0: a, 1: a}


def test_undo_of_a_change_leaves_what_others_changed_since(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    store.reorder_classes([b, a], **kim.says())
    store.rename_class(a, "alpha", **bo.says())
    kim.undo()
    assert [row.name for row in store.classes()] == ["alpha", "b"]
    store.rename_class(b, "beta", **kim.says())
    store.rename_class(b, "bravo", **bo.says())
    assert kim.undo().sentence == "renaming b to beta not undone: changed again since"
    assert [row.name for row in store.classes()] == ["alpha", "bravo"]


def test_undo_never_makes_two_classes_of_one_name_or_a_ring(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    a, b = kim.add("a"), kim.add("b")
    store.retire_class(a, **kim.says())
    other = bo.add("A")
    assert kim.undo().sentence == "retiring a not undone: another class is named A by now"
    store.rename_class(other, "other", **bo.says())
    store.restore_class(a, **kim.says())
    store.merge_class(a, b, **kim.says())
    kim.undo()
    store.merge_class(b, a, **bo.says())
    assert "would be merged into itself" in kim.redo().sentence
    assert [row.id for row in store.classes()] == [a, other]


def test_merging_chains_and_comes_apart_again(store: Store, kim: Annotator) -> None:
    a, b, c = (kim.add(name) for name in "abc")
    kim.label(0, a)
    kim.label(1, b)
    store.merge_class(a, b, **kim.says())
    store.merge_class(b, c, **kim.says())
    assert now(store) == {0: c, 1: c} and store.class_targets() == {a: c, b: c, c: c}
    kim.undo()
    assert now(store) == {0: b, 1: b}
    kim.undo()
    assert now(store) == {0: a, 1: b}
