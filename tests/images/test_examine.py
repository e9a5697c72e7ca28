"""Many pictures at once: all of them, in order, and stopped cleanly."""

import io
import threading

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.errors import Stopped
from fewshot_lab.images import Candidate, ExaminedImage, Refused, examine, pixel_id, read_rgb, scan


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(60):
        side = 300 if k % 7 else 40
        values = rng.integers(0, 256, (side, 20 + k, 3), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / f"{k:03d}.png")
    (tmp_path / "010.png").write_bytes(b"")
    (tmp_path / "020.png").write_bytes((tmp_path / "021.png").read_bytes()[:200])
    return tmp_path


@pytest.mark.parametrize("workers", [1, 4])
def test_the_order_is_kept_and_bad_files_stop_nothing(folder, workers):
    results = list(examine(scan(folder), workers=workers))
    names = [r.path if isinstance(r, Refused) else r.candidate.path for r in results]
    assert names == [f"{k:03d}.png" for k in range(60)]
    assert [r.path for r in results if isinstance(r, Refused)] == ["010.png", "020.png"]
    for found in results:
        if isinstance(found, ExaminedImage):
            picture = read_rgb(found.candidate.file)
            assert found.id == pixel_id(picture)
            assert (found.width, found.height) == picture.size
            assert found.bytes == found.candidate.file.stat().st_size
            assert found.mtime_ns == found.candidate.file.stat().st_mtime_ns
            with Image.open(io.BytesIO(found.thumbnail)) as small:
                assert max(small.size) == min(256, max(picture.size))


def test_what_is_known_is_not_read_and_what_was_refused_is_passed_on(folder):
    known = {f"{k:03d}.png" for k in range(58)}
    given = [Refused("x.png", "why"), *scan(folder)]
    results = list(examine(given, skip=lambda c: c.path in known))
    assert results[0] == given[0]
    assert [r.candidate.path for r in results[1:]] == ["058.png", "059.png"]


def test_a_skip_that_meets_a_vanished_file_is_no_error(folder):
    given = list(scan(folder))
    given[1].file.unlink()
    results = list(examine(given, skip=lambda c: c.file.stat().st_size < 0))
    assert results[1] == Refused("001.png", "The file is not there.")


def test_progress_counts_up_to_the_total(folder):
    heard = []
    list(examine(scan(folder), progress=lambda *said: heard.append(said)))
    assert heard[-1] == ("reading", 60, 60)
    assert all(stage == "reading" for stage, _, _ in heard)
    done = [d for _, d, _ in heard]
    assert done == sorted(done)


def test_a_stop_ends_the_threads_and_keeps_what_was_yielded(folder):
    seen = []

    def progress(stage, done, total):
        if len(seen) >= 5:
            raise Stopped("stopped")

    slow = (Candidate(c.path, c.file) for c in scan(folder) for _ in range(40))
    with pytest.raises(Stopped):
        for result in examine(slow, progress=progress, workers=2):
            seen.append(result)  # noqa: PERF402
    assert 5 <= len(seen) < 2400
    assert not [t for t in threading.enumerate() if t.name.startswith("examine")]


def test_leaving_the_loop_early_ends_the_threads(folder):
    results = examine(scan(folder), workers=2)
    next(results)
    results.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("examine")]


def test_duplicates_share_an_id_across_formats(tmp_path):
    values = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    for name in ("a.png", "b.bmp", "c.tif"):
        Image.fromarray(values).save(tmp_path / name)
    assert len({r.id for r in examine(scan(tmp_path))}) == 1


def test_real_blood_cells_by_folder_and_by_manifest(pbc8):
    source = pbc8
    found = scan(source, reference_labels="folders")
    assert found.total == 5119
    assert found.ignored.total() == 2  # manifest.csv and DATASET.md
    by_folder = {c.path: c.reference for c in found if isinstance(c, Candidate)}
    by_manifest = {
        c.path: c.reference for c in scan(source / "manifest.csv") if isinstance(c, Candidate)
    }
    assert by_manifest == by_folder
    assert len(set(by_folder.values())) == 8
    some = [c for k, c in enumerate(scan(source)) if k % 40 == 0]
    results = list(examine(some))
    assert all(isinstance(r, ExaminedImage) and max(r.width, r.height) == 224 for r in results)
    assert len({r.id for r in results}) == len(results)
