"""What an exported bundle holds, when it is refused, and what is left behind."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fewshot_lab.classifiers.models import Stock
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.export import Bundle, ExportRefused, export_bundle, predict_folder, write_report
from fewshot_lab.export.bundle_place import FILES
from fewshot_lab.export.facts import _agreement
from fewshot_lab.export.templating import environment
from fewshot_lab.project import Project

# Projects of slides alone have tiles.
HELD = [name for name in FILES if name != "tiles.json"]

pytestmark = pytest.mark.slow


def read(folder, name):
    return json.loads((folder / name).read_text("utf-8"))


def test_holds_what_it_promises(bundle):
    assert sorted(p.name for p in bundle.iterdir()) == sorted(HELD)
    with zipfile.ZipFile(bundle.with_name(f"{bundle.name}.zip")) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(f"{bundle.name}/{name}" for name in HELD)


def test_nothing_is_pickled(bundle):
    for file in bundle.iterdir():
        assert file.suffix not in (".pkl", ".pickle", ".joblib", ".pt")
    with zipfile.ZipFile(bundle / "classifier.skops") as archive:
        for name in archive.namelist():
            assert not archive.read(name).startswith(b"\x80"), name


def test_classes_keep_their_ids_names_and_colours(bundle, project):
    rows = {row.id: row for row in project.store.classes()}
    classes = {found["id"]: found for found in read(bundle, "classes.json")}
    assert classes == {
        i: {"id": i, "name": row.name, "color": row.color} for i, row in rows.items()
    }


def test_labels_are_those_trained_on_and_the_audit(bundle, project):
    rows = list(csv.DictReader(io.StringIO((bundle / "labels.csv").read_text("utf-8-sig"))))
    assert [row["split"] for row in rows].count("train") == 32
    assert {r["image"] for r in rows if r["split"] == "audit"} == project.store.audit_ids()
    assert {row["label"] for row in rows} == {row.name for row in project.store.classes()}


def test_every_figure_has_its_interval_and_its_n(bundle):
    metrics = read(bundle, "metrics.json")
    for part, n in (("cross_validation", 32), ("audit", 8)):
        figure = metrics[part]["balanced_accuracy"]
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert figure["n"] == n
        assert len(metrics[part]["recall"]) == 8
        assert np.sum(metrics[part]["confusion"]["counts"]) == pytest.approx(n)


def test_the_card_says_what_must_be_known(bundle, project):
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    about = read(bundle, "bundle.json")
    for words in (
        "not a medical device",
        project.backbone.fingerprint,
        project.backbone.card.licence,
        about["data"]["log_hash"],
        about["classifier"]["sentence"],
        "Cross-validation",
        "Audit",
        "Confusion",
        "Known limits",
        "platelet",
    ):
        assert words in card


def test_a_kappa_that_cannot_be_told_is_said_in_words(tmp_path, cells):
    """Two people gave the one image they share one class: no agreement beyond chance."""
    made = Project.create("two", home=tmp_path)
    made.import_images(cells)
    shared = made.store.ids()[0]
    for annotator in ("kim", "robin"):
        made.labels.add({shared: "monocyte"}, annotator)
    words = environment(html=False).get_template("shared.jinja").module
    assert words.agreement_sentence(_agreement(made)) == (
        "Cohen's kappa cannot be measured, since all gave them one class, raw agreement 100 % "
        "(21–100), on 1 image that two or more labelled independently."
    )
    made.close()


def test_the_card_lets_no_audit_be_quoted_that_misses_a_class_or_is_too_small():
    quotability = environment(html=False).get_template("shared.jinja").module.quotability
    seen = {"recall": {"a": {"n": 3}, "b": {"n": 1}}, "labels_until_narrow": 0}
    assert quotability(seen) == "This is the figure to quote."
    few = {**seen, "labels_until_narrow": 43}
    assert quotability(few).startswith("Not yet one to quote: too few")
    assert quotability(few).endswith("43 more audit labels would do.")
    assert quotability({**seen, "labels_until_narrow": None}).startswith("Not one to quote")
    seen["recall"]["c"] = {"n": 0}
    sentence = quotability(seen)
    assert sentence.startswith("Not yet one to quote: no audit image of 1 of the 3 classes")
    assert "(c)" in sentence


def test_probabilities_are_the_ones_the_app_shows(bundle, project, classifier):
    rows = project.store.images()
    with Bundle.open(bundle) as opened:
        found = {r.path: r for r in opened.predict(project.file_of(row.id)[0] for row in rows)}
        assert opened.names == [row["name"] for row in read(bundle, "classes.json")]
    shown = classifier.probabilities([row.id for row in rows])
    assert len(found) == len(rows)
    for row, expected in zip(rows, shown, strict=True):
        got = found[str(project.file_of(row.id)[0])]
        assert np.abs(got.probabilities - expected).max() <= 1e-4
        assert got.probability == pytest.approx(expected.max(), abs=1e-4)


def test_what_a_notebook_shows_of_a_result_is_short(bundle, project, classifier, cells):
    with Bundle.open(bundle) as opened:
        row = next(opened.predict([next(cells.glob("*/*.png"))]))
    assert repr(project) == f"Project('cells', home={str(project.folder.parent)!r})"
    assert "array" not in repr(project.make_map())
    assert row.predicted in repr(row)
    assert max(len(repr(shown)) for shown in (row, classifier)) < 1500


def test_the_zip_opens_like_the_folder(bundle, cells):
    picture = next(cells.glob("*/*.png"))
    with Bundle.open(bundle) as folder, Bundle.open(bundle.with_suffix(".zip")) as packed:
        one, other = next(folder.predict([picture])), next(packed.predict([picture]))
        unpacked = packed.folder
    assert np.array_equal(one.probabilities, other.probabilities)
    assert not unpacked.exists()


def test_an_export_again_replaces_a_bundle_by_the_same_but_for_the_time(bundle, project, tmp_path):
    """Also when the classifier is fitted again; and what a killed export left goes."""
    shutil.copytree(bundle, tmp_path / bundle.name)
    (tmp_path / bundle.name / "MODEL_CARD.md").write_text("old")
    killed, at_work = tmp_path / ".one.00c0ffee.part", tmp_path / ".one.decade00.part"
    for folder in (killed, at_work):
        folder.mkdir()
        (folder / "model.onnx").write_bytes(b"half")
    os.utime(killed, (0, time.time() - 7200))
    export_bundle(project, tmp_path / bundle.name, force=True)
    assert {p.name for p in tmp_path.iterdir()} == {bundle.name, at_work.name}
    card = (tmp_path / bundle.name / "MODEL_CARD.md").read_text("utf-8")
    assert card.startswith(f"# Model card: {project.title}\n")
    for name in HELD:
        first, second = (bundle / name).read_bytes(), (tmp_path / bundle.name / name).read_bytes()
        if name in ("bundle.json", "MODEL_CARD.md"):
            assert len(first) == len(second)
        else:
            assert first == second, name
    one, two = read(bundle, "bundle.json"), read(tmp_path / bundle.name, "bundle.json")
    assert {**one, "created": ""} == {**two, "created": ""}


def test_nearest_neighbours_are_refused_and_nothing_is_left(project, classifier, tmp_path):
    """Weighted by distance they answer from memory, which ONNX does not: see the test of it."""
    training = classifier.training
    index = np.unique(training.y, return_inverse=True)[1]
    knn = make_pipeline(StandardScaler(), KNeighborsClassifier(20, weights="distance"))
    width = training.X.shape[1]
    model = Stock(knn.fit(training.X, index), width, width)
    remembering = replace(classifier, fitted=replace(classifier.fitted, model=model))
    with pytest.raises(ExportRefused, match="differs from the app's by") as error:
        export_bundle(project, tmp_path / "knn", classifier=remembering, zip=True)
    assert any(row.path in str(error.value) for row in project.store.files())
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_says_something_else_is_refused(project, tmp_path, monkeypatch):
    """The check reads what lies on the disk: damage between writing and reading is found."""
    from fewshot_lab.export import bundle_writer

    join = bundle_writer.join

    def spoilt(body, head, n_classes):
        for tensor in head.graph.initializer:
            if tensor.float_data:
                tensor.float_data[0] += 0.5
        for node in head.graph.node:
            for attribute in node.attribute:
                if attribute.name == "intercepts":
                    attribute.floats[0] += 0.5
        return join(body, head, n_classes)

    monkeypatch.setattr(bundle_writer, "join", spoilt)
    with pytest.raises(ExportRefused, match="differs from the app's"):
        export_bundle(project, tmp_path / "spoilt", classifier=project.fit("logreg"))
    assert list(tmp_path.iterdir()) == []


def test_a_project_whose_every_image_trains(cells, tmp_path):
    """Nothing is left of the pool: the share decided and what is unlike cannot be counted on it."""
    made = Project.create("all", home=tmp_path)
    some = [cells / kind for kind in ("basophil", "monocyte", "platelet")]
    made.import_images(some, reference_labels="folders")
    made.embed(workers=1)
    made.labels.add({row.id: row.reference for row in made.store.images()}, "kim")
    classifier = made.fit("lda")
    export_bundle(made, tmp_path / "all-bundle", classifier=classifier)
    write_report(made, tmp_path / "all.html")
    made.close()
    metrics = json.loads(
        (tmp_path / "all-bundle" / "metrics.json").read_text("utf-8"), parse_constant=pytest.fail
    )
    assert metrics["probabilities"]["unlike"]["share"] == {
        "value": None, "low": 0.0, "high": 1.0, "n": 0,
    }  # fmt: skip
    card = (tmp_path / "all-bundle" / "MODEL_CARD.md").read_text("utf-8")
    assert "every image of this pool trains" in card
    with Bundle.open(tmp_path / "all-bundle") as opened:
        assert predict_folder(opened, some[0], tmp_path / "p.csv").predicted == 9


def test_refuses_without_two_classes(tmp_path, cells):
    made = Project.create("empty", home=tmp_path / "home")
    with pytest.raises(FewshotLabError, match="embed"):
        export_bundle(made, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    made.close()


def test_never_replaces_what_is_no_bundle(project, classifier, tmp_path, bundle):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("dear")
    with pytest.raises(FewshotLabError, match="not a bundle"):
        export_bundle(project, mine, classifier=classifier, force=True)
    assert (mine / "thesis.txt").read_text() == "dear"
    with pytest.raises(FewshotLabError, match="exists"):
        export_bundle(project, bundle, classifier=classifier)


def test_a_name_ending_in_zip_writes_a_zip_only(project, classifier, tmp_path):
    report = export_bundle(project, tmp_path / "one.zip", classifier=classifier)
    assert report.folder is None
    assert [p.name for p in tmp_path.iterdir()] == ["one.zip"]
    with Bundle.open(tmp_path / "one.zip") as opened:
        assert len(opened.classes) == 8


@pytest.mark.parametrize("what", ["missing", "empty", "text", "damaged"])
def test_what_is_no_bundle_is_said_in_a_sentence(what, bundle, tmp_path):
    target = tmp_path / "thing"
    if what == "empty":
        target.mkdir()
    elif what == "text":
        target = tmp_path / "thing.zip"
        target.write_text("hello")
    elif what == "damaged":
        target.mkdir()
        for name in ("classes.json", "preprocessing.json"):
            (target / name).write_bytes((bundle / name).read_bytes())
        (target / "model.onnx").write_bytes((bundle / "model.onnx").read_bytes()[:5000])
    with pytest.raises(FewshotLabError) as error:
        Bundle.open(target)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("model.onnx", None, "model.onnx is missing"),
        ("classes.json", None, "classes.json is missing"),
        ("model.onnx", b"", "model.onnx cannot be read"),
        ("classes.json", b"{", "classes.json cannot be read"),
        ("classes.json", b'[{"id": 1, "name": "a"}]', "knows 8 classes and classes.json 1"),
        ("preprocessing.json", b"[]", "preprocessing.json cannot be read"),
        ("decision.json", b"{}", "decision.json, or reference.npz with it, cannot be read"),
        ("reference.npz", b"PK", "decision.json, or reference.npz with it, cannot be read"),
        ("reference.npz", None, "decision.json, or reference.npz with it, cannot be read"),
    ],
)
def test_a_damaged_file_is_named_by_app_and_script(file, content, words, bundle, cells, tmp_path):
    target = tmp_path / "thing"
    shutil.copytree(bundle, target)
    (target / file).unlink()
    if content is not None:
        (target / file).write_bytes(content)
    with pytest.raises(FewshotLabError, match=f"thing is not a complete bundle: .*{words}"):
        Bundle.open(target)
    command = [sys.executable, target / "predict.py", cells, "--out", tmp_path / "p.csv"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert words in done.stderr and not (tmp_path / "p.csv").exists()


def test_a_zip_cannot_write_elsewhere(bundle, tmp_path):
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as archive:
        for name in HELD:
            archive.write(bundle / name, name)
        archive.writestr("../../escaped/predict.py", "boo")
        archive.writestr("../classes.json", "[]")
    with Bundle.open(evil) as opened:
        names = {p.name for p in opened.folder.iterdir()}
    assert names <= set(HELD)
    assert not (tmp_path.parent / "escaped").exists()


def test_embeddings_of_lower_precision_are_computed_again(
    project, classifier, tmp_path, monkeypatch
):
    """What a GPU embedded in bf16 is held against fp32, and the card says so."""
    monkeypatch.setattr(project.require_embeddings(), "dtype_computed", "bfloat16")
    report = export_bundle(project, tmp_path / "bundle", classifier=classifier)
    assert report.max_difference <= 1e-4
    assert "bf16" in report.note
    assert "bf16" in (tmp_path / "bundle" / "MODEL_CARD.md").read_text("utf-8")


def test_refused_where_the_images_have_gone(project, classifier, tmp_path, monkeypatch):
    monkeypatch.setattr(project, "file_of", lambda image_id: (tmp_path / "gone.png", 0))
    with pytest.raises(ExportRefused, match="only 0 of the 20 images"):
        export_bundle(project, tmp_path / "bundle", classifier=classifier)
    assert list(tmp_path.iterdir()) == []
