"""What turns embeddings into the short vectors that are compared."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.classifiers.preparation import Block, Preparation
from fewshot_lab.files import npz_bytes


@dataclass(frozen=True)
class Reduction:
    """A pool's preparation and leading axes, which stay what they are when images come.

    Attributes
    ----------
    prepare : Preparation
    rotation : array (d, p)
    """

    prepare: Preparation
    rotation: NDArray[np.float32]

    def __call__(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return what is compared of embeddings (n, d): vectors (n, p)."""
        return self.prepare(X) @ self.rotation

    def to_bytes(self, **more: Any) -> bytes:
        """Return it, and more arrays, as the content of an npz file."""
        blocks = self.prepare.blocks
        about = [
            {
                "columns": [block.columns.start, block.columns.stop],
                "gain": block.gain,
                "scaled": block.scale is not None,
                "exponent": block.exponent,
                "weight": block.weight,
            }
            for block in blocks
        ]
        arrays = more | {"rotation": self.rotation}
        for k, block in enumerate(blocks):
            arrays[f"centre {k}"] = block.centre
            if block.scale is not None:
                arrays[f"scale {k}"] = block.scale
        text = json.dumps({"width": self.prepare.width, "blocks": about})
        return npz_bytes(about=np.array(text), **arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Reduction:
        """Read what :meth:`to_bytes` returned.

        Raises
        ------
        ValueError, KeyError, OSError, zipfile.BadZipFile
            For anything else.
        """
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            blocks = tuple(
                Block(
                    columns=slice(*block["columns"]),
                    gain=block["gain"],
                    centre=stored[f"centre {k}"],
                    scale=stored[f"scale {k}"] if block["scaled"] else None,
                    exponent=block["exponent"],
                    weight=block["weight"],
                )
                for k, block in enumerate(about["blocks"])
            )
            return cls(Preparation(blocks, about["width"]), stored["rotation"])
