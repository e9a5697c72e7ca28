"""What an annotator relies on: what was said holds, once, for ever, and can be looked back at."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.store import LabelAction, Store

from .annotators import Annotator, image, now, picture, undoable


def test_the_latest_label_wins_and_carries_who_and_when(
    store: Store, kim: Annotator, bo: Annotator
) -> None:
    mono, lymph = kim.add("monocyte"), kim.add("lymphocyte")
    began = datetime.now(UTC) - timedelta(seconds=1)
    kim.label([0, 1, 2], mono)
    bo.label(1, lymph, machine=True)
    kim.label(2, "unsure")
    kim.label(3, "reject")
    assert now(store) == {0: mono, 1: lymph, 2: "unsure", 3: "reject"}
    label = store.labels()[image(1)]
    assert (label.annotator, label.machine) == ("bo", True)
    assert began < label.time <= datetime.now(UTC)
    assert store.labels()[image(0)].machine is False
    assert store.labels_of([image(1), image(9), "nowhere"]) == {image(1): label}


def test_counts_name_every_class(store: Store, kim: Annotator) -> None:
    mono, lymph = kim.add("monocyte"), kim.add("lymphocyte")
    kim.label([0, 1, 2], mono)
    kim.label(3, "unsure")
    counts = store.counts()
    assert counts.classes == {mono: 3, lymph: 0}
    assert (counts[mono], counts["unsure"], counts["reject"], counts.labelled) == (3, 1, 0, 3)
    assert store.counts(at=0).classes == {}


def test_clear_takes_the_label_and_the_skip_away(store: Store, kim: Annotator) -> None:
    mono = kim.add("monocyte")
    kim.label([0, 1], mono)
    kim.label(2, "skip")
    kim.label([0, 2], "clear")
    assert now(store) == {1: mono}
    assert store.skipped() == set()


def test_skip_leaves_a_labelled_image_alone(store: Store, kim: Annotator) -> None:
    mono = kim.add("monocyte")
    kim.label(0, mono)
    kim.label([0, 1], "skip")
    assert now(store) == {0: mono}
    assert store.skipped() == {image(1)}
    kim.label(1, mono)
    assert store.skipped() == set()
    kim.undo()
    assert store.skipped() == {image(1)}


def test_a_resent_action_changes_nothing(store: Store, kim: Annotator) -> None:
    mono, lymph = kim.add("monocyte"), kim.add("lymphocyte")
    action = LabelAction("tab", 7, "kim", "class", mono, [image(0), image(1)])
    position = store.record(action)
    kim.label(1, lymph)
    n = len(store.events())
    assert store.record(action) == position
    assert len(store.events()) == n and now(store) == {0: mono, 1: lymph}
    again = {"annotator": "kim", "client": "tab", "q": 8}
    assert store.add_class("basophil", **again) == store.add_class("basophil", **again)
    place = store.rename_class(mono, "mono", annotator="kim", client="tab", q=9)
    assert store.rename_class(mono, "mono", annotator="kim", client="tab", q=9) == place


def test_many_classes_in_one_action(store: Store, kim: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b")
    kim.label(2, b)
    store.record(
        LabelAction(
            **kim.says(),
            kind="class",
            class_id=None,
            image_ids=[image(0), image(1), image(2)],
            class_of={image(0): a, image(1): b, image(2): "unsure"},
            view="accept",
            machine=True,
        )
    )
    assert now(store) == {0: a, 1: b, 2: "unsure"}
    assert undoable(store, "kim") == "3 images accepted as predicted"
    undone = kim.undo()
    assert undone.image_ids == [image(0), image(1), image(2)]
    assert now(store) == {2: b}


def test_everything_about_an_event_is_kept(store: Store, kim: Annotator) -> None:
    mono = kim.add("monocyte")
    position = store.position()
    kim.label(
        [4, 5],
        mono,
        view="suggestion",
        strategy="margin",
        shown={image(4): (mono, 0.25)},
        spent_ms=1234,
        note="smear 2",
    )
    first, second = store.events(after=position)
    assert (first.image_id, first.kind, first.class_id) == (image(4), "class", mono)
    assert (first.view, first.strategy, first.spent_ms) == ("suggestion", "margin", 1234)
    assert (first.shown, second.shown) == ((mono, 0.25), None)
    assert (first.annotator, first.note, first.what) == ("kim", "smear 2", "label")
    assert (first.client, first.q, first.position) == (kim.client, kim.q, store.position())
    assert second.id == first.id + 1


def test_the_log_cannot_be_rewritten(store: Store, kim: Annotator) -> None:
    kim.label(0, kim.add("monocyte"))
    for statement in ("UPDATE events SET kind = 'clear'", "DELETE FROM actions"):
        if store._database.schema:
            statement = statement.replace("events", f'"{store._database.schema}".events')
            statement = statement.replace("actions", f'"{store._database.schema}".actions')
        with pytest.raises(FewshotLabError, match="append-only"), store._database.write() as c:
            c.execute(text(statement))
    assert len(now(store)) == 1


def test_any_past_moment_can_be_rebuilt(store: Store, kim: Annotator, bo: Annotator) -> None:
    seen: list[tuple[int, datetime, dict, dict]] = []

    def look() -> None:
        counts = store.counts()
        moment = datetime.now(UTC)
        seen.append((store.position(), moment, store.labels(), counts.classes))

    look()
    mono, lymph = kim.add("monocyte"), kim.add("lymphocyte")
    for step in (
        lambda: kim.label([0, 1, 2, 3], mono),
        lambda: bo.label([1, 2], lymph),
        lambda: kim.label(3, "unsure"),
        lambda: store.merge_class(lymph, mono, **kim.says()),
        kim.undo,
        lambda: store.retire_class(lymph, **kim.says()),
        bo.undo,
        kim.undo,
        kim.undo,
        kim.redo,
        bo.redo,
    ):
        step()
        look()
    assert len({position for position, *_ in seen}) == len(seen)
    for position, moment, labels, classes in seen:
        assert store.labels(at=position) == labels
        assert store.labels(at=moment) == labels
        assert store.counts(at=position).classes == classes
        assert store.position_at(moment) == position
    fresh = seen[-1][2]
    assert store.labels() == fresh


def test_a_past_moment_has_the_names_of_then(store: Store, kim: Annotator) -> None:
    mono, band = kim.add("mono"), kim.add("band")
    kim.label(0, mono)
    kim.label(1, band)
    then = store.position()
    store.rename_class(mono, "monocyte", **kim.says())
    store.merge_class(band, mono, **kim.says())
    old = {row["image"]: row["label"] for row in store.export_labels(at=then)}
    new = {row["image"]: row["label"] for row in store.export_labels()}
    assert old == {image(0): "mono", image(1): "band"}
    assert new == {image(0): "monocyte", image(1): "monocyte"}
    assert [row.name for row in store.classes(at=then)] == ["mono", "band"]


def test_a_clock_set_back_does_not_reorder_the_log(
    store: Store, kim: Annotator, monkeypatch
) -> None:
    mono, lymph = kim.add("monocyte"), kim.add("lymphocyte")
    kim.label(0, mono)
    noon = store.labels()[image(0)].time
    nanoseconds = round(noon.timestamp() * 1e9)
    monkeypatch.setattr("time.time_ns", lambda: nanoseconds - 20_000_000_000)
    kim.label(0, lymph)
    assert now(store) == {0: lymph}
    assert store.labels()[image(0)].time == noon


def test_after_a_clock_was_wrong_by_far_the_log_tells_the_time_again(
    store: Store, kim: Annotator, monkeypatch
) -> None:
    mono, lymph = kim.add("monocyte"), kim.add("lymphocyte")
    right = store.history(limit=1)[0].time
    ahead = round((right + timedelta(days=900)).timestamp() * 1e9)
    with monkeypatch.context() as patch:
        patch.setattr("time.time_ns", lambda: ahead)
        kim.label(0, mono)
    kim.label(0, lymph)
    assert now(store) == {0: lymph}
    assert store.labels()[image(0)].time - right < timedelta(minutes=5)
    # What stood before the clock went wrong is still found by its time.
    assert store.labels(at=right) == {}


def test_export_has_a_row_for_each_file_and_tells_audit_from_train(
    store: Store, kim: Annotator
) -> None:
    store.add_images([picture(0, path="copy/0000.png", file="/data/copy/0000.png")])
    mono = kim.add("monocyte")
    kim.label([0, 1], mono)
    kim.label(3, mono, machine=True)
    before_draw = store.position()
    kim.label(2, "unsure")
    store.draw_audit([image(1), image(5)], pool_size=20)
    rows = {row["path"]: row for row in store.export_labels()}
    paths = [f"cells/000{n}.png" for n in range(4)]
    assert sorted(rows) == [*paths, "copy/0000.png"]
    assert [rows[path]["split"] for path in paths] == ["train", "audit", "", ""]
    assert rows["copy/0000.png"]["split"] == "train"
    assert rows["copy/0000.png"]["image"] == image(0)
    assert rows["cells/0002.png"]["label"] == "unsure"
    assert (rows["cells/0000.png"]["annotator"], rows["cells/0000.png"]["label"]) == (
        "kim",
        "monocyte",
    )
    # Accepted in bulk: stored and exported, but it does not train.
    assert [rows[path]["machine"] for path in paths] == [False, False, False, True]
    assert datetime.fromisoformat(rows["cells/0000.png"]["time"]).tzinfo is not None
    past = {row["path"]: row["split"] for row in store.export_labels(at=before_draw)}
    assert past["cells/0001.png"] == "train"
    every = store.export_labels(include_unlabelled=True)
    assert len(every) == 21 and sum(not row["kind"] for row in every) == 16


def test_history_tells_what_was_done(store: Store, kim: Annotator, bo: Annotator) -> None:
    mono = kim.add("monocyte")
    kim.label([5, 4, 3, 2, 1], mono, view="map")
    bo.label(0, "reject")
    kim.undo()
    rows = store.history()
    assert [row.sentence for row in rows] == [
        "5 images → monocyte undone",
        "1 image → reject",
        "5 images → monocyte",
        "new class monocyte",
    ]
    assert [row.undone for row in rows] == [False, False, True, False]
    assert [row.what for row in rows] == ["undo", "label", "label", "class"]
    assert rows[2].example_ids == tuple(image(n) for n in (5, 4, 3, 2))
    assert (rows[2].view, rows[2].n_images, rows[2].annotator) == ("map", 5, "kim")
    older = store.history(limit=2, before=rows[1].action_id)
    assert [row.action_id for row in older] == [row.action_id for row in rows[2:]]
    assert [row.annotator for row in store.history(annotator="bo")] == ["bo"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_ids": ["nowhere"]}, "no image with the id “nowhere”"),
        ({"image_ids": []}, "at least one image"),
        ({"kind": "class", "class_id": 99}, "no class with the id 99"),
        ({"kind": "class", "class_id": None}, "needs a class"),
        ({"kind": "maybe"}, "not a kind of label"),
        ({"annotator": " "}, "name of its annotator"),
        ({"kind": "class", "class_of": {}}, "needs a class"),
        ({"kind": "class", "class_of": {image(0): "maybe"}}, "not a class id"),
    ],
)
def test_nonsense_is_refused_whole(store: Store, kim: Annotator, change: dict, said: str) -> None:
    action = {"kind": "unsure", "class_id": None, "image_ids": [image(0), image(1)]}
    with pytest.raises(FewshotLabError, match=said):
        store.record(LabelAction(**{**kim.says(), **action, **change}))
    assert store.position() == 0 and store.events() == []


def test_a_label_for_a_class_that_was_merged_meanwhile_counts(store: Store, kim: Annotator) -> None:
    a, b = kim.add("a"), kim.add("b")
    store.merge_class(a, b, **kim.says())
    kim.label(0, a)
    assert now(store) == {0: b}
    store.retire_class(b, **kim.says())
    with pytest.raises(FewshotLabError, match="retired"):
        kim.label(1, b)


def test_whoever_gets_the_labels_may_change_the_dict(store: Store, kim: Annotator) -> None:
    kim.label(0, kim.add("monocyte"))
    store.labels().clear()
    assert len(store.labels()) == 1


def test_another_process_sees_it_at_once(
    store: Store, kim: Annotator, address: tuple[str, str | None]
) -> None:
    mono = kim.add("monocyte")
    other = Store.open(*address)
    assert now(other) == {}
    kim.label([0, 1], mono)
    assert now(other) == {0: mono, 1: mono}
    Annotator(other, "bo").label(1, "clear")
    assert now(store) == {0: mono}
    other.close()
