"""Weights that let every level of similarity, or of score, count the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NUM_LEVELS = 10
"""Equal parts of the range that count the same."""


def levels_of(similarities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which level each pair is on, `(pairs, levels)` of 0 and 1."""
    edges = np.linspace(similarities.min(), similarities.max(), NUM_LEVELS + 1)[1:-1]
    return np.eye(NUM_LEVELS)[np.digitize(similarities, edges)]


def level_out(weights: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """`weights`, `(resamples, pairs)`, scaled so that every level with any weight has the same total."""
    totals = weights @ levels
    scale = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    levelled: NDArray[np.float64] = weights * (scale @ levels.T)
    return levelled
