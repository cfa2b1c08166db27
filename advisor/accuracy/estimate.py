"""The relative accuracy loss without labels: one minus a rank correlation over nearest-neighbour pairs.

Why this estimates the loss: a candidate that adds noise to the similarities, independent of any gold standard, scales
its rank correlation with that gold standard by rho, the rank correlation between its similarities and fp32's (the
attenuation formula; Spearman 1904, "The proof and measurement of association between two things",
https://doi.org/10.2307/1412159). So `1 - rho` is the relative loss, provided that rho is taken over pairs whose order
matters, and over a range like the gold standard's.

Which pairs: random pairs are almost all unrelated; those that a search or a threshold decides about are near
neighbours, hence each text with its k nearest under fp32. In a sample most of these are only distantly related, and
a correlation over so narrow a range comes out too low (restriction of range; Thorndike 1949), the more so the smaller
the sample. Labelled data spread over all degrees of similarity (STS Benchmark was drawn so), hence the weights: every
tenth of the range of similarities counts the same. `docs/measuring.md` compares it with losses on labels.

Cosine to the baseline's embedding is no such estimate: a rotation of all embeddings ruins it and changes no similarity.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.types import Fidelity

MIN_TEXTS = 8
"""Fewer distinct texts than this give no estimate: 8 texts make at most 28 pairs."""

MIN_TEXTS_FOR_INTERVAL = 32
"""Fewer distinct texts than this give an estimate without an interval: a bootstrap of so few clusters is too narrow
(Cameron, Gelbach & Miller 2008, https://doi.org/10.1162/rest.90.3.414, find it so under about 30)."""

_SAME_TEXT = 1 - 1e-6
"""Cosine under fp32 from which two texts count as one (same tokens after normalisation)."""

_LEVELS = 10
"""Equal parts of the range of similarities that count the same."""

_RESAMPLES = 400
_RESAMPLES_AT_ONCE = 50


def estimate_loss(
    reference: NDArray[np.float32], candidate: NDArray[np.float32], *, k: int = 10, seed: int = 0
) -> Fidelity | None:
    """The estimated relative loss of `candidate` against `reference`, both `(num_texts, dimension)` and row-aligned.

    The pairs are every text with its `min(k, n - 1)` nearest neighbours by cosine under `reference`, each unordered
    pair once; texts that `reference` embeds alike count once. The range of the pairs' similarities is cut into ten
    equal parts, and the pairs weigh so that every part that holds any weighs the same. The value is `1 - rho`, rho
    being Spearman's with these weights and average ranks for ties: 0 for the same order, up to 2. Where the candidate
    gives all pairs one similarity, rho is undefined and the loss is 1. The two widths may differ.

    The 95 % interval is the percentile interval of a bootstrap that resamples texts, not pairs, as pairs share
    texts: a pair weighs the product of its two texts' multiplicities (the pigeonhole bootstrap; Owen 2007,
    https://doi.org/10.1214/07-AOAS122, who shows that it is conservative). Under `MIN_TEXTS_FOR_INTERVAL` distinct
    texts there is no interval, under `MIN_TEXTS` the result is None.

    Raises ValueError if the numbers of rows differ.
    """
    if len(reference) != len(candidate):
        raise ValueError(f"{len(reference)} reference embeddings cannot be compared with {len(candidate)}")
    if len(reference) < MIN_TEXTS:
        return None
    unit_reference = _unit(reference)
    cosines = unit_reference @ unit_reference.T
    distinct = np.flatnonzero(~np.any(np.tril(cosines, -1) > _SAME_TEXT, axis=1))
    num_texts = len(distinct)
    if num_texts < MIN_TEXTS:
        return None
    k = min(k, num_texts - 1)
    cosines = cosines[np.ix_(distinct, distinct)]
    left, right = _neighbour_pairs(cosines, k)
    unit_candidate = _unit(candidate)[distinct]
    similarities = cosines[left, right]
    ranked = _Ranked(similarities, np.einsum("ij,ij->i", unit_candidate[left], unit_candidate[right]))
    levels = _levels(similarities)

    value = 1.0 - float(ranked.rho(_level_out(np.ones((1, len(left))), levels))[0])
    ci95 = None
    if num_texts >= MIN_TEXTS_FOR_INTERVAL:
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(num_texts, np.full(num_texts, 1 / num_texts), size=_RESAMPLES).astype(np.float64)
        losses = np.concatenate(
            [
                1.0 - ranked.rho(_level_out(part[:, left] * part[:, right], levels))
                for part in np.split(counts, _RESAMPLES // _RESAMPLES_AT_ONCE)
            ]
        )
        low, high = np.quantile(losses, (0.025, 0.975))
        ci95 = (min(float(low), value), max(float(high), value))
    return Fidelity(
        value=value,
        ci95=ci95,
        method="estimated",
        metric=f"1 - Spearman rho of cosine similarity over {k} nearest neighbours of {num_texts} texts, "
        "all levels of similarity weighted the same",
    )


def _unit(embeddings: NDArray[Any]) -> NDArray[np.float64]:
    wide = embeddings.astype(np.float64)
    unit: NDArray[np.float64] = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
    return unit


def _neighbour_pairs(cosines: NDArray[np.float64], k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Both ends of every pair of a text and one of its `k` nearest, each unordered pair once."""
    n = len(cosines)
    others = cosines.copy()
    np.fill_diagonal(others, -np.inf)
    nearest = np.argpartition(-others, k - 1, axis=1)[:, :k]
    near = np.zeros((n, n), dtype=bool)
    near[np.arange(n)[:, None], nearest] = True
    left, right = np.nonzero(np.triu(near | near.T, 1))
    return left, right


def _levels(similarities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which level each pair is on, `(pairs, levels)` of 0 and 1."""
    edges = np.linspace(similarities.min(), similarities.max(), _LEVELS + 1)[1:-1]
    return np.eye(_LEVELS)[np.digitize(similarities, edges)]


def _level_out(weights: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """`weights`, `(resamples, pairs)`, scaled so that every level with any weight has the same total."""
    totals = weights @ levels
    scale = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    levelled: NDArray[np.float64] = weights * (scale @ levels.T)
    return levelled


class _Ranked:
    """Two paired variables, sorted once, whose weighted Spearman correlation is then cheap for many weightings."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        self._groups = tuple(_tie_groups(values) for values in (x, y))

    def rho(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Spearman's rho for each row of `weights`, `(resamples, pairs)` -> `(resamples,)`.

        A weight stands for that many copies of the pair, which tie: their common rank is the average one. Only the
        proportions of a row matter.
        """
        total = weights.sum(axis=1, keepdims=True)
        centred = []
        for order, starts, group_of in self._groups:
            group_weight = np.add.reduceat(weights[:, order], starts, axis=1)
            mid_rank = np.cumsum(group_weight, axis=1) - group_weight / 2
            centred.append((mid_rank - total / 2)[:, group_of])
        x, y = centred
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
