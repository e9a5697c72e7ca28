"""Piles: what lies in them, what a key on one labels, and what stays to be looked at."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.live import PageState, Pile, Visibility, piles_of, seen_alone, visibility_of
from fewshot_lab.live.suspects import Suspects
from fewshot_lab.project import Project, label_arrays
from fewshot_lab.store import LabelAction, NewImage

PILES, EACH, ALONE, D = 6, 8, 60, 32


class Desk:
    """Six piles of eight images, and sixty that lie alone, of two classes; twelve are labelled."""

    def __init__(self, home: Path, spread: float = 0.12):
        self.project = Project.create("piles", home=home)
        self.store = self.project.store
        self.store.set("audit_share", 0)
        n = PILES * EACH + ALONE
        self.ids = [f"{i:020x}" for i in range(n)]
        rng = np.random.default_rng(0)
        y = np.concatenate([np.arange(PILES).repeat(EACH), np.arange(ALONE)]) % 2
        centres = rng.normal(size=(PILES, D)).repeat(EACH, axis=0)
        X = np.concatenate(
            [centres + spread * rng.normal(size=centres.shape), rng.normal(size=(ALONE, D))]
        )
        X[:, 0] += np.where(y, 6, -6)
        self.store.add_images(
            [
                NewImage(
                    id=i, path=f"{k}.png", file=f"{k}.png", frame=0, width=8, height=8, bytes=1,
                    mtime_ns=1, reference=None, group=f"patient {k % 9}", meta={},
                    source=f"{k}.png", source_frame=0,
                )
                for k, i in enumerate(self.ids)
            ]
        )  # fmt: skip
        backbone = self.project.backbone
        folder = self.project.folder / "embeddings" / backbone.fingerprint
        write_shard(
            folder, self.ids, X.astype(np.float16), [], fingerprint=backbone.fingerprint,
            dtype="float32",
        )  # fmt: skip
        self.classes = [self.store.add_class(name, annotator="kim") for name in ("a", "b")]
        self.q = 0
        for k in (0, 1):
            self.label([self.ids[r] for r in range(n - ALONE, n) if y[r] == k][:6], k)
        self.state = PageState(self.project)

    def label(self, ids: list[str], k: int, view: str = "grid") -> None:
        self.store.record(self.action(ids, k, view))

    def action(self, ids: list[str], k: int, view: str = "pile") -> LabelAction:
        self.q += 1
        return LabelAction("test", self.q, "kim", "class", self.classes[k], ids, view=view)

    def sight(self, annotator: str = "kim") -> Visibility:
        return visibility_of(self.state, self.state.order(), annotator)

    def piles(self) -> list[Pile]:
        position, live = self.store.position(), self.state.live
        live.notify()
        end = time.monotonic() + 60
        while live.snapshot.position < position or not live.snapshot.class_ids:
            assert time.monotonic() < end, live.snapshot.message
            live.wait(live.snapshot.rev, 1)
        return piles_of(self.state, self.sight())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "projects")
    yield desk
    desk.state.live.close()
    desk.project.close()


def pile_number(image_id: str) -> int:
    row = int(image_id, 16)
    return row // EACH if row < PILES * EACH else -1


def test_what_is_alike_is_a_pile_and_what_was_labelled_lies_in_none(desk: Desk) -> None:
    piles = desk.piles()
    large = [pile for pile in piles if len(pile.image_ids) > 3]
    assert {pile_number(pile.image_ids[0]) for pile in large} == set(range(PILES))
    assert all(len({pile_number(i) for i in pile.image_ids}) == 1 for pile in large)
    lying = [i for pile in piles for i in pile.image_ids]
    assert len(lying) == len(set(lying))
    assert not set(lying) & set(desk.store.labels())
    assert [len(p.image_ids) for p in piles] == sorted(map(len, (p.image_ids for p in piles)))[::-1]

    first = large[0].image_ids
    desk.label(first, 0, "pile")
    assert not set(first) & {i for pile in desk.piles() for i in pile.image_ids}


def test_an_image_of_the_audit_lies_in_no_pile_but_is_told_of(desk: Desk) -> None:
    drawn = [desk.ids[0], desk.ids[3]]
    desk.store.draw_audit(drawn, len(desk.ids))
    piles = desk.piles()
    assert not set(drawn) & {i for pile in piles for i in pile.image_ids}
    [own] = [p for p in piles if len(p.image_ids) > 3 and pile_number(p.image_ids[0]) == 0]
    assert own.left_out == {"drawn for the audit": 2}


def test_images_unlike_anything_labelled_lie_in_no_pile_by_their_prediction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path / "projects", spread=0.5)  # none is a near-duplicate of another
    odd = frozenset([desk.ids[2]])
    monkeypatch.setattr("fewshot_lab.live.advisor.unlike_images", lambda *_: odd)
    before = {i for pile in desk.piles() for i in pile.image_ids}
    desk.state.live._mark_unlike(odd)
    after = {i for pile in piles_of(desk.state, desk.sight()) for i in pile.image_ids}
    desk.state.live.close()
    desk.project.close()
    assert len(after) > 20
    assert before - after <= odd
    assert not after & odd


def test_blind_images_lie_in_no_pile(desk: Desk) -> None:
    assert desk.piles()
    desk.project.team.agree("lead", blind=1.0)
    assert piles_of(desk.state, desk.sight("bo")) == []


def test_a_key_on_a_pile_leaves_out_what_has_to_be_looked_at(desk: Desk) -> None:
    ids = max((pile.image_ids for pile in desk.piles()), key=len)
    # Since the pile was shown two were drawn and one was labelled by somebody.
    desk.store.draw_audit(ids[1:3], len(desk.ids))
    desk.label(ids[3:4], 1)
    action, sentence = seen_alone(desk.action(ids, 0), desk.sight())
    assert list(action.image_ids) == [ids[0], *ids[4:]]
    assert sentence == (
        f"{len(ids) - 3} of {len(ids)} labelled; 2 were drawn for the audit, "
        "1 was labelled otherwise."
    )
    desk.store.record(action)
    # Another key on the same pile labels the same images anew; elsewhere nothing is left out.
    again, _ = seen_alone(desk.action(ids, 1), desk.sight())
    assert list(again.image_ids) == [ids[0], *ids[4:]]
    assert seen_alone(replace(action, view="grid"), desk.sight())[1] == ""
    with pytest.raises(FewshotLabError, match="one by one"):
        seen_alone(desk.action(ids[1:3], 0), desk.sight())


def test_an_image_drawn_after_it_was_labelled_in_a_pile_is_asked_about_again(desk: Desk) -> None:
    ids = max((pile.image_ids for pile in desk.piles()), key=len)
    desk.label(ids, 0, "pile")
    desk.store.draw_audit(ids[:2], len(desk.ids))
    labels = desk.store.labels()
    assert not set(ids[:2]) & set(labels) and set(ids[2:]) <= set(labels)
    assert not set(ids[:2]) & set(desk.store.labels_of(ids))
    assert not set(ids[:2]) & {row["image"] for row in desk.store.export_labels()}
    arrays = label_arrays(desk.store, desk.project.splits.pool())
    rows = [arrays.pool.row[i] for i in ids]
    assert not arrays.marked[rows[:2]].any() and arrays.marked[rows[2:]].all()
    # One look, one key: now it measures.
    desk.label(ids[:1], 1, "suggestion")
    assert desk.store.labels()[ids[0]].class_id == desk.classes[1]


def test_members_keep_their_groups_and_one_undo_takes_the_pile_back(desk: Desk) -> None:
    ids = max((pile.image_ids for pile in desk.piles()), key=len)
    groups = desk.project.splits.groups_of(ids)
    desk.label(ids, 0, "pile")
    assert (desk.project.splits.groups_of(ids) == groups).all()
    assert len(set(groups)) > 1  # a pile of several patients joins none of them
    desk.store.undo("kim", client="test", q=999)
    assert not set(ids) & set(desk.store.labels())


def test_few_labels_of_a_pile_are_suspected_as_many_are(desk: Desk) -> None:
    ids = max((pile.image_ids for pile in desk.piles()), key=len)
    position = desk.store.position()
    desk.label(ids, 1, "pile")
    fitted = desk.state.live.snapshot.fitted
    assert fitted is not None
    labelled = [i for i in desk.store.labels() if i not in ids]
    suspects = Suspects(desk.store)
    suspects.of(fitted, labelled, desk.store.position(), disagreeing=True)
    assert suspects._together == set(ids) and desk.store.position() > position
