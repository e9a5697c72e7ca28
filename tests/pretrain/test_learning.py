"""It learns: from random weights, on drawn cells, in minutes on two cores."""

from pathlib import Path

import pytest

from fewshot_lab.pretrain import read_metrics

from .conftest import MakeRun, drawn, train_run

pytestmark = pytest.mark.exhaustive


@pytest.mark.timeout(600)
def test_knn_gains_ten_points_over_random_weights(
    make_run: MakeRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images: Path = drawn(tmp_path_factory.mktemp("many"), 2000)
    folder = make_run(
        images=images,
        backbone="test_resnet",
        steps=150,
        batch_size=64,
        local_crops=4,
        prototypes=256,
        head_hidden=256,
        head_bottleneck=64,
        learning_rate=5e-3,
        head_learning_rate=5e-3,
        warmup_steps=20,
        ema_start=0.98,
        log_steps=10,
        check_steps=50,
        checkpoint_steps=150,
    )
    train_run(folder)
    checks = [row for row in read_metrics(folder) if row["kind"] == "check"]
    start, best = checks[0]["knn"], max(row["knn"]["value"] for row in checks)
    assert best > start["value"] + 0.10
    assert best > start["high"]
