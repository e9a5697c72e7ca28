"""Embedding: what a user relies on when it is stopped, killed, shared or fed with rubbish."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fewshot_lab.backbones import Backbone
from fewshot_lab.embeddings import ImageItem, embed, open_embeddings, pipelines, work_left
from fewshot_lab.embeddings.claims import Claims
from fewshot_lab.embeddings.device import choose_device, part_of_run
from fewshot_lab.embeddings.forward_pass import Forward
from fewshot_lab.embeddings.shards import DamagedShard, read_shard, write_shard
from fewshot_lab.errors import FewshotLabError, Stopped
from fewshot_lab.images import read_rgb

from .conftest import draw

pytestmark = pytest.mark.slow

WORKER = Path(__file__).with_name("worker.py")
# What a worker is run with: it has to find the package without its being installed.
ELSEWHERE = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def expected(backbone: Backbone, items: list[ImageItem]) -> np.ndarray:
    """One image at a time through the plain module."""
    module = backbone.load()
    rows = []
    for item in items:
        pixels = backbone.preprocessing.array(read_rgb(item.file, item.frame))
        with torch.inference_mode():
            rows.append(module(torch.from_numpy(pixels)[None])[0].numpy())
    return np.stack(rows)


def listed(tmp_path: Path, items: list[ImageItem]) -> Path:
    path = tmp_path / "list.json"
    path.write_text(json.dumps([[item.id, str(item.file)] for item in items]))
    return path


def test_every_image_gets_its_own_embedding(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    report = embed(pictures, backbone, tmp_path, batch_size=7, workers=2)
    assert (report.done, report.skipped, report.failed) == (60, 0, [])
    made = open_embeddings(tmp_path)
    assert sorted(made.ids) == sorted(item.id for item in pictures)
    assert (made.parts.dimensions, made.fingerprint) == (256, backbone.fingerprint)
    assert made.dtype_computed == "float32"
    got = made.matrix([item.id for item in pictures])
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, expected(backbone, pictures), atol=2e-3, rtol=2e-3)


def test_nothing_is_embedded_twice(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    embed(pictures[:20], backbone, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    report = embed(pictures[:30] + pictures[:5], backbone, tmp_path)
    assert (report.done, report.skipped) == (10, 20)
    assert embed(pictures[:30], backbone, tmp_path).done == 0
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_new_shards_are_seen_and_rows_stay(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    embed(pictures[:10], backbone, tmp_path)
    made = open_embeddings(tmp_path)
    ids, matrix = made.ids, made.matrix()
    embed(pictures, backbone, tmp_path)
    assert made.reload() == 50
    assert made.reload() == 0
    assert made.ids[:10] == ids
    assert np.array_equal(made.matrix()[:10], matrix)
    assert len(ids) == len(matrix) == 10
    assert made.contains(pictures[59].id)
    assert not made.contains("?")
    with pytest.raises(FewshotLabError, match="no embedding"):
        made.matrix(["?"])


def test_no_folder_is_no_embeddings(tmp_path: Path) -> None:
    made = open_embeddings(tmp_path / "none")
    assert made.ids == []
    assert made.matrix().shape == (0, 0)


def test_bad_images_stop_nothing_and_are_not_tried_again(
    tmp_path: Path, backbone: Backbone
) -> None:
    items = draw(tmp_path / "pictures", 12)
    whole = items[3].file.read_bytes()
    items[3].file.write_bytes(whole[: len(whole) // 2])
    items[5].file.write_bytes(b"")
    items[7].file.write_text("no picture")
    items[9].file.unlink()
    report = embed(items, backbone, tmp_path / "e", batch_size=4)
    bad = {items[i].id for i in (3, 5, 7, 9)}
    assert report.done == 8
    assert {i for i, _ in report.failed} == bad
    assert all(reason for _, reason in report.failed)
    # A file that is not there may be back tomorrow: it is not held against the image.
    assert set(open_embeddings(tmp_path / "e").failed) == bad - {items[9].id}

    items[3].file.write_bytes(whole)
    again = embed(items, backbone, tmp_path / "e")
    assert (again.done, again.skipped, len(again.failed)) == (0, 8, 4)
    items[9].file.write_bytes(items[0].file.read_bytes())
    back = embed(items, backbone, tmp_path / "e")
    assert (back.done, back.skipped, len(back.failed)) == (1, 8, 3)


def test_a_batch_of_only_bad_images(tmp_path: Path, backbone: Backbone) -> None:
    items = draw(tmp_path / "pictures", 3)
    for item in items:
        item.file.write_bytes(b"")
    report = embed(items, backbone, tmp_path / "e")
    assert (report.done, len(report.failed)) == (0, 3)
    assert embed(items, backbone, tmp_path / "e").done == 0


def test_no_images(tmp_path: Path, backbone: Backbone) -> None:
    assert embed([], backbone, tmp_path).done == 0


def test_stopping_keeps_what_is_finished(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    def stop_soon(stage: str, done: int, total: int | None) -> None:
        if stage == "embedding" and done >= 20:
            raise Stopped("stopped")

    with pytest.raises(Stopped):
        embed(pictures, backbone, tmp_path, batch_size=4, workers=2, progress=stop_soon)
    kept = len(open_embeddings(tmp_path).ids)
    assert 16 <= kept < 60
    report = embed(pictures, backbone, tmp_path)
    assert (report.done, report.skipped) == (60 - kept, kept)


def test_progress_is_counted(tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]) -> None:
    embed(pictures[:10], backbone, tmp_path)
    seen: list[tuple[str, int, int | None]] = []
    embed(pictures, backbone, tmp_path, batch_size=8, progress=lambda *told: seen.append(told))
    counts = [(done, total) for stage, done, total in seen if stage == "embedding"]
    assert counts[0] == (0, 50)
    assert counts[-1] == (50, 50)
    assert counts == sorted(counts)


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    until = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, "the worker ended early"
        assert time.monotonic() < until
        time.sleep(0.01)


def test_killed_in_the_middle_it_goes_on_from_the_last_shard(
    tmp_path: Path, backbone: Backbone
) -> None:
    items = draw(tmp_path / "pictures", 600)
    folder = tmp_path / "e"
    command = [sys.executable, str(WORKER), backbone.name]
    command += [str(listed(tmp_path, items)), str(folder), "40"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ELSEWHERE)
    wait_for(lambda: len(list(folder.glob("*.safetensors"))) >= 2, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    shards = {path: path.read_bytes() for path in folder.glob("*.safetensors")}
    kept = open_embeddings(folder)
    assert 80 <= len(kept.ids) < 600
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ELSEWHERE)
    assert json.loads(done.stdout) == {"done": 600 - len(kept.ids), "skipped": len(kept.ids)}
    assert all(path.read_bytes() == data for path, data in shards.items())
    assert len(open_embeddings(folder).ids) == 600


def test_two_processes_with_one_list_share_the_work(tmp_path: Path, backbone: Backbone) -> None:
    items = draw(tmp_path / "pictures", 400)
    folder = tmp_path / "e"
    command = [sys.executable, str(WORKER), backbone.name]
    command += [str(listed(tmp_path, items)), str(folder), "20"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ELSEWHERE)
        for _ in range(2)
    ]
    said = [json.loads(process.communicate(timeout=240)[0]) for process in both]
    written = [shard for path in folder.glob("*.safetensors") if (shard := read_shard(path))]
    assert sum(len(shard.ids) for shard in written) == 400, "an image was embedded twice"
    assert said[0]["done"] + said[1]["done"] == 400
    assert len(open_embeddings(folder).ids) == 400


def test_shards_add_up(tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]) -> None:
    for part in range(3):
        assert embed(pictures, backbone, tmp_path, shard=(part, 3)).done == 20
    assert len(open_embeddings(tmp_path).ids) == 60


def test_torchruns_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert part_of_run(None) == (0, 1)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert part_of_run(None) == (1, 4)
    assert part_of_run((0, 2)) == (0, 2)


def test_slurms_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ID", "7"), ("COUNT", "3"), ("MIN", "3"), ("STEP", "2")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    assert part_of_run(None) == (2, 3)  # tasks 3, 5 and 7
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert part_of_run(None) == (2, 3)  # a batch script is no step
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    assert part_of_run(None) == (5, 6)
    assert part_of_run((0, 2)) == (0, 2)


@pytest.mark.exhaustive  # its environment is read, and parts add up: above
def test_torchrun_itself(tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(WORKER), backbone.name, str(listed(tmp_path, pictures)), str(tmp_path / "e")]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=ELSEWHERE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"done": 30') == 2
    assert len(open_embeddings(tmp_path / "e").ids) == 60


@pytest.mark.parametrize("shard", [(2, 2), (-1, 2), (0, 0)])
def test_a_shard_that_does_not_exist(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem], shard: tuple[int, int]
) -> None:
    with pytest.raises(FewshotLabError, match="does not exist"):
        embed(pictures, backbone, tmp_path, shard=shard)


def test_another_backbones_folder_is_refused(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"fingerprint": "0123456789abcdef"}))
    with pytest.raises(FewshotLabError, match="another backbone"):
        embed(pictures, backbone, tmp_path)


def test_a_damaged_shard_is_embedded_again(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    embed(pictures[:20], backbone, tmp_path)
    shard = next(tmp_path.glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-100])
    assert open_embeddings(tmp_path).ids == []
    assert embed(pictures[:20], backbone, tmp_path).done == 20
    assert len(open_embeddings(tmp_path).ids) == 20


def test_bytes_that_changed_in_a_shard_are_found_named_and_embedded_anew(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    embed(pictures[:40], backbone, tmp_path / "e")
    good = open_embeddings(tmp_path / "e").matrix([item.id for item in pictures[:40]])
    shard = next((tmp_path / "e").glob("*.safetensors"))
    whole = shard.read_bytes()
    random = np.random.default_rng(0)
    at = len(whole) - 40 * 256 * 2  # among the vectors
    shard.write_bytes(whole[:at] + random.bytes(4_000) + whole[at + 4_000 :])

    opened = open_embeddings(tmp_path / "e")
    assert (opened.ids, opened.damaged) == ([], [shard.name])
    report = embed(pictures[:40], backbone, tmp_path / "e")
    assert (report.done, report.damaged) == (40, [str(shard)])
    again = open_embeddings(tmp_path / "e")
    assert again.damaged == []
    assert np.array_equal(again.matrix([item.id for item in pictures[:40]]), good)
    assert shard.with_suffix(".damaged").exists()  # for whoever looks for the reason


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_byte_of_a_shard_can_change_unnoticed(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ids = [f"{row:020x}" for row in range(3)]
        vectors = np.arange(12, dtype=np.float16).reshape(3, 4)
        sums = np.ones((3, 2), np.float16)
        about = {"statistics": sums, "fingerprint": "f" * 16, "dtype": "float32"}
        path = write_shard(Path(folder), ids, vectors, [("b" * 20, "No picture.")], **about)
        whole = bytearray(path.read_bytes())
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(whole)
        with pytest.raises(DamagedShard):
            shard = read_shard(path)
            # Blanks around the numbers of the header say nothing: then all is as it was.
            if shard is not None and np.array_equal(shard.vectors(), vectors):
                assert (shard.ids, shard.failed) == (ids, [("b" * 20, "No picture.")])
                raise DamagedShard(path)


def test_the_folder_is_not_read_anew_for_every_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [ImageItem(f"{row:020x}", Path("none")) for row in range(4_000)]
    looked = 0
    real = work_left.shard_names

    def counted(folder: Path) -> list[str]:
        nonlocal looked
        names = real(folder)
        looked += len(names)
        return names

    monkeypatch.setattr(work_left, "shard_names", counted)
    monkeypatch.setattr(work_left, "CHUNK", 10)
    monkeypatch.setattr(work_left, "NAMES_A_PIECE", 20)
    written = work_left.WrittenShards(tmp_path)
    about = {"fingerprint": "f" * 16, "dtype": "float32"}
    with Claims(tmp_path) as claims:
        for piece in work_left.claimed_chunks(items, written, claims):
            vectors = np.zeros((len(piece), 4), np.float16)
            write_shard(tmp_path, [item.id for item in piece], vectors, [], **about)
    assert len(list(tmp_path.glob("*.safetensors"))) == 400
    assert looked < 20_000  # 80,000 with a look for each piece


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_said_before_anything_starts(
    tmp_path: Path, backbone: Backbone, pictures: list[ImageItem]
) -> None:
    with pytest.raises(FewshotLabError, match="No GPU"):
        embed(pictures, backbone, tmp_path / "e", device="cuda")
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "cpu:one"])
def test_a_strange_device_is_refused(device: str) -> None:
    with pytest.raises(FewshotLabError, match="not a device"):
        choose_device(device)


@pytest.mark.parametrize("processes", [False, True])
def test_the_gpus_pipeline_gives_the_same(
    backbone: Backbone, pictures: list[ImageItem], processes: bool, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    items = [*pictures[:25], ImageItem("bad", broken)]
    forward = Forward(backbone.load(), "cpu", "float32", 8)
    chunks = iter([items[:10], items[10:]])
    batches = list(
        pipelines.pipeline(chunks, backbone.preprocessing, forward, workers=2, processes=processes)
    )
    ids = [i for batch in batches for i in batch.ids]
    assert ids == [item.id for item in pictures[:25]]
    assert [i for batch in batches for i, _ in batch.failed] == ["bad"]
    got = np.concatenate([batch.vectors for batch in batches])
    np.testing.assert_allclose(got, expected(backbone, pictures[:25]), atol=2e-3, rtol=2e-3)


class Cramped(torch.nn.Module):
    """Has memory for so many images at a time."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.sizes: list[int] = []

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(pixels))
        if len(pixels) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pixels.float().mean(dim=(1, 2))


