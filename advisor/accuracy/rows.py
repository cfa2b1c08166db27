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
    """`embeddings`, `(num_texts, dimension)`, in float64: for cosines every row of length 1."""
    return unit_rows(embeddings) if by == "cosine" else embeddings.astype(np.float64)


def unit_rows(embeddings: NDArray[Any]) -> NDArray[np.float64]:
    """`embeddings`, `(num_texts, dimension)`, with every row of length 1, so that a dot product is a cosine; a row of
    zeros stays one."""
    wide = embeddings.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return unit
