"""Embeddings as directions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def unit_rows(embeddings: NDArray[Any]) -> NDArray[np.float64]:
    """`embeddings`, `(num_texts, dimension)`, with every row of length 1, so that a dot product is a cosine; a row of
    zeros stays one."""
    wide = embeddings.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return unit
