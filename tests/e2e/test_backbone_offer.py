"""Another backbone is offered on the label page, taken by one click, and left by another."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from fewshot_lab.backbones import EMBEDDED, find
from fewshot_lab.embeddings.shards import write_shard
from fewshot_lab.project import Project

from .conftest import press, until
from .test_label_page import Open, labelled, to_images

PER_CLASS = 12


@pytest.fixture
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home whose server compares backbones unasked, as it does outside the tests."""
    monkeypatch.setenv("FEWSHOT_LAB_COMPARE", "1")
    return home


def embed_as_if(project: Project, backbone: str, truth: dict[str, int], signal: float) -> None:
    """Store embeddings in which two classes lie apart by a signal, and a map of them."""
    rng = np.random.default_rng(len(backbone))
    X = rng.normal(size=(len(truth), 24))
    X[:, 0] += signal * (2 * np.array(list(truth.values())) - 1)
    fingerprint = find(backbone).fingerprint
    folder = project.folder / "embeddings" / fingerprint
    vectors = X.astype(np.float16)
    write_shard(folder, list(truth), vectors, [], fingerprint=fingerprint, dtype="float32")
    with project.through(backbone) as view:
        view.make_map()


def test_it_comes_with_the_labels_and_goes_back_with_a_click(
    project: Project, open_label_page: Open
) -> None:
    used, worse, better = EMBEDDED
    ids = [i for i in project.store.ids() if i not in project.store.audit_ids()]
    # Classes that no picture shows: the backbone in use can do no better than chance.
    coins = np.random.default_rng(0).integers(0, 2, len(project.store.ids()))
    truth = dict(zip(project.store.ids(), coins.tolist(), strict=True))
    embed_as_if(project, worse, truth, 0)
    embed_as_if(project, better, truth, 3)
    project.labels.add({i: "ab"[truth[i]] for i in ids[: 2 * PER_CLASS]}, "kim")
    page: Page = open_label_page()
    offer = page.get_by_label("Another backbone")
    expect(offer).to_be_hidden()

    to_images(page)
    press(page, "1")
    until(lambda: labelled(project) == 2 * PER_CLASS + 1, "the label is stored")
    expect(offer).to_contain_text("tells your classes apart better", timeout=120_000)
    expect(offer).to_contain_text("points (")
    assert project.backbone_name == used

    labels = project.store.labels()
    offer.get_by_role("button", name="Switch to it").click()
    until(lambda: project.backbone_name == better, "one click switches")
    expect(offer).to_contain_text("is in use now. Labels stayed as they were.", timeout=60_000)
    assert project.store.labels() == labels

    offer.get_by_role("button", name="Go back").click()
    until(lambda: project.backbone_name == used, "one click goes back")
    expect(offer).to_be_hidden(timeout=60_000)
    assert project.store.labels() == labels
