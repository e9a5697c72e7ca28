"""What the export page says of bundles, and what predictions look like as a table."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
import timm
from safetensors.torch import save_file
from streamlit.testing.v1 import AppTest

from fewshot_lab import jobs
from fewshot_lab.backbones import Preprocessing
from fewshot_lab.export import ImagePrediction, StoredPredictions, predictions_table
from fewshot_lab.project import Project
from fewshot_lab.ui.exporting import difference
from fewshot_lab.ui.predicting import answer_html, folder_of, shared_reason, start
from fewshot_lab.ui.written_bundles import written_bundles
from fewshot_lab.ui.written_file import Opener

from .conftest import words

pytestmark = pytest.mark.slow


def bundle(folder: Path, created: str) -> None:
    folder.mkdir(parents=True)
    about = {
        "created": created,
        "parity": {"max_difference": 1e-5, "n_images": 32},
        "classifier": {"title": "LDA"},
    }
    (folder / "bundle.json").write_text(json.dumps(about))


def test_past_bundles_are_listed_the_newest_first(home: Path) -> None:
    project = Project.create("blood")
    exports = project.folder / "exports"
    bundle(exports / "old", "2026-03-01T10:00:00+00:00")
    bundle(exports / "new", "2026-03-02T10:00:00+00:00")
    bundle(exports / ".half.part", "2026-03-03T10:00:00+00:00")
    (exports / "broken").mkdir()
    (exports / "broken" / "bundle.json").write_text("{")
    assert [bundle.folder.name for bundle in written_bundles(project)] == ["new", "old"]
    project.close()


def test_a_licence_that_forbids_to_pass_on_wants_a_tick(
    open_app: Callable[..., AppTest],
    template: Path,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copytree(template, home / "cells")
    header = {
        "architecture": "test_efficientnet",
        "preprocessing": json.dumps(Preprocessing(64).to_dict()),
        "title": "Borrowed",
        "licence": "CC BY-NC-ND 4.0",
    }
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    save_file(network.state_dict(), tmp_path / "borrowed.safetensors", header)
    project = Project.open("cells")
    project.embed(backbone=str(tmp_path / "borrowed.safetensors"), workers=1)
    rows = project.store.images()
    project.labels.add({row.id: str(row.reference) for row in rows}, annotator="kim")
    project.close()
    started: list[list[str]] = []
    monkeypatch.setattr(
        "fewshot_lab.jobs.start", lambda folder, verb, options: started.append(options)
    )

    app = open_app("export.py", "cells")
    assert "must not be passed on" in words(app)
    (write,) = (button for button in app.button if button.label == "Write the bundle")
    assert write.disabled
    tick = next(box for box in app.checkbox if "licence" in box.label)
    tick.check().run()
    (write,) = (button for button in app.button if button.label == "Write the bundle")
    write.click().run()
    assert not app.exception
    ((_, *options),) = started
    assert options[:3] == ["--zip", "--licence-accepted", "--accepted-by"]
    assert options[3]


@pytest.mark.parametrize(
    ("value", "text"), [(1e-7, "less than 0.00001"), (3.2e-5, "at most 0.00003")]
)
def test_the_difference_reads_without_exponents(value: float, text: str) -> None:
    assert difference(value).endswith(text)


def test_a_bundle_is_opened_only_when_it_is_downloaded(tmp_path: Path) -> None:
    opener = Opener(tmp_path / "bundle.zip")
    (tmp_path / "bundle.zip").write_bytes(b"zip")
    with opener() as file:
        assert file.read() == b"zip"


def test_predictions_as_a_table() -> None:
    odds = {"mono": 0.75, "lympho": 0.25}
    answer = ImagePrediction(
        "a,b.png", "mono", odds, "0.webp", (), False, ("mono", "lympho"), False, 0.61, "Close."
    )
    predictions = StoredPredictions("bundle", ["mono", "lympho"], {}, [answer], [], False)
    rows = list(csv.DictReader(io.StringIO(predictions_table(predictions).decode("utf-8-sig"))))
    assert rows == [
        {
            "path": "a,b.png",
            "predicted": "mono",
            "probability": "0.750000",
            "p_mono": "0.750000",
            "p_lympho": "0.250000",
            "decision": "referred",
            "prediction_set": "mono|lympho",
            "unlike": "no",
            "similarity": "0.6100",
            "why": "Close.",
        }
    ]


def test_an_answer_shows_the_most_probable_classes_first_and_escapes_names(tmp_path: Path) -> None:
    (tmp_path / "0.webp").write_bytes(b"")
    answer = ImagePrediction("<x>.png", "b<i>", {"a": 0.2, "b<i>": 0.8}, "0.webp", ())
    html = answer_html(answer, {}, "", tmp_path)
    assert html.index("b&lt;i&gt;") < html.index("'low' title='a'")
    assert "<x>" not in html


def test_a_reason_that_all_referred_images_share_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "0.webp").write_bytes(b"")

    def referred(why: str, unlike: bool = False) -> ImagePrediction:
        odds = {"mono": 0.75, "lympho": 0.25}
        return ImagePrediction("a.png", "mono", odds, "0.webp", (), False, (), unlike, 0.6, why)

    few, other = referred("No threshold yet."), referred("Another kind.", unlike=True)
    assert shared_reason([few, few, other]) == "No threshold yet."
    assert shared_reason([few, referred("60 % is too little."), few]) == ""
    assert shared_reason([few]) == ""
    assert "No threshold yet." in answer_html(few, {}, "", tmp_path)
    assert "No threshold" not in answer_html(few, {}, "", tmp_path, "No threshold yet.")
    assert "Another kind." in answer_html(other, {}, "", tmp_path, "No threshold yet.")


def test_what_is_unlike_anything_labelled_shows_no_class_in_large_letters(tmp_path: Path) -> None:
    (tmp_path / "0.webp").write_bytes(b"")
    odds = {"covid": 0.86, "normal": 0.14}
    why = "Unlike anything labelled: another kind of picture, by its light, colours or texture."
    answer = ImagePrediction(
        "slide.png", "covid", odds, "0.webp", (), False, ("covid",), True, 0.4, why
    )
    html = answer_html(answer, {}, "", tmp_path)
    headline = html[html.index("<h2>") : html.index("</h2>")]
    assert "covid" not in html and "Unlike anything labelled" in headline
    assert "Another kind of picture, by its light" in html and "Referred to a person" in html


class Dropped(io.BytesIO):
    """A file as the browser hands it over."""

    name = "a.png"


def test_another_tab_does_not_delete_what_is_being_predicted(home: Path) -> None:
    """Predictions are forgotten when new images are dropped, but never those still being made."""
    project = Project.create("blood")
    bundle(project.folder / "exports" / "first", "2026-03-01T10:00:00+00:00")
    first = start(project.folder, project.folder / "exports" / "first", [Dropped(b"pixels")])
    second = start(project.folder, project.folder / "exports" / "first", [Dropped(b"pixels")])
    try:
        assert (folder_of(first) / "sources.json").is_file()
        assert (folder_of(second) / "sources.json").is_file()
    finally:
        first.stop(force=True)
        second.stop(force=True)
    project.close()


def test_predict_says_that_a_bundle_is_being_written(
    open_app: Callable[..., AppTest], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.create("blood")
    run = project.folder / "jobs" / "1"
    run.mkdir(parents=True)
    about = {"verb": "export", "project": "blood", "args": [], "command": []}
    (run / "job.json").write_text(json.dumps(about))
    project.close()
    running = jobs.Job("1", "export", run, [])
    monkeypatch.setattr("fewshot_lab.jobs.running", lambda folder, verb=None: [running])
    monkeypatch.setattr("fewshot_lab.ui.work.show", lambda job: None)
    assert "A bundle of this project is being written" in words(open_app("predict.py", "blood"))
