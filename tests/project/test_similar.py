"""Neighbours in a large project: its index is kept, added to, and built in parts."""

import csv

import numpy as np
import pytest

from fewshot_lab import embeddings
from fewshot_lab.cli.main import run
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.project import Project
from fewshot_lab.store import NewImage

N, D = 400, 32


def ident(i):
    return f"{i:020x}"


def add(project, drawn, start, stop):
    project.store.add_images(
        [NewImage(ident(i), f"{i}.png", f"{i}.png", 0, 8, 8, 1, 1) for i in range(start, stop)]
    )
    fingerprint = project.backbone.fingerprint
    folder = project.folder / "embeddings" / fingerprint
    ids = [ident(i) for i in range(start, stop)]
    about = {"fingerprint": fingerprint, "dtype": "float32"}
    write_shard(folder, ids, drawn[start:stop].astype(np.float16), [], **about)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, 6)) @ rng.normal(size=(6, D)) + 0.2 * rng.normal(size=(N, D))


@pytest.fixture
def project(home, drawn):
    made = Project.create("cells")
    add(made, drawn, 0, 300)
    yield made
    made.close()


def large(monkeypatch):
    monkeypatch.setattr(embeddings, "EXACT_UP_TO", 100)


def test_a_large_project_has_the_neighbours_of_a_small_one(project, monkeypatch):
    asked = [ident(i) for i in range(0, 300, 10)]
    exact = [{i for i, _ in project.neighbours(image_id, 10)} for image_id in asked]
    large(monkeypatch)
    kept = [{i for i, _ in project.neighbours(image_id, 10)} for image_id in asked]
    assert np.mean([len(a & b) / 10 for a, b in zip(exact, kept, strict=True)]) > 0.95
    assert list((project.folder / "indexes").glob("*/index.json"))


def test_images_that_come_later_are_added_and_not_all_indexed_anew(project, drawn, monkeypatch):
    large(monkeypatch)
    project.neighbours(ident(0), 5)
    built = project.similar.kept_index.index.built_of
    add(project, drawn, 300, N)
    near = project.neighbours(ident(350), 10)
    index = project.similar.kept_index.index
    assert (built, index.built_of, index.rows) == (300, 300, N)
    assert any(int(i, 16) >= 300 for i, _ in near)
    with Project.open("cells") as again:  # what was added is kept
        assert again.similar.kept_index.index.rows == N
        assert again.neighbours(ident(350), 10) == near


def rows(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_parts_of_the_neighbours_add_up_to_the_whole(project, tmp_path, monkeypatch, capsys):
    large(monkeypatch)
    out = ["--out", str(tmp_path / "n.csv"), "-k", "3"]
    for i in (1, 0):
        assert run(["index", "cells", "--shard", f"{i}/2"]) == 0
    assert "1 part of the index to go" in (said := capsys.readouterr().out)
    assert "The index of 300 images is ready" in said
    assert run(["neighbours", "cells", *out]) == 0
    for i in range(3):
        assert run(["neighbours", "cells", *out, "--shard", f"{i}/3"]) == 0
    whole = rows(tmp_path / "n.csv")
    assert len(whole) == 900
    assert {row["path"] for row in whole} == {f"{i}.png" for i in range(300)}
    parts = [row for i in range(3) for row in rows(tmp_path / f"n.{i}-of-3.csv")]
    assert parts == whole


def test_a_slurm_array_shares_the_work(project, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "2")
    assert run(["neighbours", "cells", "--out", str(tmp_path / "n.csv"), "-k", "1"]) == 0
    assert [row["path"] for row in rows(tmp_path / "n.1-of-2.csv")] == [
        f"{i}.png" for i in range(150, 300)
    ]
