"""Embeddings and probabilities of pictures, row by row; of those without an embedding, NaN."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fewshot_lab.exchange.pictures import Numbers

Float = NDArray[np.float32]


def rows_of(numbers: Numbers, ids: Sequence[str]) -> tuple[Float, Float]:
    """Return embeddings (n, d) and probabilities (n, K) of pictures."""
    rows = [row for row, image_id in enumerate(ids) if image_id in numbers.embedded]
    known_ids = [ids[row] for row in rows]
    embeddings = np.full((len(ids), len(numbers.columns)), np.nan, np.float32)
    probabilities = np.full((len(ids), len(numbers.class_names)), np.nan, np.float32)
    if known_ids:
        embeddings[rows] = numbers.embeddings(known_ids)
        if numbers.class_names:
            probabilities[rows] = numbers.probabilities(known_ids)
    return embeddings, probabilities