def test_a_full_gpu_halves_the_batch_and_goes_on() -> None:
    module = Cramped(room=5)
    forward = Forward(module, "cpu", "float32", 16)
    pixels = torch.arange(20 * 4 * 4 * 3, dtype=torch.uint8).view(20, 4, 4, 3)
    got = forward(pixels)
    torch.testing.assert_close(got, pixels.float().mean(dim=(1, 2)).half())
    assert forward.batch_size == 4
    assert module.sizes == [16, 8, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("images", [60, 10**12])
def test_a_network_is_compiled_where_it_pays_and_embeds_the_same(
    monkeypatch: pytest.MonkeyPatch, images: int
) -> None:
    compile_it = torch.compile
    compiled: list[torch.nn.Module] = []

    def traced(module: torch.nn.Module, **options: bool) -> object:
        compiled.append(module)
        return compile_it(module, backend="eager", **options)  # no C compiler needed

    monkeypatch.setattr(torch, "compile", traced)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(3))
    pixels = torch.rand(60, 2, 2, 3)
    with torch.inference_mode():
        plain = module(pixels).half()
    forward = Forward(module, "cpu", "float32", 8, images=images)
    found = torch.cat([forward(part) for part in pixels.split(8)])
    torch.testing.assert_close(found, plain)
    assert bool(compiled) == (images > 60)


