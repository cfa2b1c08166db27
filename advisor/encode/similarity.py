"""Similarities between embeddings, as Sentence Transformers defines them (`util/similarity.py`). Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from advisor.encode.pooling import Floats, normalize
from advisor.errors import InputError
from advisor.types import Similarity


def similarity(name: Similarity, a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """All similarities between the rows of `a` and those of `b`: `(num_a, num_b)` float32. Greater is more similar.

    A single embedding counts as one row. Euclidean and Manhattan are negative distances. Raises InputError for what is
    no embeddings, or of different dimensions.
    """
    left, right = _rows(a), _rows(b)
    check_widths(left.shape[1], right.shape[1])
    match name:
        case "cosine":
            return _dot(normalize(left), normalize(right))
        case "dot":
            return _dot(left, right)
        case "euclidean":
            return _by_row(left, right, lambda difference: np.sqrt(np.square(difference).sum(axis=1)))
        case "manhattan":
            return _by_row(left, right, lambda difference: np.abs(difference).sum(axis=1))


def check_widths(left: int, right: int) -> None:
    """Raise InputError unless both embeddings have as many dimensions."""
    if left != right:
        raise InputError(
            f"Embeddings of {left} dimensions cannot be compared with embeddings of {right}.",
            hint="Embed both with the same model and the same truncate_dim.",
        )


def _rows(embeddings: ArrayLike) -> Floats:
    try:
        rows = np.atleast_2d(np.asarray(embeddings, dtype=np.float32))
    except (TypeError, ValueError):
        raise InputError(
            f"similarity takes embeddings, as encode gives them, not a {type(embeddings).__name__} that holds other "
            "things than numbers in rows of one length."
        ) from None
    if rows.ndim > 2:
        raise InputError(f"similarity takes embeddings of shape (num_texts, dimension), not {rows.shape}.")
    return rows


def _by_row(a: Floats, b: Floats, distance: Callable[[Floats], Floats]) -> Floats:
    """Negative distances, one row of `a` at a time: exact where embeddings are close, and small in memory."""
    result = np.empty((len(a), len(b)), np.float32)
    for row, embedding in enumerate(a):
        result[row] = -distance(b - embedding)
    return result


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = a @ b.T
    return product
