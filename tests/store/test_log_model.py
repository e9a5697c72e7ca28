"""The log against a model small enough to be seen to be right, over random sequences of acts."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fewshot_lab.store import Store

from .hands import Hand, image, now, picture

IMAGES, CLASSES = 6, 4


class Model:
    """Labels as plain dicts.

    Every act gives its images a state of its own: (number of the act, what was said). Undo puts
    the state before back where the act's own state still holds, redo the other way round.
    """

    def __init__(self, class_ids: list[int]):
        self.state: dict[int, tuple[int, object] | None] = dict.fromkeys(range(IMAGES))
        self.into: dict[int, int | None] = dict.fromkeys(class_ids)
        self.retired: dict[int, bool] = dict.fromkeys(class_ids, False)
        self.acts = 0
        self.done: dict[str, list] = {"kim": [], "bo": []}
        self.undone: dict[str, list] = {"kim": [], "bo": []}

    def live(self, class_id: int) -> bool:
        return self.into[class_id] is None and not self.retired[class_id]

    def target(self, class_id: int) -> int | None:
        while self.into[class_id] is not None and not self.retired[class_id]:
            class_id = self.into[class_id]
        return None if self.retired[class_id] else class_id

    def labels(self) -> dict[int, object]:
        said = {n: state[1] for n, state in self.state.items() if state is not None}
        found = {n: self.target(v) if isinstance(v, int) else v for n, v in said.items()}
        return {n: v for n, v in found.items() if v not in (None, "clear", "skip")}

    def skipped(self) -> set[int]:
        return {n for n, state in self.state.items() if state is not None and state[1] == "skip"}

    def act(self, who: str, table: dict, changes: dict) -> None:
        changed = {key: (table[key], new) for key, new in changes.items() if table[key] != new}
        if changed:
            self.done[who].append((table, changed))
            self.undone[who].clear()
            table.update({key: new for key, (_, new) in changed.items()})

    def label(self, who: str, images: list[int], said: object) -> None:
        self.acts += 1
        if said == "skip":
            images = [n for n in images if n not in self.labels()]
        self.act(who, self.state, dict.fromkeys(images, (self.acts, said)))

    def undo(self, who: str) -> None:
        if self.done[who]:
            table, changed = self.done[who].pop()
            self.undone[who].append((table, changed))
            for key, (before, after) in changed.items():
                if table[key] == after:
                    table[key] = before

    def redo(self, who: str) -> None:
        if self.undone[who]:
            table, changed = self.undone[who].pop()
            self.done[who].append((table, changed))
            for key, (before, after) in changed.items():
                if table[key] == before and not self.closes_a_ring(table, key, after):
                    table[key] = after

    def closes_a_ring(self, table: dict, key: int, after: object) -> bool:
        if table is not self.into:
            return False
        while after is not None:
            if after == key:
                return True
            after = self.into[after]
        return False


annotators = st.sampled_from(["kim", "bo"])
some_images = st.lists(st.integers(0, IMAGES - 1), min_size=1, max_size=IMAGES, unique=True)
places = st.integers(0, CLASSES - 1)


class LogMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        in_memory = Path("/dev/shm")
        where = in_memory if in_memory.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="fewshot-log-", dir=where))
        self.store = Store.open(self.folder / "project.sqlite", create=True)
        self.store.add_images([picture(n) for n in range(IMAGES)])
        admin = Hand(self.store, "admin")
        self.classes = [admin.add(f"class {n}") for n in range(CLASSES)]
        self.model = Model(self.classes)
        self.hands = {who: Hand(self.store, who) for who in ("kim", "bo")}
        self.past = {self.store.position(): {}}

    @rule(who=annotators, images=some_images, place=places)
    def give_a_class(self, who: str, images: list[int], place: int) -> None:
        target = self.model.target(self.classes[place])
        if target is not None:
            self.hands[who].label(images, self.classes[place])
            self.model.label(who, images, target)

    @rule(
        who=annotators,
        images=some_images,
        said=st.sampled_from(["unsure", "reject", "clear", "skip"]),
    )
    def say_something_else(self, who: str, images: list[int], said: str) -> None:
        self.hands[who].label(images, said)
        self.model.label(who, images, said)

    @rule(who=annotators, a=places, b=places)
    def merge(self, who: str, a: int, b: int) -> None:
        source, into = self.classes[a], self.classes[b]
        if a != b and self.model.live(source) and self.model.live(into):
            self.store.merge_class(source, into, **self.hands[who].says())
            self.model.act(who, self.model.into, {source: into})

    @rule(who=annotators, place=places)
    def retire(self, who: str, place: int) -> None:
        class_id = self.classes[place]
        if self.model.live(class_id):
            self.store.retire_class(class_id, **self.hands[who].says())
            self.model.act(who, self.model.retired, {class_id: True})

    @rule(who=annotators)
    def undo(self, who: str) -> None:
        before = now(self.store), self.store.skipped()
        assert (self.store.can_undo(who) is None) == (not self.model.done[who])
        undone = self.hands[who].undo()
        assert (undone is None) == (not self.model.done[who])
        self.model.undo(who)
        if undone is None:
            assert (now(self.store), self.store.skipped()) == before

    @rule(who=annotators)
    def redo(self, who: str) -> None:
        assert (self.store.can_redo(who) is None) == (not self.model.undone[who])
        redone = self.hands[who].redo()
        assert (redone is None) == (not self.model.undone[who])
        self.model.redo(who)

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder / "project.sqlite")
        for hand in self.hands.values():
            hand.store = self.store

    @precondition(lambda self: hasattr(self, "store"))
    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        labels = now(self.store)
        assert labels == self.model.labels()
        assert self.store.skipped() == {image(n) for n in self.model.skipped()}
        self.past[self.store.position()] = labels

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        for position, labels in self.past.items():
            assert now(self.store, position) == labels
        self.store.close()
        shutil.rmtree(self.folder)


LogMachine.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLog = LogMachine.TestCase
