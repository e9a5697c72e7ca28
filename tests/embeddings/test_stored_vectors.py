"""Embeddings that are read where they are asked for: the right rows, in hardly any memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.embeddings import open_embeddings
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError

D = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of 7, 1 and 12 images; the last holds two of the first once more."""
    made = tmp_path_factory.mktemp("shards")
    for numbers in (range(7), [7], [3, *range(8, 18), 5]):
        write(made, [f"{k:020x}" for k in numbers], np.array(numbers, np.float16)[:, None] + ROW)
    return made


ROW = np.arange(D, dtype=np.float16) / 8


def write(folder: Path, ids: list[str], vectors: np.ndarray) -> None:
    write_shard(folder, ids, vectors, [], fingerprint="f", dtype="float32")


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.lists(st.integers(0, 17), max_size=30).map(lambda rows: np.array(rows, np.int64)),
        st.lists(st.booleans(), min_size=18, max_size=18).map(lambda mask: np.array(mask, bool)),
        st.slices(18),
    )
)
def test_any_rows_are_those_of_the_matrix(folder: Path, rows: object) -> None:
    vectors = open_embeddings(folder).vectors()
    expected = np.arange(18, dtype=np.float16)[:, None] + ROW
    assert vectors.shape == expected.shape
    assert np.array_equal(vectors[rows], expected[rows])  # type: ignore[index]
    assert np.array_equal(vectors.at(np.arange(18)[rows])[:], expected[rows])  # type: ignore[index]


def test_a_file_that_is_gone_or_shorter_is_a_sentence(tmp_path: Path) -> None:
    for number in range(2):
        ids = [f"{k:020x}" for k in range(4 * number, 4 * number + 4)]
        write(tmp_path, ids, np.ones((4, D), np.float16))
    embeddings = open_embeddings(tmp_path)
    vectors = embeddings.vectors()
    first, second = sorted(tmp_path.iterdir())
    first.write_bytes(first.read_bytes()[:-10])
    with pytest.raises(FewshotLabError, match="removed or changed"):
        vectors[:4]
    second.unlink()
    with pytest.raises(FewshotLabError, match="removed or changed"):
        embeddings.matrix([f"{7:020x}"])


SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from fewshot_lab.classifiers import Pool, fit
from fewshot_lab.embeddings import open_embeddings
from fewshot_lab.embeddings.shards import write_shard

D, SHARD = 4176, 1000
block = np.random.default_rng(0).normal(size=(SHARD, D)).astype(np.float16)
y = np.arange(40) % 2
block[:40] += y[:, None].astype(np.float16)

def most(shards):
    folder = Path(sys.argv[1]) / str(shards)
    for number in range(shards):
        ids = [f"{SHARD * number + k:020x}" for k in range(SHARD)]
        write_shard(folder, ids, block, [], fingerprint="f", dtype="float32")
    embeddings = open_embeddings(folder)
    pool = Pool(embeddings.vectors(), components=16, learnt=np.arange(2000))
    fitted = fit(pool.X[np.arange(40)], y, name="lda", pool=pool, rows=np.arange(40), quick=True)
    assert len(fitted.probabilities(embeddings.vectors())) == SHARD * shards
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

first = most(6)
print(most(16) - first)
"""


@pytest.mark.slow
def test_more_images_take_hardly_more_memory(tmp_path: Path) -> None:
    """16,000 embeddings of the default backbone's length after 6,000: 84 MB more on the disk."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 25  # MiB; read whole it is 80, and 160 as float32
