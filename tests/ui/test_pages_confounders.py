"""The part of Evaluate that asks whether it is the disease or the site."""

import csv

import numpy as np
import pytest

from fewshot_lab.images import ManifestColumns
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.live import LiveSession
from fewshot_lab.project import Project, confounders_of, confounding_of, strategy_of
from fewshot_lab.ui.evaluate import confounders
from fewshot_lab.words import limits_of

from .conftest import words

pytestmark = pytest.mark.slow


@pytest.fixture
def cells(home, tmp_path):
    """Return a labelled project of 64 drawn cells with a site and a serial number each."""
    draw_demo(tmp_path / "cells", n=64)
    files = sorted((tmp_path / "cells").rglob("*.png"))
    rng = np.random.default_rng(0)
    with (tmp_path / "m.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["file", "class", "site", "serial"])
        for k, file in enumerate(files):
            row = [file.relative_to(tmp_path), file.parent.name, "AB"[rng.integers(2)], f"S{k}"]
            writer.writerow(row)
    with Project.create("cells") as project:
        project.import_images(
            tmp_path / "m.csv",
            columns=ManifestColumns("file", "class", metadata=("site", "serial")),
        )
        project.embed(workers=1)
        project.labels.add({r.id: str(r.reference) for r in project.store.images()}, annotator="k")
        yield project
    LiveSession.of(project).close()


def opened(open_app):
    app = open_app("evaluate.py", "cells")
    app.session_state["view"] = "confounders"
    app.run()
    return app


def test_a_suspect_is_named_and_looked_at(open_app, cells):
    app = opened(open_app)
    assert not app.exception
    assert "recognise the hospital" in words(app)
    (columns,) = app.multiselect
    assert columns.options == ["site", "serial"]
    columns.select("site").run()
    assert not app.exception
    assert confounders_of(cells) == ["site"]
    session = LiveSession.of(cells)
    for _ in range(60):
        if session.snapshot.cv is not None:
            break
        session.wait(session.snapshot.rev, 1.0)
    app.run()
    assert not app.exception
    fitted, ids = session.snapshot.fitted, session.snapshot.cv.ids
    (report,) = confounding_of(cells, fitted, ids)
    text = words(app).replace("\u00a0", " ")
    assert report["sentence"] in text
    for value in report["values"]:
        assert limits_of(value["accuracy"]) in text
    (gaps,) = (toggle for toggle in app.toggle if toggle.label == "Suggestions fill gaps first")
    gaps.set_value(True).run()
    assert strategy_of(cells)["strategy"] == "gaps"


def test_a_column_that_cannot_be_compared_is_refused_in_a_sentence(open_app, cells):
    app = opened(open_app)
    app.multiselect[0].select("serial").run()
    assert "64 different values" in words(app)
    assert confounders_of(cells) == []


def test_names_are_text_and_nothing_stands_without_its_interval(monkeypatch):
    drawn = []
    monkeypatch.setattr(confounders.st, "html", drawn.append)
    monkeypatch.setattr(confounders.st, "header", drawn.append)
    report = {
        "column": "site",
        "sentence": "All have the same site, <b>A</b>.",
        "warnings": [],
        "findings": [],
        "telling": None,
    }
    confounders.draw(report)
    assert "&lt;b&gt;A&lt;/b&gt;" in drawn[1]
    assert len(drawn) == 2
