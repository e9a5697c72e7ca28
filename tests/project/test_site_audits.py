"""Labels of another site's images, as an audit of it."""

import json

import numpy as np
import pytest

from fewshot_lab.cli.main import run
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.evaluation import site_audit
from fewshot_lab.project import Project, audit_site, site_audits
from fewshot_lab.stats import wilson
from fewshot_lab.store import NewImage

N = 200


@pytest.fixture
def project(home):
    """Two kinds of image, told apart without error; sixty are drawn, and all labelled."""
    rng = np.random.default_rng(0)
    kind = np.arange(N) % 2
    X = rng.normal(size=(N, 12)) + 6 * np.eye(2, 12)[kind]
    with Project.create("home") as made:
        made.store.add_images(
            [NewImage(f"{i:020x}", f"{i}.png", f"{i}.png", 0, 8, 8, 1, 1) for i in range(N)]
        )
        write_shard(
            made.embedding_folder,
            [f"{i:020x}" for i in range(N)],
            X.astype(np.float16),
            [],
            fingerprint=made.backbone.fingerprint,
            dtype="float32",
        )
        made.audit.draw(60)
        made.labels.add({f"{i:020x}": ("blast", "other")[kind[i]] for i in range(N)}, "kim")
        yield made


def csvs(folder, right, n, labels=("blast", "other")):
    """Write a filled-in list and the predictions: the first ``right`` images are right."""
    folder.mkdir(exist_ok=True)
    listed = [f"p{i}.png,{labels[i % 2]},P{i // 3}" for i in range(n)] + ["later.png,,P1"]
    predicted = [f"p{i}.png,{labels[(i + (i >= right)) % 2]}" for i in range(n)]
    (folder / "label.csv").write_text("\n".join(["path,label,patient", *listed]))
    (folder / "predictions.csv").write_text("\n".join(["path,predicted", *predicted]))
    return folder / "label.csv", folder / "predictions.csv"


def test_it_says_how_right_it_is_there_and_at_home(project, tmp_path):
    found = audit_site(project, "Clinic B", *csvs(tmp_path / "b", 32, 45))
    expected = wilson(32, 45)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx((expected.low, expected.high))
    assert found.home.value == 1.0
    assert found.lower.value == pytest.approx(1 - 32 / 45)
    assert found.sentence.startswith("At Clinic B it is right in 71 % (57–82, n = 45), at home in ")
    assert found.sentence.endswith("points lower there.")
    audit_site(project, "Clinic C", *csvs(tmp_path / "c", 45, 45))
    again = audit_site(project, "Clinic B", *csvs(tmp_path / "b", 44, 45))
    assert "do not tell the two apart" in again.sentence
    assert [one["site"] for one in site_audits(project)] == ["Clinic C", "Clinic B"]


def test_images_of_one_patient_are_not_independent(project, tmp_path):
    files = csvs(tmp_path / "b", 32, 45)
    alone, together = (audit_site(project, "B", *files, column) for column in ("", "patient"))
    assert together.accuracy.value == alone.accuracy.value
    width = [i.high - i.low for i in (alone.accuracy, together.accuracy)]
    assert width[1] > 1.2 * width[0]


def test_doubts_are_left_out_and_slips_of_the_pen_are_named(project, tmp_path):
    files = csvs(tmp_path / "b", 45, 45)
    plain = audit_site(project, "B", *files)
    listed = files[0].read_text().replace("p0.png,blast", "p0.png,unsure")
    files[0].write_text(listed.replace("p1.png,other", "p1.png,othr").replace("P2\n", "\n"))
    found = audit_site(project, "B", *files, "patient")
    assert (found.accuracy.n, plain.accuracy.n) == (44, 45)
    assert found.accuracy.value == pytest.approx(43 / 44)
    assert found.sentence.endswith("Not a class of the classifier, so counted as wrong: othr.")
    assert "counted as wrong" not in plain.sentence
    assert "counted as wrong: othr" in site_audits(project)[0]["sentence"]


def test_a_class_that_is_not_known_counts_as_wrong():
    found = site_audit("B", {"a": "Blast", "b": "mast cell"}, {"a": "blast", "b": "blast"}, None)
    assert found.accuracy.value == 0.5
    assert found.sentence.endswith("No audit image has been labelled at home to compare with.")


def test_bad_files_are_a_sentence_and_keep_nothing(project, tmp_path):
    labels, predictions = csvs(tmp_path / "b", 32, 45)
    with pytest.raises(FewshotLabError, match="Give the site a name"):
        audit_site(project, " ", labels, predictions)
    with pytest.raises(FewshotLabError, match="has no column predicted"):
        audit_site(project, "B", labels, labels)
    (tmp_path / "x.csv").write_text("path,predicted\nelsewhere.png,blast\n")
    with pytest.raises(FewshotLabError, match=r"No image labelled in label\.csv is in x\.csv"):
        audit_site(project, "B", labels, tmp_path / "x.csv")
    assert site_audits(project) == []


def test_at_the_terminal(project, tmp_path, capsys):
    labels, predictions = csvs(tmp_path / "b", 32, 45)
    verb = ["evaluate", "site-audit", "home"]
    assert run(verb) == 0
    assert "No other site was audited yet." in capsys.readouterr().out
    files = ["--labels", str(labels), "--predictions", str(predictions)]
    assert run([*verb, "Clinic B", *files, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["sites"]
    assert one["accuracy"]["n"] == 45
    assert one["site"] == "Clinic B"
    assert run([*verb, "Clinic B"]) == 1
    assert "Give both --labels and --predictions" in capsys.readouterr().err
