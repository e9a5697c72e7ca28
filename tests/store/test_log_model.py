"""The log against a model small enough to be seen to be right, over random sequences of acts."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fewshot_lab.store import Store, Team

from .annotators import Annotator, image, now, picture, redoable, undoable

IMAGES, CLASSES = 6, 4
PEOPLE = ("kim", "bo", "ann")


class Model:
    """Opinions as plain dicts.

    Every act gives its images a state of its own: (number of the act, what was said), for the one
    who acts. Undo puts the state before back where the act's own state still holds, redo the other
    way round.
    """

    def __init__(self, class_ids: list[int]):
        self.state: dict[tuple[str, int], tuple[int, object] | None] = {
            (who, n): None for who in PEOPLE for n in range(IMAGES)
        }
        self.rule = "latest"
        self.into: dict[int, int | None] = dict.fromkeys(class_ids)
        self.retired: dict[int, bool] = dict.fromkeys(class_ids, False)
        self.acts = 0
        self.done: dict[str, list] = {who: [] for who in PEOPLE}
        self.undone: dict[str, list] = {who: [] for who in PEOPLE}

    def live(self, class_id: int) -> bool:
        return self.into[class_id] is None and not self.retired[class_id]

    def target(self, class_id: int) -> int | None:
        while self.into[class_id] is not None and not self.retired[class_id]:
            class_id = self.into[class_id]
        return None if self.retired[class_id] else class_id

    def said(self, n: int) -> list[tuple[int, str, object]]:
        held = [(self.state[who, n], who) for who in PEOPLE]
        return sorted((state[0], who, state[1]) for state, who in held if state is not None)

    def counts_for(self, said: object) -> object:
        return self.target(said) if isinstance(said, int) else said

    def label(self, n: int) -> object:
        words = [word for word in self.said(n) if word[2] != "skip"]
        if self.rule == "latest":
            newest = words[-1][2] if words else None
            return None if newest in (None, "clear") else self.counts_for(newest)
        heard = [(who, self.counts_for(word)) for _, who, word in words if word != "clear"]
        heard = [(who, word) for who, word in heard if word is not None]
        if self.rule == "senior":
            heard = [(who, word) for who, word in heard if who == "kim"] or heard
        firm = [word for _, word in heard if word != "unsure"]
        if not firm:
            return "unsure" if heard else None
        (first, most), *rest = Counter(firm).most_common()
        return None if rest and rest[0][1] == most else first

    def labels(self) -> dict[int, object]:
        found = {n: self.label(n) for n in range(IMAGES)}
        return {n: word for n, word in found.items() if word is not None}

    def opinions(self) -> dict[tuple[str, int], object]:
        said = {key: state[1] for key, state in self.state.items() if state is not None}
        found = {key: self.counts_for(word) for key, word in said.items()}
        return {key: word for key, word in found.items() if word not in (None, "clear", "skip")}

    def skipped(self) -> set[int]:
        last = {n: words[-1][2] for n in range(IMAGES) if (words := self.said(n))}
        return {n for n, word in last.items() if word == "skip" and n not in self.labels()}

    def act(self, who: str, table: dict, changes: dict) -> None:
        changed = {key: (table[key], new) for key, new in changes.items() if table[key] != new}
        if changed:
            self.done[who].append((table, changed))
            self.undone[who].clear()
            table.update({key: new for key, (_, new) in changed.items()})

    def say(self, who: str, images: list[int], said: object) -> None:
        self.acts += 1
        if said == "skip":
            images = [n for n in images if (who, n) not in self.opinions()]
        self.act(who, self.state, {(who, n): (self.acts, said) for n in images})

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


def held(store: Store) -> dict[tuple[str, int], object]:
    return {
        (who, int(image_id, 16)): label.class_id if label.kind == "class" else label.kind
        for image_id, by in store.opinions().items()
        for who, label in by.items()
    }


annotators = st.sampled_from(PEOPLE)
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
        admin = Annotator(self.store, "admin")
        self.classes = [admin.add(f"class {n}") for n in range(CLASSES)]
        self.model = Model(self.classes)
        self.annotators = {who: Annotator(self.store, who) for who in PEOPLE}
        self.past = {self.store.position(): {}}

    @rule(who=annotators, images=some_images, place=places)
    def give_a_class(self, who: str, images: list[int], place: int) -> None:
        target = self.model.target(self.classes[place])
        if target is not None:
            self.annotators[who].label(images, self.classes[place])
            self.model.say(who, images, target)

    @rule(
        who=annotators,
        images=some_images,
        said=st.sampled_from(["unsure", "reject", "clear", "skip"]),
    )
    def say_something_else(self, who: str, images: list[int], said: str) -> None:
        self.annotators[who].label(images, said)
        self.model.say(who, images, said)

    @rule(who=annotators, a=places, b=places)
    def merge(self, who: str, a: int, b: int) -> None:
        source, into = self.classes[a], self.classes[b]
        if a != b and self.model.live(source) and self.model.live(into):
            self.store.merge_class(source, into, **self.annotators[who].says())
            self.model.act(who, self.model.into, {source: into})

    @rule(who=annotators, place=places)
    def retire(self, who: str, place: int) -> None:
        class_id = self.classes[place]
        if self.model.live(class_id):
            self.store.retire_class(class_id, **self.annotators[who].says())
            self.model.act(who, self.model.retired, {class_id: True})

    @rule(who=annotators)
    def undo(self, who: str) -> None:
        before = now(self.store), self.store.skipped()
        assert (undoable(self.store, who) is None) == (not self.model.done[who])
        undone = self.annotators[who].undo()
        assert (undone is None) == (not self.model.done[who])
        self.model.undo(who)
        if undone is None:
            assert (now(self.store), self.store.skipped()) == before

    @rule(who=annotators)
    def redo(self, who: str) -> None:
        assert (redoable(self.store, who) is None) == (not self.model.undone[who])
        redone = self.annotators[who].redo()
        assert (redone is None) == (not self.model.undone[who])
        self.model.redo(who)

    @rule(rule=st.sampled_from(["latest", "majority", "senior"]))
    def agree_on_a_rule(self, rule: str) -> None:
        self.store.set_team(Team(rule=rule, seniors=("kim",)), "admin")
        self.model.rule = rule

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder / "project.sqlite")
        for annotator in self.annotators.values():
            annotator.store = self.store

    @precondition(lambda self: hasattr(self, "store"))
    @invariant()
    def the_store_says_what_the_model_says(self) -> None:
        labels = now(self.store)
        assert labels == self.model.labels()
        assert self.store.skipped() == {image(n) for n in self.model.skipped()}
        assert held(self.store) == self.model.opinions()
        self.past[self.store.position()] = labels

    def teardown(self) -> None:
        if not hasattr(self, "store"):
            return
        for position, labels in self.past.items():
            assert now(self.store, position) == labels
        self.store.close()
        shutil.rmtree(self.folder)


LogMachine.TestCase.settings = settings(
    max_examples=7,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLog = LogMachine.TestCase
