"""Whether embeddings are fit to be compared at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_embeddings(
    embeddings: NDArray[Any], *, num_texts: int, dimension: int | None, zeros: bool = False
) -> str | None:
    """Why `embeddings` cannot be used, as a sentence without its full stop; None if they can.

    `embeddings` should be a `(num_texts, dimension)` array of finite numbers, no row of which is zero; `dimension`
    None accepts any width. Models that overflow in half precision give NaN or Inf, and a zero row has no cosine: only
    scores may be zero (`zeros`).
    """
    if embeddings.ndim != 2 or embeddings.shape[0] != num_texts or dimension not in (None, embeddings.shape[1]):
        width = "any" if dimension is None else str(dimension)
        return f"its embeddings have the shape {embeddings.shape}, expected ({num_texts}, {width})"
    if not np.issubdtype(embeddings.dtype, np.floating):
        return f"its embeddings have the dtype {embeddings.dtype}, expected a floating-point one"
    for name, bad in (("NaN", np.isnan(embeddings)), ("Inf", np.isinf(embeddings)), ("only zeros", embeddings == 0)):
        if zeros and name == "only zeros":
            continue
        rows = int(np.count_nonzero(bad.all(axis=1) if name == "only zeros" else bad.any(axis=1)))
        if rows:
            return f"{rows} of its {num_texts} embeddings contain {name}"
    return None
