"""The same work as a Ray Data job: same answers, and it goes on after whatever is killed."""

import csv
import os
import shutil
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from fewshot_lab.cli.main import run
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import Bundle, RayWork, predict_folder, ray_job, run_on_ray
from fewshot_lab.export.ray_output import ParquetFolder, RowCount
from fewshot_lab.export.ray_rows import EmbeddedRows, PredictedRows, file_rows


def rows_in(folder: Path) -> list[dict]:
    return [row for file in folder.glob("*.parquet") for row in pq.read_table(file).to_pylist()]


def batch_of(rows: list[dict]) -> dict[str, np.ndarray]:
    """What Ray hands to a worker."""
    return {name: np.array([row[name] for row in rows], object) for name in rows[0]}


def plain_rows(bundle: Path, source: Path, out: Path) -> dict[str, dict]:
    with Bundle.open(bundle) as opened:
        predict_folder(opened, source, out)
    with out.open(encoding="utf-8-sig", newline="") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def assert_same(rows: list[dict], plain: dict[str, dict]) -> None:
    """The same images, each once, with the same cells."""
    paths = [row["path"] for row in rows]
    assert sorted(paths) == sorted(plain)
    for row in rows:
        for column, cell in plain[row["path"]].items():
            if isinstance(row[column], float):
                assert row[column] == pytest.approx(float(cell), abs=2e-6), (row["path"], column)
            else:
                assert (row[column] or "") == cell, (row["path"], column)


@pytest.fixture
def pictures(cells: Path, tmp_path: Path) -> Path:
    """Return a folder of six cells, a TIFF of two pages, and a file that is no picture."""
    folder = tmp_path / "pictures"
    (folder / "ward").mkdir(parents=True)
    files = sorted(cells.rglob("*.png"))[::12]
    for file in files:
        shutil.copy(file, folder / "ward" / file.name)
    first, second = (Image.open(file).convert("RGB") for file in files[:2])
    first.save(folder / "pages.tif", save_all=True, append_images=[second])
    (folder / "broken.png").write_text("no picture")
    return folder


