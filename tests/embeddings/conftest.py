"""A very small backbone and pictures to feed it."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from fewshot_lab.backbones import Backbone, Preprocessing, find
from fewshot_lab.embeddings import ImageItem


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    """timm's test network with random weights, at 32 px."""
    torch.manual_seed(0)
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=0)
    path = tmp_path_factory.mktemp("backbone") / "tiny.safetensors"
    metadata = {
        "architecture": "test_efficientnet",
        "preprocessing": json.dumps(Preprocessing(32).to_dict()),
    }
    save_file(network.state_dict(), path, metadata=metadata)
    return find(path)


def draw(folder: Path, count: int, start: int = 0) -> list[ImageItem]:
    """Write small PNGs, no two alike."""
    folder.mkdir(parents=True, exist_ok=True)
    items = []
    for number in range(start, start + count):
        random = np.random.default_rng(number)
        small = random.integers(0, 256, (6, 6, 3), np.uint8)
        path = folder / f"{number:05d}.png"
        Image.fromarray(small).resize((40, 36), Image.Resampling.BICUBIC).save(path)
        items.append(ImageItem(f"{number:020x}", path))
    return items


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[ImageItem]:
    return draw(tmp_path_factory.mktemp("pictures"), 60)


@pytest.fixture(scope="session")
def clusters() -> tuple[npt.NDArray[np.float16], npt.NDArray[np.int64]]:
    """600 vectors (64-d) in six clusters, and the cluster of each."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(6, 64))
    which = np.repeat(np.arange(6), 100)
    return (centres[which] + 0.35 * random.normal(size=(600, 64))).astype(np.float16), which
