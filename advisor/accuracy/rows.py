"""Embeddings as they are compared: by the similarity of their model (Sentence Transformers' `util/similarity.py`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.types import Similarity

NAMES: Mapping[Similarity, str] = {
    "cosine": "cosine similarity",
    "dot": "the dot product",
    "euclidean": "Euclidean distance",
    "manhattan": "Manhattan distance",
}


def comparable(embeddings: NDArray[Any], by: Similarity) -> NDArray[np.float64]:
    """`embeddings`, `(num_texts, dimension)`, as `similarities` takes them: for cosines every row of length 1."""
    return unit_rows(embeddings) if by == "cosine" else embeddings.astype(np.float64)


def similarities(by: Similarity, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row of `a` with the same row of `b`, or with its only one: `(num_rows,)`. Greater is more similar."""
    similar: NDArray[np.float64]
    if by == "euclidean":
        similar = -np.linalg.norm(a - b, axis=1)
    elif by == "manhattan":
        similar = -np.abs(a - b).sum(axis=1)
    else:
        similar = np.einsum("ij,ij->i", a, b)
    return similar


def all_similarities(by: Similarity, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of all rows of `a` with all rows of `b`: `(num_a, num_b)`."""
    if by in ("cosine", "dot"):
        products: NDArray[np.float64] = a @ b.T
        return products
    return np.stack([similarities(by, b, row[None]) for row in a])


def unit_rows(embeddings: NDArray[Any]) -> NDArray[np.float64]:
    """`embeddings`, `(num_texts, dimension)`, with every row of length 1, so that a dot product is a cosine; a row of
    zeros stays one."""
    wide = embeddings.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return unit