def test_without_ray_the_command_is_said(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr(ray_job.importlib.util, "find_spec", lambda name: None)
    assert run(["predict", "bundle", str(tmp_path), "--ray", "local"]) == 1
    assert capsys.readouterr().err == "Ray is not installed: pip install fewshot-lab[ray].\n"


def test_a_ray_job_takes_neither_a_part_nor_patients(tmp_path, capsys) -> None:
    for option in (["--shard", "0/2"], ["--group-pattern", "(a)"]):
        assert run(["predict", "bundle", str(tmp_path), "--ray", "local", *option]) == 1
        assert "leave out --shard and the options for patients" in capsys.readouterr().err


def test_an_address_at_which_nothing_listens_is_said_at_once() -> None:
    pytest.importorskip("ray", reason="pip install fewshot-lab[ray]")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(FewshotLabError, match=f"No Ray answers at {address}: start it"):
            ray_job._connect(address, 1, "")


@pytest.mark.slow
def test_a_worker_answers_as_predict_does(bundle, pictures, tmp_path) -> None:
    """From files and from an address; also pages of a file, and one that cannot be read."""
    plain = plain_rows(bundle, pictures, tmp_path / "plain.csv")
    worker = PredictedRows(str(bundle), embeddings=True)
    for source in (str(pictures), pictures.as_uri()):
        rows = worker(batch_of(file_rows(source, tmp_path))).to_pylist()
        unread = {row["path"]: row["reason"] for row in rows if row["reason"]}
        assert unread == {"broken.png": "This is a text file, not an image."}
        read = [row for row in rows if not row["reason"]]
        assert {"pages.tif#0", "pages.tif#1"} < {row["path"] for row in read}
        assert_same(read, plain)
        assert all(np.linalg.norm(row["embedding"]) > 0 for row in read)


@pytest.mark.slow
def test_a_worker_embeds_as_a_project_does(project, cells, tmp_path) -> None:
    chosen = sorted(cells.rglob("*.png"))[::18]
    rows = [
        {"path": file.relative_to(cells).as_posix(), "file": str(file), "frame": 0, "refused": ""}
        for file in chosen
    ]
    rows.append({"path": "gone.png", "file": str(tmp_path / "gone"), "frame": 0, "refused": ""})
    table = EmbeddedRows(project.backbone.card.name)(batch_of(rows)).to_pylist()
    stored = project.embeddings
    by_path = {file.path: file.image_id for file in project.store.files()}
    for row in table[:-1]:
        expected = stored.matrix([by_path[row["path"]]])[0].astype(np.float32)
        # Stored in float16, which rounds by one part in 2,048 at most.
        np.testing.assert_allclose(row["embedding"], expected, rtol=1e-3, atol=1e-4)
    assert table[-1]["reason"]
    assert table[-1]["embedding"] == []


def test_a_folder_keeps_what_is_whole_and_tries_the_rest_again(tmp_path) -> None:
    folder = ParquetFolder(tmp_path, {"bundle": "a"})
    pq.write_table(
        pa.table({"path": ["a", "b", "c"], "reason": ["", "cannot be read", ""]}),
        tmp_path / "first.parquet",
    )
    pq.write_table(pa.table({"path": ["d"], "reason": ["no picture"]}), tmp_path / "d.parquet")
    whole = (tmp_path / "first.parquet").read_bytes()
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    count = RowCount(tmp_path)
    assert count() == 4
    assert folder.outcome() == (2, [("b", "cannot be read"), ("d", "no picture")])
    assert ParquetFolder(tmp_path, {"bundle": "a"}).finished() == {"a", "c"}
    assert [row["path"] for row in rows_in(tmp_path)] == ["a", "c"]
    assert (tmp_path / "half.parquet.unfinished").read_bytes() == whole[: len(whole) // 2]


def test_a_folder_of_something_else_is_left_alone(tmp_path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "theirs.parquet")
    with pytest.raises(FewshotLabError, match="holds rows of another job: give another folder"):
        ParquetFolder(tmp_path, {"bundle": "a"})
    ParquetFolder(tmp_path / "new", {"bundle": "a"})
    with pytest.raises(FewshotLabError, match="another job"):
        ParquetFolder(tmp_path / "new", {"bundle": "b"})
    assert rows_in(tmp_path) == [{"x": 1}]


def test_an_address_that_cannot_be_listed_is_named(tmp_path) -> None:
    with pytest.raises(FewshotLabError, match=r"nowhere cannot be listed: "):
        file_rows((tmp_path / "nowhere").as_uri(), tmp_path)


def descendants(name: str) -> list[int]:
    """Return the processes below this one whose command begins so."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        try:
            names[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            )
        except (ValueError, OSError):
            continue

    def below(process: int) -> bool:
        while process in parents:
            process = parents[process]
            if process == os.getpid():
                return True
        return False

    return [
        process for process, text in names.items() if name in text.split(" ")[0] and below(process)
    ]


def kill_when_there(name: str, killed: list[int], seconds: float = 150) -> threading.Thread:
    """Kill the first process of that name, by a thread."""

    def watch() -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if descendants("ray::MapWorker"):
                time.sleep(1)
                process = descendants(name)[0]
                os.kill(process, signal.SIGKILL)
                killed.append(process)
                return
            time.sleep(0.1)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_a_real_ray_answers_the_same_whatever_is_killed(bundle, cells, tmp_path, monkeypatch):
    """Two workers; the head killed, then a worker, then nothing left to do."""
    pytest.importorskip("ray", reason="pip install fewshot-lab[ray]")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
    source = tmp_path / "pictures"
    shutil.copytree(cells, source)
    (source / "broken.png").write_text("no picture")
    plain = plain_rows(bundle, source, tmp_path / "plain.csv")
    work = RayWork(str(source), tmp_path / "rows", workers=2, bundle=str(bundle))

    killed: list[int] = []
    thread = kill_when_there("gcs_server", killed)
    with pytest.raises(FewshotLabError, match=r"Ray \(local\) no longer answers"):
        run_on_ray(work)
    thread.join()
    assert len(killed) == 1
    assert descendants("ray") == []

    # What a worker finished before stays, and is not done anew.
    ready = batch_of(file_rows(str(source), tmp_path)[:10])
    pq.write_table(PredictedRows(str(bundle), embeddings=False)(ready), work.out / "ready.parquet")
    thread = kill_when_there("ray::MapWorker", killed)
    seen = []
    report = run_on_ray(work, lambda stage, done, total: seen.append((stage, done, total)))
    thread.join()
    assert len(killed) == 2
    assert report.skipped >= 9
    assert report.done + report.skipped == len(plain)
    assert [path for path, _ in report.errors] == ["broken.png"]
    assert {(stage, total) for stage, _, total in seen} >= {("predicting", len(plain) + 1)}
    assert_same([row for row in rows_in(work.out) if not row["reason"]], plain)

    (source / "broken.png").unlink()
    report = run_on_ray(work)
    assert (report.done, report.skipped, report.errors) == (0, len(plain), [])
