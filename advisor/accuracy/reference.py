"""The loss of a candidate that computes what the baseline computes: checked on a few texts, not estimated on many.

A float32 file was compared with PyTorch when it was exported. What is left to check is the way from a text to an
embedding (tokenizer, graph, pooling), and an error there shows on every text.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.types import Fidelity


def checked_loss(reference: NDArray[Any], candidate: NDArray[Any]) -> Fidelity:
    """How far `candidate` is from `reference`, both `(num_texts, dimension)` of the same texts, each encoded alone.

    The value is the largest absolute difference over the largest absolute value of `reference`.
    """
    wide = reference.astype(np.float64)
    largest = max(float(np.abs(wide).max()), float(np.finfo(np.float64).tiny))
    return Fidelity(
        value=float(np.abs(candidate.astype(np.float64) - wide).max()) / largest,
        ci95=None,
        method="checked",
        metric="largest difference on the reference texts",
        num_texts=len(reference),
    )
