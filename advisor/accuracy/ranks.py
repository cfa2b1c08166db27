"""Spearman's rank correlation with weights, for many weightings of the same pairs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Ranked:
    """Two paired variables, sorted once, whose weighted Spearman correlation is then cheap for many weightings."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        self._groups = [_tie_groups(values) for values in (x, y)]

    def rho(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Spearman's rho for each row of `weights`, `(resamples, pairs)` -> `(resamples,)`.

        A weight stands for that many copies of the pair, which tie: their common rank is the average one. Only the
        proportions of a row matter. It is 0 where one of the two variables is constant.
        """
        x, y = (_centred_ranks(weights, *groups) for groups in self._groups)
        covariance = (weights * x * y).sum(axis=1)
        scale = np.sqrt((weights * x * x).sum(axis=1) * (weights * y * y).sum(axis=1))
        rho: NDArray[np.float64] = np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0)
        return np.clip(rho, -1.0, 1.0)


def _tie_groups(values: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """The sorting order, where each group of equal values starts in it, and the group of each value."""
    order = np.argsort(values, kind="stable")
    is_start = np.concatenate(([True], np.diff(values[order]) > 0))
    group_of = np.empty(len(values), dtype=np.intp)
    group_of[order] = np.cumsum(is_start) - 1
    return order, np.flatnonzero(is_start), group_of


def _centred_ranks(
    weights: NDArray[np.float64], order: NDArray[np.intp], starts: NDArray[np.intp], group_of: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Weighted average ranks less their mean, `(resamples, pairs)`."""
    group_weight = np.add.reduceat(weights[:, order], starts, axis=1)
    mid_rank = np.cumsum(group_weight, axis=1) - group_weight / 2
    ranks: NDArray[np.float64] = (mid_rank - weights.sum(axis=1, keepdims=True) / 2)[:, group_of]
    return ranks
