"""One graph computes what backbone and classifier compute, whatever the classifier."""

import numpy as np
import pytest
import torch
from torch import nn

from fewshot_lab.classifiers import TITLES, fit
from fewshot_lab.export.classifier_onnx import classifier_graph
from fewshot_lab.export.onnx_graph import backbone_graph, join, open_session, run, serialise
from fewshot_lab.export.skops_file import dump

pytestmark = pytest.mark.slow

D = 24


class Tiny(nn.Module):
    """A backbone in miniature: 8-bit pixels in, ``D`` numbers out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(3, D, 5, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.head = nn.Linear(4 * D, D)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.head(self.net(pixels.permute(0, 3, 1, 2).float() / 255 - 0.5))


@pytest.fixture(scope="module")
def pictures():
    """Return 60 noisy pictures of three colours and their classes."""
    rng = np.random.default_rng(0)
    y = np.repeat([3, 7, 12], 20)
    base = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200]])[np.repeat([0, 1, 2], 20)]
    noise = rng.normal(0, 60, (60, 32, 32, 3)) + rng.normal(0, 60, (60, 1, 1, 3))
    return np.clip(base[:, None, None] + noise, 0, 255).astype(np.uint8), y


@pytest.fixture(scope="module")
def model():
    return Tiny().eval()


@pytest.fixture(scope="module")
def embedded(model, pictures):
    """Return the embeddings as the app stores them: fp16."""
    with torch.inference_mode():
        return model(torch.from_numpy(pictures[0])).numpy().astype(np.float16)


@pytest.fixture(scope="module")
def body(model):
    return backbone_graph(model, 32)


@pytest.mark.parametrize("name", [n for n in TITLES if n != "paper-knn"])
@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_the_apps(name, classes, body, pictures, embedded):
    X, y = embedded.astype(np.float32), pictures[1]
    keep = np.isin(y, np.unique(y)[:classes])
    fitted = fit(X[keep], y[keep], name=name)
    estimator = fitted.to_sklearn()
    assert [int(c) for c in estimator.classes_] == [int(c) for c in fitted.class_ids]
    graph = join(body, classifier_graph(estimator, D), classes)
    session = open_session(serialise(graph))
    found, embedding = run(session, pictures[0], ["probabilities", "embedding"])
    assert found.shape == (60, classes)
    assert np.abs(found - fitted.probabilities(X)).max() < 1e-4
    assert np.array_equal(embedding, embedding.astype(np.float16).astype(np.float32))


def test_the_papers_nearest_neighbours_differ_on_what_they_have_seen(body, pictures, embedded):
    """Why every export is checked: at distance 0 the converted classifier goes wrong."""
    fitted = fit(embedded.astype(np.float32), pictures[1], name="paper-knn")
    graph = join(body, classifier_graph(fitted.to_sklearn(), D), 3)
    found = run(open_session(serialise(graph)), pictures[0], ["probabilities"])[0]
    assert np.abs(found - fitted.probabilities(embedded.astype(np.float32))).max() > 1e-4


@pytest.mark.parametrize("n", [1, 2, 7])
def test_any_number_of_pictures(n, body, model, pictures):
    session = open_session(serialise(body))
    found = run(session, pictures[0][:n], ["embedding"])[0]
    with torch.inference_mode():
        expected = model(torch.from_numpy(pictures[0][:n])).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_graph_holds_no_path_of_this_machine(body, model):
    text = serialise(body)
    assert b"site-packages" not in text
    assert __file__.encode() not in text
    assert b"Tiny" not in text


def test_the_same_backbone_and_classifier_give_the_same_bytes(body, model, pictures, embedded):
    assert serialise(backbone_graph(model, 32)) == serialise(body)
    estimator = fit(embedded.astype(np.float32), pictures[1], name="rbf-svm").to_sklearn()
    assert serialise(classifier_graph(estimator, D)) == serialise(classifier_graph(estimator, D))
    assert dump(estimator) == dump(estimator)


def test_a_cached_graph_needs_no_model(tmp_path, model, body):
    cache = tmp_path / "kept" / "graph.onnx"
    backbone_graph(model, 32, cache=cache)
    assert serialise(backbone_graph(None, 32, cache=cache)) == serialise(body)


@pytest.mark.parametrize("name", TITLES)
def test_the_scikit_learn_form_comes_back_as_it_went(name, pictures, embedded):
    import skops.io

    X, y = embedded.astype(np.float32), pictures[1]
    fitted = fit(X, y, name=name)
    data, trusted = dump(fitted.to_sklearn())
    assert all(t.startswith("sklearn.") for t in trusted)
    loaded = skops.io.loads(data, trusted=trusted)
    np.testing.assert_allclose(loaded.predict_proba(X), fitted.probabilities(X), atol=1e-5)
    assert set(loaded.predict(X)) <= {3, 7, 12}
