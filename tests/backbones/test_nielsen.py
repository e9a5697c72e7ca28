"""Nielsen et al. 2023: pictures are resized as published, in the app and in a bundle."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fewshot_lab.backbones import find
from fewshot_lab.embeddings import ImageItem
from fewshot_lab.embeddings.decoding import decode
from fewshot_lab.export.predict_script import predict_py

from .checkpoints import head


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """Return a JPEG so large that it would be decoded at a smaller scale."""
    y, x = np.mgrid[0:1300, 0:1700]
    noise = np.random.default_rng(0).integers(0, 90, (1300, 1700, 3))
    rgb = np.stack([x % 256, y % 256, (x * y) % 256], axis=2) // 2 + noise
    Image.fromarray(rgb.astype(np.uint8)).save(tmp_path / "photograph.jpg", quality=95)
    return tmp_path / "photograph.jpg"


def published(file: Path) -> np.ndarray:
    """Return what the published code feeds: nothing but Pillow."""
    return np.array(Image.open(file).convert("RGB").resize((256, 256), Image.NEAREST))


def test_the_embedding_is_that_of_the_published_steps(
    home_cache: Path, photograph: Path, xcit: nn.Module
) -> None:
    home_cache.mkdir(parents=True)
    state = {f"backbone.{key}": value for key, value in xcit.state_dict().items()} | head()
    torch.save(state, home_cache / "pretrained_bm.pt")
    backbone = find("nielsen2023-bone-marrow")
    pixels = decode(ImageItem("a", photograph), backbone.preprocessing)
    assert isinstance(pixels, np.ndarray)
    assert np.array_equal(pixels, published(photograph))
    values = torch.tensor(published(photograph)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = xcit((values - 0.5) / 0.5)
        got = backbone.load()(torch.tensor(pixels)[None])
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_a_bundles_predict_py_reads_the_same_pixels(
    tmp_path: Path, photograph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "predict.py"
    file.write_text(predict_py(), "utf-8")
    spec = importlib.util.spec_from_file_location("bundle_of_nielsen", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    classifier = module.Classifier.__new__(module.Classifier)
    values = find("nielsen2023-endoscopy").preprocessing.to_dict()
    classifier.preprocessing = module.Preprocessing.from_dict(values)
    classifier._read = module.decode
    assert np.array_equal(classifier.prepare(photograph), published(photograph))
