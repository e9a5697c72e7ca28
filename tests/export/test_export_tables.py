"""Labels and predictions of a project as CSV."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.exchange import write_out
from fewshot_lab.export import labels_csv, parse_moment, predictions_csv

pytestmark = pytest.mark.slow


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_predictions_have_a_row_per_file(project, classifier):
    rows = read(predictions_csv(project, classifier=classifier))
    wanted = ["image", "path", "label", "annotator", "split"]
    wanted += ["predicted", "probability", "is_training", "log"]
    assert list(rows[0]) == wanted
    assert [row["path"] for row in rows] == [file.path for file in project.store.files()]
    names = {row.name for row in project.store.classes()}
    assert {row["predicted"] for row in rows} <= names
    assert all(1 / len(names) <= float(row["probability"]) <= 1 for row in rows)
    assert {row["log"] for row in rows} == {str(project.store.log_head())}
    training = set(project.training_set().ids)
    for row in rows:
        assert (row["is_training"] == "true") == (row["image"] in training)
        assert (row["split"] == "audit") == (row["image"] in project.store.audit_ids())


def test_labels_can_be_read_back(project):
    rows = read(labels_csv(project))
    current = project.store.labels()
    names = {row.id: row.name for row in project.store.classes()}
    assert {row["image"]: row["label"] for row in rows} == {
        image_id: names[label.class_id] for image_id, label in current.items()
    }
    assert {row["annotator"] for row in rows} == {"kim", "robin"}


def test_labels_of_a_past_moment(project):
    start = project.store.events()[0].time - timedelta(seconds=1)
    assert {row["log"] for row in read(labels_csv(project))} == {str(project.store.log_head())}
    assert read(labels_csv(project, at=start)) == []
    early = read(labels_csv(project, at=project.store.position() - 1))
    assert 0 < len(early) < len(read(labels_csv(project)))
    assert early[0]["log"].startswith(f"{project.store.position() - 1}:")


def test_moments_are_positions_or_times():
    assert parse_moment("12") == 12
    assert parse_moment("2026-05-01T14:30:00+00:00") == datetime(2026, 5, 1, 14, 30, tzinfo=UTC)
    with pytest.raises(FewshotLabError, match="neither"):
        parse_moment("yesterday")


def test_label_studio_sees_predictions_but_for_the_audit(classifier, tmp_path) -> None:
    project = classifier.project
    file = tmp_path / "tasks.json"
    written = write_out(project, file, "label-studio", classifier=classifier)
    audit = {row.path for row in project.store.images(sorted(project.store.audit_ids()))}
    written_tasks = json.loads(file.read_text())
    tasks = {unquote(t["data"]["image"].partition("d=")[2]): t for t in written_tasks}
    assert {path for path, task in tasks.items() if "predictions" not in task} == audit
    assert written.predictions == len(tasks) - len(audit)
    by_path = {row["path"]: row for row in read(predictions_csv(project, classifier=classifier))}
    for path in tasks.keys() - audit:
        (predicted,) = tasks[path]["predictions"]
        assert predicted["score"] == float(by_path[path]["probability"])
        assert predicted["result"][0]["value"]["choices"] == [by_path[path]["predicted"]]
        assert project.store.log_head().hash[:16] in predicted["model_version"]
