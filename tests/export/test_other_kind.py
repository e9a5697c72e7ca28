"""A classifier of radiographs is shown slides of stained tissue: drawn pictures of two kinds."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.embeddings.shards import SUFFIX, read_shard, write_shard
from fewshot_lab.evaluation import HEADLINE
from fewshot_lab.export import Bundle, export_bundle, predict_dropped, predict_folder, write_sources
from fewshot_lab.project import Project, gather
from fewshot_lab.ui.predicting import answer_html

pytestmark = pytest.mark.slow


def radiograph(rng: np.random.Generator, *, ill: bool) -> Image.Image:
    """Draw two dark lungs in a grey chest; the ill ones are clouded."""
    y, x = np.mgrid[-1 : 1 : 160 * 1j, -1 : 1 : 160 * 1j]
    dx, dy = rng.normal(0, 0.05, 2)
    grey = 200 - 60 * np.hypot(x, y)
    for side in (-0.4, 0.4):
        lung = ((x - side - dx) / 0.28) ** 2 + ((y - dy) / 0.6) ** 2 < 1
        grey = np.where(lung, 60 + 60 * ill * (1 + np.sin(9 * x + 7 * y)), grey)
    noisy = np.clip(grey + rng.normal(0, 6, grey.shape), 0, 255)
    return Image.fromarray(noisy.astype(np.uint8)).convert("RGB")


def slide(rng: np.random.Generator) -> Image.Image:
    """Draw purple nuclei on pink."""
    picture = np.empty((160, 160, 3))
    picture[:] = (236, 180, 208)
    y, x = np.mgrid[:160, :160]
    for cy, cx in rng.uniform(0, 160, (90, 2)):
        picture[np.hypot(y - cy, x - cx) < rng.uniform(3, 7)] = (88, 52, 140)
    noisy = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255)
    return Image.fromarray(noisy.astype(np.uint8))


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    """Return a project of 100 radiographs, 40 of them labelled."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("chest")
    for k in range(100):
        ill = bool(k % 2)
        to = folder / ("ill" if ill else "well")
        to.mkdir(exist_ok=True)
        radiograph(rng, ill=ill).save(to / f"{k}.png")
    project = Project.create("chest", home=tmp_path_factory.mktemp("chest-home"))
    project.import_images(folder, reference_labels="folders")
    project.embed(workers=1)
    rows = sorted(project.store.images(), key=lambda row: row.id)
    project.labels.add({row.id: row.reference for row in rows[:40]}, annotator="kim")
    yield project
    project.close()


@pytest.fixture(scope="module")
def chest_bundle(chest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "chest"
    export_bundle(chest, folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Return a folder of 6 slides and 20 new radiographs."""
    folder = tmp_path_factory.mktemp("new")
    rng = np.random.default_rng(1)
    for k in range(6):
        slide(rng).save(folder / f"slide-{k}.png")
    for k in range(20):
        radiograph(rng, ill=bool(k % 2)).save(folder / f"chest-{k}.png")
    return folder


def test_slides_are_flagged_by_app_and_script_alike_and_new_radiographs_are_not(
    chest_bundle, pictures, tmp_path
):
    with Bundle.open(chest_bundle) as opened:
        report = predict_folder(opened, pictures, tmp_path / "app.csv")
    command = [sys.executable, chest_bundle / "predict.py", pictures]
    subprocess.run([*command, "--out", tmp_path / "script.csv"], check=True, capture_output=True)
    assert (tmp_path / "app.csv").read_text() == (tmp_path / "script.csv").read_text()
    with (tmp_path / "app.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    slides = [row for row in rows if row["path"].startswith("slide")]
    for row in slides:
        assert (row["unlike"], row["decision"]) == ("yes", "referred")
        assert row["why"].startswith(f"{HEADLINE}: another kind of picture")
    own = [row["unlike"] == "yes" for row in rows if row["path"].startswith("chest")]
    assert sum(own) <= 3
    assert report.unlike == len(slides) + sum(own)


def test_the_page_names_no_class_for_a_slide(chest_bundle, pictures, tmp_path):
    write_sources(tmp_path, [pictures / "slide-0.png"])
    answers = predict_dropped(chest_bundle, tmp_path).answers
    html = answer_html(answers[0], {}, "", tmp_path)
    headline = html[html.index("<h2>") : html.index("</h2>")]
    assert HEADLINE in headline and answers[0].predicted not in html
    assert "Another kind of picture" in html


def test_a_project_embedded_before_there_were_statistics_goes_by_the_stages(chest, tmp_path):
    folder = chest.embedding_folder
    kept = {path: path.read_bytes() for path in sorted(folder.glob(f"*{SUFFIX}"))}
    try:
        for path in kept:
            shard = read_shard(path)
            vectors = shard.vectors()
            path.unlink()
            write_shard(
                folder,
                shard.ids,
                vectors,
                shard.failed,
                parts=shard.parts,
                fingerprint=shard.fingerprint,
                dtype=shard.dtype,
            )
        with Project.open("chest", home=chest.folder.parent) as opened:
            classifier = opened.fit()
            assert opened.require_embeddings().statistics(opened.store.ids()) is None
            gathered = gather(opened, classifier.fitted, classifier.training.ids, 0.04)
            assert [level.name for level in gathered.kind.levels] == [
                f"stage {n}" for n in (2, 3, 4, 5)
            ]
            export_bundle(opened, tmp_path / "bundle", classifier=classifier)
        with Bundle.open(tmp_path / "bundle") as bundle:
            slides = [tmp_path / f"{k}.png" for k in range(4)]
            for path in slides:
                slide(np.random.default_rng(int(path.stem))).save(path)
            assert all(row.unlike for row in bundle.predict(slides))
    finally:
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            path.unlink()
        for path, data in kept.items():
            path.write_bytes(data)


def test_statistics_of_images_come_back_from_the_shards(chest):
    embeddings = chest.require_embeddings()
    some = embeddings.ids[:3]
    statistics = embeddings.statistics(some)
    assert statistics.shape == (3, 46) and statistics.dtype == np.float16
    assert np.array_equal(embeddings.statistics(some[::-1]), statistics[::-1])
    assert embeddings.statistics([]) is None
    assert embeddings.statistics([*some, "nowhere"]) is None
