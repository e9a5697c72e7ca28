"""A search for near-duplicates that is stopped or killed goes on from where it was."""

import subprocess
import sys

import numpy as np
import pytest

from fewshot_lab.embeddings import neighbours
from fewshot_lab.errors import Stopped
from fewshot_lab.project.near_duplicates import find_near

N, BLOCK = 1_200, 256
IDS = [f"{i:020x}" for i in range(N)]


@pytest.fixture(autouse=True)
def _blocks(monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", BLOCK)


@pytest.fixture(scope="module")
def vectors():
    """Return images of which every tenth is nearly another, and 40 are one blank picture."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 16)).astype(np.float32)
    X[::10] = X[5::10] + 0.02 * X[::10]
    X[1:401:10] = X[1]
    return X


@pytest.fixture
def in_one_go(vectors):
    return find_near(IDS, vectors, 0.95)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("stops", [1, 3, 6])
def test_a_stopped_search_goes_on_and_finds_the_same(vectors, in_one_go, tmp_path, stops):
    """It stops after so many steps, in the first pass or among the rows that are asked again."""
    steps = []

    def stop(stage, done, total):
        steps.append((done, total))
        if len(steps) == stops:
            raise Stopped

    file = tmp_path / "near.part"
    with pytest.raises(Stopped):
        find_near(IDS, vectors, 0.95, stop, file)
    near = find_near(IDS, vectors, 0.95, stop, file)
    assert same(near, in_one_go)
    assert len(steps) == 6  # five blocks of all rows, one of those with many: none twice
    # Of other images, or with another threshold, nothing is taken over.
    steps.clear()
    find_near(IDS, vectors, 0.9, lambda *step: steps.append(step), file)
    assert steps[0][2] == N


def test_a_damaged_file_is_begun_anew(vectors, in_one_go, tmp_path):
    file = tmp_path / "near.part"
    file.write_bytes(b"PK\x03\x04 not whole")
    assert same(find_near(IDS, vectors, 0.95, unfinished=file), in_one_go)


KILLED = """
import sys, time
import numpy as np
from pathlib import Path
from fewshot_lab.embeddings import neighbours
from fewshot_lab.project import going_on
from fewshot_lab.project.near_duplicates import find_near
going_on.KEPT_EVERY, neighbours._BLOCK = 0, 256
X = np.load(sys.argv[1])
def slow(stage, done, total):
    if done > 3 * 256 - 1:
        print("here", flush=True)
        time.sleep(60)
find_near([f"{i:020x}" for i in range(len(X))], X, 0.95, slow, Path(sys.argv[2]))
"""


def test_a_killed_search_goes_on_and_finds_the_same(vectors, in_one_go, tmp_path):
    np.save(tmp_path / "x.npy", vectors)
    file = tmp_path / "near.part"
    command = [sys.executable, "-c", KILLED, str(tmp_path / "x.npy"), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"here\n"
        process.kill()
    steps = []
    near = find_near(IDS, vectors, 0.95, lambda *step: steps.append(step), file)
    assert same(near, in_one_go)
    assert steps[0][2] == N - 2 * BLOCK  # the third block was in hand
