"""Similarities between embeddings, as Sentence Transformers defines them (`util/similarity.py`). Pure."""

from __future__ import annotations

from typing import Any

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
    if name == "cosine":
        left, right = normalize(left), normalize(right)
    return all_pairs(name, left, right)


def all_pairs(name: Similarity, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Of all rows of `a` with all rows of `b`: `(num_a, num_b)`, in the type of `a`. For cosines rows have length 1.

    Distances are taken one row of `a` at a time: exact where embeddings are close, and small in memory.
    """
    if name in ("cosine", "dot"):
        product: NDArray[Any] = a @ b.T
        return product
    found = np.empty((len(a), len(b)), a.dtype)
    for position, row in enumerate(a):
        found[position] = row_by_row(name, b, row[None])
    return found


def row_by_row(name: Similarity, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Of each row of `a` with the same row of `b`, or with its only one: `(num_rows,)`. For cosines as `all_pairs`."""
    found: NDArray[Any]
    match name:
        case "cosine" | "dot":
            found = np.einsum("ij,ij->i", a, b)
        case "euclidean":
            found = -np.sqrt(np.square(a - b).sum(axis=1))
        case "manhattan":
            found = -np.abs(a - b).sum(axis=1)
    return found


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
