"""Suspected confounders of a project: named, read from a column, found in drawn images."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from fewshot_lab.errors import FewshotLabError
from fewshot_lab.images import ManifestColumns
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import (
    Project,
    confounder_values,
    confounders_of,
    confounding_of,
    set_confounders,
    set_strategy,
    strategies_of,
    strategy_of,
)

pytestmark = pytest.mark.slow

CELLS = 160


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory):
    """Return drawn cells, two of a patient, half of the patients with less contrast."""
    base = tmp_path_factory.mktemp("confounders")
    draw_demo(base / "cells", n=CELLS)
    rng = np.random.default_rng(2)
    files = sorted((base / "cells").rglob("*.png"))
    shifted = rng.permutation(len(files) // 2 + 1) % 2
    rows = []
    for number, file in enumerate(files):
        site = "AB"[shifted[number // 2]]
        if site == "B":
            with Image.open(file) as image:
                ImageEnhance.Contrast(image.convert("RGB")).enhance(0.6).save(file)
        rows.append(
            {
                "file": str(file.relative_to(base)),
                "class": file.parent.name,
                "patient": f"P{number // 2}",
                "site": site,
                "reader": "" if number < 7 else "xy"[rng.integers(2)],
                "age": number % 71 + 5,
                "dose": number * 1.5,
                "machine": "one",
                "serial": f"S{number}",
            }
        )
    with (base / "manifest.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    made = Project.create("cells", home=base / "home")
    further = ("site", "reader", "age", "dose", "machine", "serial")
    made.import_images(
        Path(base / "manifest.csv"),
        columns=ManifestColumns("file", "class", "patient", further),
    )
    made.embed(workers=1)
    made.labels.add({row.id: str(row.reference) for row in made.store.images()}, annotator="kim")
    yield made
    made.close()


@pytest.fixture(scope="module")
def classifier(project):
    """Return the classifier of all labels."""
    return project.fit("lda")


def look(project, classifier, *columns):
    return confounding_of(project, classifier.fitted, classifier.training.ids, columns)


def test_a_shift_of_contrast_is_found_and_named(project, classifier):
    (report,) = look(project, classifier, "site")
    assert "telling" in report["named"]
    assert report["telling"]["balanced_accuracy"]["low"] > 0.6 > report["telling"]["chance"]
    assert "images of patients that it did not see" in report["findings"][0]
    assert report["sentence"].startswith("The images show their site")
    assert sum(sum(v["by_class"]) for v in report["values"]) == report["images"]


def test_a_column_drawn_at_random_is_not_named(project, classifier):
    (report,) = look(project, classifier, "reader")
    assert not report["named"]
    assert report["sentence"].startswith("Nothing points to the reader")
    assert report["missing"] == 7
    assert "7 labelled images do not say their reader: left out." in report["notes"]


def test_numbers_are_banded(project):
    ids = project.store.ids()
    value, names = confounder_values(project, "age", ids)
    assert names == ["under 20", "20 to 39", "40 to 59", "60 to 79"]
    ages = project.store.column("age")
    assert all(
        [0, 20, 40, 60][v] <= float(ages[i]) < [20, 40, 60, 80][v]
        for i, v in zip(ids, value, strict=True)
    )
    value, names = confounder_values(project, "dose", ids)
    assert len(names) == 4
    assert np.ptp(np.bincount(value)) <= 2
    assert names[0].startswith("under ")
    assert names[-1].endswith(" and over")


def test_columns_are_kept_in_the_project(project, classifier):
    assert confounders_of(project) == []
    assert confounding_of(project, classifier.fitted, classifier.training.ids) == []
    with pytest.raises(FewshotLabError, match="No suspected confounder is named"):
        project.studies.confounding()
    set_confounders(project, ["site", "age", "site"])
    try:
        assert confounders_of(project) == ["site", "age"]
    finally:
        set_confounders(project, [])
    assert confounders_of(project) == []


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("nothing", "No image has a column 'nothing'; there are: site, age"),
        ("machine", "All images with a machine have the same value, one"),
        ("serial", "160 different values: it takes few values"),
    ],
)
def test_a_column_that_cannot_be_one_is_refused_with_a_sentence(project, column, why):
    with pytest.raises(FewshotLabError, match=why):
        set_confounders(project, [column])
    assert confounders_of(project) == []


def test_gaps_are_offered_only_where_a_confounder_is_named(project):
    assert "gaps" not in strategies_of(project)
    with pytest.raises(FewshotLabError, match="needs a suspected confounder"):
        set_strategy(project, "gaps")
    set_confounders(project, ["site"])
    try:
        set_strategy(project, "gaps")
        assert strategy_of(project)["strategy"] == "gaps"
    finally:
        set_confounders(project, [])
    assert strategy_of(project)["setting"] == "auto"  # without one it means nothing
    set_strategy(project, "auto")
