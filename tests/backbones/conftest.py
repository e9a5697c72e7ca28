"""Networks with random weights, and pixels to feed them."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from .checkpoints import shaken


@pytest.fixture(scope="session")
def vit() -> nn.Module:
    return shaken("vit_small_patch16_224")


@pytest.fixture(scope="session")
def xcit() -> nn.Module:
    return shaken("xcit_small_12_p8_224")


@pytest.fixture(scope="session")
def pixels() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8, generator=generator)


@pytest.fixture
def home_cache(home: Path) -> Path:
    return home / ".backbones"
