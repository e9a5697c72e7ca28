"""A small project of drawn cells, embedded and labelled once for all tests here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fewshot_lab.export import export_bundle
from fewshot_lab.images.demo import draw_demo
from fewshot_lab.project import Project, TrainedClassifier

SHOTS = 4


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 72 drawn cells, a folder per type."""
    folder = tmp_path_factory.mktemp("cells")
    draw_demo(folder, n=72)
    return folder


@pytest.fixture(scope="session")
def project(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project with 8 types of cell, 4 labels each, and 8 labelled audit images."""
    made = Project.create("cells", home=tmp_path_factory.mktemp("exports"))
    made.import_images(cells, reference_labels="folders")
    made.embed(workers=1)
    by_type: dict[str, list[str]] = {}
    for row in made.store.images():
        by_type.setdefault(str(row.reference), []).append(row.id)
    made.labels.add(
        {i: name for name, ids in by_type.items() for i in ids[:SHOTS]}, annotator="kim"
    )
    audit = [ids[SHOTS] for ids in by_type.values()]
    made.store.draw_audit(audit, pool_size=len(made.store.ids()))
    made.labels.add({ids[SHOTS]: name for name, ids in by_type.items()}, annotator="robin")
    yield made
    made.close()


@pytest.fixture(scope="session")
def classifier(project: Project) -> TrainedClassifier:
    """Return the classifier of the project's labels."""
    return project.fit()


@pytest.fixture(scope="session")
def bundle(classifier: TrainedClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an exported bundle of the project, with its ZIP beside it."""
    folder = tmp_path_factory.mktemp("bundles") / "cells-classifier"
    export_bundle(classifier.project, folder, classifier=classifier, zip=True)
    return folder
