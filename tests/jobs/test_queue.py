"""The line of heavy jobs, which any user of the machine can reach."""

import fcntl
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fewshot_lab.jobs import queue

SPEC = {"verb": "embed", "project": "blood", "device": "cpu"}


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "line"
    monkeypatch.setenv(queue.QUEUE, str(folder))
    monkeypatch.setattr(queue, "_MUTEX_SECONDS", 0.2)
    return folder


def turn() -> list[str]:
    """Take one's turn; return what was said while waiting."""
    waited: list[str] = []
    with queue.queue_slot(SPEC, lambda sentence: bool(waited.append(sentence)) or len(waited) > 2):
        pass
    return waited


def test_whoever_holds_the_lock_stops_nobody(line: Path) -> None:
    assert turn() == []
    held = os.open(line / ".mutex", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert turn() == []
    os.close(held)


@pytest.mark.parametrize("place", [".mutex", "000000001"])
def test_a_pipe_in_place_of_a_file_stops_nobody(line: Path, place: str) -> None:
    line.mkdir()
    os.mkfifo(line / place)
    assert turn() == []


@pytest.mark.parametrize(
    "text", [b"", b"[" * 9000, b"7", b'{"uses": 5}', b'{"uses": [[1]]}', b'{"project": {"a": 1}}']
)
def test_a_ticket_that_says_nothing_sensible_is_waited_for_and_read(
    line: Path, text: bytes
) -> None:
    line.mkdir()
    (line / "000000001").write_bytes(text)
    held = os.open(line / "000000001", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert all(sentence.startswith("Waiting until") for sentence in turn())
    os.close(held)
    assert turn() == []


@pytest.mark.parametrize("gpu", [False, True])
def test_another_user_is_waited_for_where_a_gpu_is_shared_and_not_for_ever(
    line: Path, gpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0" if gpu else "")
    monkeypatch.setitem(SPEC, "device", "cuda:0" if gpu else "cpu")
    line.mkdir()
    (line / "000000001").write_text(json.dumps({"project": "skin", "uses": queue.uses(SPEC)}))
    held = os.open(line / "000000001", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert turn()  # one's own is
    monkeypatch.setattr(os, "geteuid", lambda: 4711)  # now the ticket is somebody else's
    assert bool(turn()) == gpu
    monkeypatch.setattr(queue, "_PATIENCE_SECONDS", 0.0)
    assert turn() == []
    os.close(held)


def test_names_that_are_no_numbers_of_ours_are_passed_over(line: Path) -> None:
    line.mkdir()
    for name in ("\u00b2", "1", "9" * 15, "9" * 40):
        (line / name).touch()
    assert turn() == [] and turn() == []


def test_tickets_can_be_read_by_other_users_whatever_the_mask(line: Path) -> None:
    code = (
        "import os, sys; os.umask(0o077)\n"
        "from fewshot_lab.jobs import queue\n"
        f"with queue.queue_slot({SPEC!r}, lambda s: False):\n"
        "    for p in sorted(queue._folder().iterdir()): print(p.name, oct(p.stat().st_mode))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    modes = [int(each.split()[1], 8) for each in done.stdout.splitlines()]
    assert len(modes) == 2 and all(stat.S_IMODE(mode) == 0o644 for mode in modes)


def test_a_folder_that_somebody_has_closed_is_not_used(
    line: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.symlink_to(home)
    home.mkdir(exist_ok=True)
    assert queue._folder() == home / ".queue"
