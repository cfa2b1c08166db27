"""Similarities between embeddings, as Sentence Transformers defines them (`util/similarity.py`). Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.encode.modules import Similarity
from advisor.encode.pooling import Floats, normalize


def similarity(name: Similarity, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """All similarities between the rows of `a` and those of `b`: `(num_a, num_b)` float32. Greater is more similar.

    A single embedding counts as one row. Euclidean and Manhattan are negative distances.
    """
    left = np.atleast_2d(np.asarray(a, dtype=np.float32))
    right = np.atleast_2d(np.asarray(b, dtype=np.float32))
    match name:
        case "cosine":
            return _dot(normalize(left), normalize(right))
        case "dot":
            return _dot(left, right)
        case "euclidean":
            squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1) - 2 * _dot(left, right)
            return -np.sqrt(np.maximum(squares, 0))
        case "manhattan":
            result = np.empty((len(left), len(right)), np.float32)
            for row, embedding in enumerate(left):
                result[row] = -np.abs(right - embedding).sum(axis=1)
            return result


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = a @ b.T
    return product
