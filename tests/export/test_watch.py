"""A bundle that watches: it says when other images come, and keeps no image and no name."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation.drift import PoolReference
from fewshot_lab.export import export_bundle
from fewshot_lab.export.predict_classifier import Prediction
from fewshot_lab.export.predict_watch import Watch
from fewshot_lab.project import Project

NAMES = ["blue", "red"]


def reference(seed=0):
    p = np.random.default_rng(seed).beta(6, 1, 400)
    probabilities = np.stack([p, 1 - p], axis=1)
    probabilities[::2] = probabilities[::2, ::-1]
    return PoolReference.of(probabilities, np.zeros(400, bool), None)


def predictions(n, red=0.5, seed=1):
    rng = np.random.default_rng(seed)
    for k in range(n):
        p = rng.beta(6, 1)
        row = np.array([1 - p, p] if rng.random() < red else [p, 1 - p])
        yield Prediction(f"patient-{k}.png", "", 0.0, row, None, unlike=False)
    yield Prediction("broken.png", "", float("nan"), None, None, "It cannot be read.")


def look(folder, out, **stream):
    watch = Watch(folder, reference(), NAMES)
    passed = list(watch.passing(predictions(**stream)))
    assert passed[-1].reason
    return watch.finish(out)


def test_it_says_when_other_images_come_and_lists_thirty_to_label(tmp_path):
    folder, out = tmp_path / "counts", tmp_path / "predictions.csv"
    assert look(folder, out, n=60) == (
        "Watch: 60 images in 1 look: no sign that they are unlike the pool."
    )
    assert not (tmp_path / "predictions.label.csv").exists()
    text = look(folder, out, n=200, red=0.95, seed=2)
    assert "260 images in 2 looks: no longer like the pool" in text
    assert "are most likely red" in text
    rows = list(
        csv.DictReader((tmp_path / "predictions.label.csv").read_text("utf-8-sig").splitlines())
    )
    assert len({row["path"] for row in rows}) == 30
    assert {row["label"] for row in rows} == {""}


def test_it_keeps_no_image_and_no_name(tmp_path):
    look(tmp_path / "counts", tmp_path / "predictions.csv", n=40)
    (file,) = (tmp_path / "counts").iterdir()
    assert "patient" not in file.read_text()
    kept = json.loads(file.read_text())
    assert len(kept.pop("classifier")) == 16
    assert {key: sum(values) for key, values in kept.items()} == dict.fromkeys(kept, 40)


def test_each_image_has_the_same_chance_to_be_listed(tmp_path):
    listed = np.zeros(90)
    for _ in range(60):
        watch = Watch(tmp_path / "counts", reference(), NAMES)
        list(watch.passing(predictions(90)))
        for path in watch._drawn:
            listed[int(path[8:-4])] += 1
    assert listed.sum() == 60 * 30
    # Chance alone: sixty draws with a chance of a third each.
    assert abs(listed[:45].mean() - listed[45:].mean()) < 3 * np.sqrt(60 * 2 / 9 / 22)


def test_what_cannot_be_is_a_sentence(tmp_path):
    with pytest.raises(FewshotLabError, match="cannot watch: export the classifier again"):
        Watch(tmp_path / "counts", None, NAMES)
    (tmp_path / "file").write_text("")
    with pytest.raises(FewshotLabError, match="choose another folder to watch in"):
        Watch(tmp_path / "file" / "counts", reference(), NAMES)
    (tmp_path / "counts").mkdir()
    assert "40 images" in look(tmp_path / "counts", tmp_path / "predictions.csv", n=40)
    (file,) = (tmp_path / "counts").iterdir()
    sound = json.loads(file.read_text())
    for k, change in enumerate(
        (
            {"confidence": sound["confidence"][:2]},
            {"predicted": [50, -10]},
            {"predicted": [sound["predicted"]]},
            {"unlike": ["none", 0]},
            {"predicted": [2**70, 1]},
            {"classifier": "of another export"},
        )
    ):
        file.with_name(f"counts-{k}.json").write_text(json.dumps(sound | change))
    file.with_name("counts-6.json").write_text("{not json")
    file.with_name("counts-7.json").write_text("[]")
    text = look(tmp_path / "counts", tmp_path / "predictions.csv", n=40)
    assert "80 images in 2 looks" in text
    assert (
        "not counts of this classifier: counts-0.json, counts-1.json, counts-2.json and 5 more."
        in text
    )


@pytest.mark.slow
def test_a_bundle_watches_by_itself(home, tmp_path):
    rng = np.random.default_rng(0)

    def draw(folder, n, red):
        folder.mkdir()
        for k in range(n):
            colour = (200, 40, 40) if k < red * n else (40, 40, 200)
            noise = rng.normal(0, 25, (64, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{k:03d}.png")
        return folder

    with Project.create("colours", images=draw(tmp_path / "pool", 90, 0.5)) as project:
        project.embed(workers=1)
        rows = sorted(project.store.images(), key=lambda row: row.path)
        names = {row.id: "red" if int(row.path[:3]) < 45 else "blue" for row in rows}
        project.labels.add({i: names[i] for i in list(names)[::3]}, "kim")
        export_bundle(project, tmp_path / "bundle")
    new = draw(tmp_path / "new", 60, 0.95)
    command = [sys.executable, str(tmp_path / "bundle" / "predict.py"), str(new)]
    command += ["--out", str(tmp_path / "out.csv"), "--watch"]
    done = subprocess.run(
        [*command, str(tmp_path / "counts")], capture_output=True, text=True, check=True
    )
    assert "no longer like the pool" in done.stdout
    assert len((tmp_path / "out.label.csv").read_text().splitlines()) == 31
    refused = subprocess.run(
        [*command, str(tmp_path / "out.csv" / "counts")], capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "choose another folder to watch in" in refused.stderr
    assert "Traceback" not in refused.stderr
