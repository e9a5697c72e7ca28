"""What is exported predicts what the app shows."""

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from fewshot_lab.backbones import Parts
from fewshot_lab.classifiers import fit
from fewshot_lab.classifiers.preparation import Preparation, first_columns

NAMES = ["stack", "lda", "logreg", "rbf-svm", "paper-svm", "paper-logreg"]
CASES = [
    ((20, 20), False),
    ((20, 12, 16), True),
    pytest.param((6,) * 9, False, marks=pytest.mark.slow),
]


def case(blobs, sizes, positive):
    X, y = blobs(sizes, d=12, spread=1.5, positive=positive)
    more = blobs(sizes, d=12, spread=1.5, seed=1, positive=positive)[0]
    return X, y, more


@pytest.mark.parametrize("name", [*NAMES, "paper-knn"])
@pytest.mark.parametrize(("sizes", "positive"), CASES)
def test_sklearn(blobs, name, sizes, positive):
    X, y, more = case(blobs, sizes, positive)
    fitted = fit(X, y, name=name)
    estimator = fitted.to_sklearn()
    np.testing.assert_allclose(estimator.predict_proba(more), fitted.probabilities(more), atol=1e-5)
    assert list(estimator.classes_) == list(fitted.class_ids)
    if name != "paper-svm":  # libsvm's vote need not be its most probable class
        assert (estimator.predict(more) == fitted.predict(more)).mean() > 0.99


# skl2onnx reads SVC.probA_ and probB_, which scikit-learn 1.9 deprecates.
@pytest.mark.filterwarnings("ignore:Attribute `prob[AB]_` was deprecated:FutureWarning")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("sizes", "positive"), CASES)
def test_onnx(blobs, name, sizes, positive):
    import onnxruntime
    from skl2onnx import to_onnx

    X, y, more = case(blobs, sizes, positive)
    fitted = fit(X, y, name=name)
    estimator = fitted.to_sklearn()
    options = {id(estimator): {"zipmap": False}}
    model = to_onnx(estimator, X[:1].astype(np.float32), options=options)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {session.get_inputs()[0].name: more.astype(np.float32)})[1]
    np.testing.assert_allclose(found, fitted.probabilities(more), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, "paper-knn"])
def test_skops(blobs, name, tmp_path):
    import skops.io

    X, y, more = case(blobs, (20, 20, 20), True)
    fitted = fit(X, y, name=name)
    skops.io.dump(fitted.to_sklearn(), tmp_path / "classifier.skops")
    types = skops.io.get_untrusted_types(file=tmp_path / "classifier.skops")
    assert all(t.split(".")[0] == "sklearn" for t in types)
    again = skops.io.load(tmp_path / "classifier.skops", trusted=types)
    np.testing.assert_allclose(again.predict_proba(more), fitted.probabilities(more), atol=1e-5)


@pytest.mark.parametrize(
    "steps",
    [
        lambda X: first_columns(1_000, X.shape[1]),
        lambda X: Preparation.of(X, Parts((("final", 1_000), ("stage 2", 9_000)))).sklearn_steps(),
    ],
    ids=["some columns", "parts"],
)
def test_columns_are_written_as_arrays(steps):
    """skops writes a list of 10,000 columns number by number: megabytes, and seconds."""
    import skops.io

    X = np.random.default_rng(0).normal(size=(5, 10_000)).astype(np.float32)
    pipeline = Pipeline(steps(X))
    data = skops.io.dumps(pipeline)
    assert len(data) < 1_500_000
    again = skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    assert np.array_equal(again.transform(X), pipeline.transform(X))
