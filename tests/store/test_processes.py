"""Several processes at once, and processes that are killed: nothing lost, nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from fewshot_lab.store import LabelAction, Store

from .annotators import Annotator, image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def writer(address: tuple[str, str | None], client: str, first: int, n: int) -> subprocess.Popen:
    code = "from tests.store.writer import main; import sys; main(*sys.argv[1:])"
    args = [address[0], address[1] or "", client, str(first), str(n), "20"]
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def acknowledged(lines: list[str]) -> dict[int, int]:
    """From q to position; a last line that was cut off was not acknowledged."""
    return {int(q): int(at) for q, at in (line.split() for line in lines if line.endswith("\n"))}


def of(store: Store, client: str) -> dict[int, int]:
    return {event.q: event.position for event in store.events() if event.client == client}


def test_nothing_acknowledged_is_lost_by_kill_9(
    store: Store, kim: Annotator, address: tuple[str, str | None]
) -> None:
    kim.add("a")
    chance = random.Random()
    first = 0
    told: dict[int, int] = {}
    for _ in range(4):
        process = writer(address, "worker", first, 100_000)
        lines = [process.stdout.readline() for _ in range(chance.randint(1, 40))]
        threading.Event().wait(chance.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        told |= acknowledged(lines)
        stored = of(store, "worker")
        assert told.items() <= stored.items()
        unheard = stored.keys() - told.keys()
        assert len(unheard) <= 1  # the one that was under way
        told |= {q: stored[q] for q in unheard}
        first = max(stored)  # sent again, as a browser would
    n_images = Counter(event.position for event in store.events())
    by_position = {position: q for q, position in of(store, "worker").items()}
    assert all(n_images[position] == 1 + q % 3 for position, q in by_position.items())
    assert len(store.labels()) > 0
    assert store.verify().is_sound


def test_two_processes_write_at_once(
    store: Store, kim: Annotator, address: tuple[str, str | None]
) -> None:
    kim.add("a")
    processes = [writer(address, client, 0, 40) for client in ("one", "two")]
    told = [acknowledged(process.stdout.readlines()) for process in processes]
    for process in processes:
        assert process.wait() == 0
        process.stdout.close()
    assert [len(answers) for answers in told] == [40, 40]
    assert (of(store, "one"), of(store, "two")) == tuple(told)
    positions = sorted([*told[0].values(), *told[1].values()])
    assert positions == list(range(positions[0], positions[0] + 80))
    ids = [event.id for event in store.events()]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert store.verify().is_sound


def test_two_processes_send_the_same(
    store: Store, kim: Annotator, address: tuple[str, str | None]
) -> None:
    kim.add("a")
    processes = [writer(address, "same", 0, 25) for _ in range(2)]
    told = [acknowledged(process.stdout.readlines()) for process in processes]
    for process in processes:
        assert process.wait() == 0
        process.stdout.close()
    assert told[0] == told[1] and len(told[0]) == 25
    assert len(store.events()) == sum(1 + q % 3 for q in range(25))


def test_many_threads_share_a_store(store: Store, kim: Annotator) -> None:
    class_id = kim.add("a")
    wrong: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for q in range(15):
                ids = [image((q + len(name)) % 20)]
                store.record(LabelAction(name, q, name, "class", class_id, ids))
                labels = store.labels()
                assert labels[ids[0]].class_id == class_id
                if q % 5 == 4:
                    assert store.undo(name, client=name, q=1000 + q) is not None
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=("x" * n,)) for n in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert store.position() == 1 + 6 * (15 + 3)
    assert store.labels() == store.labels(at=store.position())


def test_two_processes_make_the_same_project(tmp_path: Path) -> None:
    code = "import sys; from fewshot_lab.store import Store\n"
    code += "s = Store.open(sys.argv[1], create=True); s.set(sys.argv[2], 1)"
    path = tmp_path / "new" / "project.sqlite"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), f"key{n}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for n in range(3)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    store = Store.open(path)
    assert [store.get(f"key{n}") for n in range(3)] == [1, 1, 1]
    store.close()
