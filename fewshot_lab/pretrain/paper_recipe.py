"""The recipe of Nielsen et al. 2023, in the units of its authors.

The values are in ``paper_recipe.toml``, read from their code, sparsam at commit 9457ae3; where that
says more than the published weights can hold (a fourth layer of the head), the weights count.
"""

import tomllib
from pathlib import Path
from typing import Any

_PAPER = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
ON_GPU = {"precision": "bf16", "compile": True, "device_views": True, "workers": -1}
"""Not theirs: how this loop runs where it runs fast."""


def paper_values(n_images: int, batch_size: int, epochs: float, device: str) -> dict[str, Any]:
    """Return the values, their epochs as steps over so many images.

    Their loader leaves out the images that do not fill a last batch: so an epoch has whole batches.
    """
    epoch = max(1, n_images // batch_size)
    durations = {name: number * epoch for name, number in _PAPER["epochs"].items()}
    return {
        **_PAPER["values"],
        **(ON_GPU if device.startswith("cuda") else {}),
        "batch_size": batch_size,
        "steps": max(1, round(epochs * epoch)),
        **durations,
    }