def test_not_even_one_image_fits() -> None:
    forward = Forward(Cramped(room=0), "cpu", "float32", 2)
    with pytest.raises(FewshotLabError, match="single image"):
        forward(torch.zeros(2, 4, 4, 3, dtype=torch.uint8))


def test_embeddings_that_are_not_finite_are_failures(
    tmp_path: Path, backbone: Backbone, monkeypatch: pytest.MonkeyPatch, pictures: list[ImageItem]
) -> None:
    class Wild(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            out = torch.ones(len(pixels), 256)
            out[0] = float("nan")
            return out

    monkeypatch.setattr(type(backbone), "load", lambda self, device="cpu": Wild())
    report = embed(pictures[:8], backbone, tmp_path, batch_size=4, workers=1)
    assert report.done == 6
    assert [reason for _, reason in report.failed] == ["Its embedding is not finite."] * 2


def test_frames_are_read(tmp_path: Path, backbone: Backbone) -> None:
    from PIL import Image

    pages = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    items = [ImageItem("a", tmp_path / "two.tif", 0), ImageItem("b", tmp_path / "two.tif", 1)]
    embed(items, backbone, tmp_path / "e")
    a, b = open_embeddings(tmp_path / "e").matrix(["a", "b"])
    singles = [replace(item, id=f"{item.id}2", frame=item.frame) for item in items]
    np.testing.assert_allclose(np.stack([a, b]), expected(backbone, singles), atol=2e-3, rtol=2e-3)
    assert not np.array_equal(a, b)
