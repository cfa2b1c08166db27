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
tenth of the range of similarities counts the same. `docs/accuracy.md` compares it with losses on labels.

Similar is what the model's own similarity function says: it is what ranks and thresholds go by.

Cosine to the baseline's embedding is no such estimate: a rotation of all embeddings ruins it and changes no similarity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.levels import level_out, levels_of
from advisor.accuracy.ranks import Ranked
from advisor.accuracy.rows import NAMES, comparable
from advisor.encode.similarity import all_pairs, row_by_row
from advisor.types import Fidelity, Similarity

MIN_TEXTS = 8
"""Fewer distinct texts than this give no estimate: 8 texts make at most 28 pairs."""

MIN_TEXTS_FOR_INTERVAL = 32
"""Fewer distinct texts than this give an estimate without an interval: a bootstrap of so few clusters is too narrow
(Cameron, Gelbach & Miller 2008, https://doi.org/10.1162/rest.90.3.414, find it so under about 30)."""

_SAME_TEXT = 1 - 1e-6
"""Cosine under fp32 from which two texts count as one (same tokens after normalisation)."""

_NUMBERS_AT_ONCE = 1 << 24
"""Of the rows of pairs: sparse ones have tens of thousands each."""

RESAMPLES = 400
RESAMPLES_AT_ONCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """The pairs that losses are estimated on, found once for one set of reference embeddings.

    `left` and `right` are both ends of every pair, `(num_pairs,)`, as rows of what was given; `similarities` are the
    reference's.
    """

    distinct: NDArray[np.intp]
    """The rows that count: of texts that the reference embeds alike, the first."""
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    similarities: NDArray[np.float64]
    k: int
    by: Similarity
    """What they are similar by."""
    num_texts: int

    def loss(
        self,
        candidate: NDArray[Any],
        *,
        other: NDArray[Any] | None = None,
        among: NDArray[np.bool_] | None = None,
        seed: int = 0,
    ) -> Fidelity | None:
        """The estimated relative loss of `candidate`, `(num_texts, dimension)`, row-aligned with the reference.

        The range of the pairs' similarities is cut into ten equal parts, and the pairs weigh so that every part that
        holds any weighs the same. The value is `1 - rho`, rho being Spearman's with these weights and average ranks for
        ties: 0 for the same order, up to 2. Where the candidate gives all pairs one similarity, rho is undefined and
        the loss is 1. The candidate's dimension may differ from the reference's.

        `other` are embeddings for the second text of each pair, where those of one text depend on something else: on
        the batch, or on what made them. `among`, `(num_texts,)`, leaves only the pairs with one of these texts, and is
        None for all; the result is None where they are of fewer than `MIN_TEXTS` texts.

        The 95 % interval is the percentile interval of a bootstrap that resamples texts, not pairs, as pairs share
        texts: a pair weighs the product of its two texts' multiplicities (the pigeonhole bootstrap; Owen 2007,
        https://doi.org/10.1214/07-AOAS122, who shows that it is conservative). There is none under
        `MIN_TEXTS_FOR_INTERVAL` distinct texts.

        Raises ValueError if the numbers of rows differ.
        """
        for rows in (candidate, candidate if other is None else other):
            if len(rows) != self.num_texts:
                raise ValueError(f"{self.num_texts} reference embeddings cannot be compared with {len(rows)}")
        left, right, similarities = self.left, self.right, self.similarities
        inside = self.distinct if among is None else self.distinct[among[self.distinct]]
        if len(inside) < MIN_TEXTS:
            return None
        if among is not None:
            wanted = among[left] | among[right]
            left, right, similarities = left[wanted], right[wanted], similarities[wanted]
        ranked = Ranked(similarities, self._between(candidate, candidate if other is None else other, left, right))
        levels = levels_of(similarities)
        value = 1.0 - float(ranked.rho(level_out(np.ones((1, len(left))), levels))[0])
        ci95 = None
        if len(inside) >= MIN_TEXTS_FOR_INTERVAL:
            ci95 = interval(self._resampled(ranked, left, right, levels, seed), value)
        return Fidelity(
            value=value,
            ci95=ci95,
            method="estimated",
            metric=f"1 - Spearman rho of {NAMES[self.by]} over {self.k} nearest neighbours, all levels of similarity "
            "weighted the same",
            by=self.by,
            num_texts=self.num_texts if among is None else int(among.sum()),
        )

    def _between(
        self, asked: NDArray[Any], stored: NDArray[Any], left: NDArray[np.intp], right: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """The similarities of the pairs."""
        ours = comparable(asked, self.by)
        other = ours if stored is asked else comparable(stored, self.by)
        at_once = max(1, _NUMBERS_AT_ONCE // ours.shape[1])
        parts = [slice(start, start + at_once) for start in range(0, len(left), at_once)]
        return np.concatenate([row_by_row(self.by, ours[left[part]], other[right[part]]) for part in parts])

    def _resampled(
        self,
        ranked: Ranked,
        left: NDArray[np.intp],
        right: NDArray[np.intp],
        levels: NDArray[np.float64],
        seed: int,
    ) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        num_texts = len(self.distinct)
        drawn = rng.multinomial(num_texts, np.full(num_texts, 1 / num_texts), size=RESAMPLES).astype(np.float64)
        counts = np.zeros((RESAMPLES, int(self.distinct[-1]) + 1))
        counts[:, self.distinct] = drawn
        return np.concatenate(
            [
                1.0 - ranked.rho(level_out(part[:, left] * part[:, right], levels))
                for part in np.split(counts, RESAMPLES // RESAMPLES_AT_ONCE)
            ]
        )


def neighbours(reference: NDArray[Any], *, by: Similarity = "cosine", k: int = 10) -> Neighbours | None:
    """The pairs of every text with its `min(k, n - 1)` most similar ones under `reference`, `(num_texts, dimension)`.

    `by` is the model's similarity. Each unordered pair stands once; texts that `reference` embeds alike count once.
    None for fewer than `MIN_TEXTS` distinct texts.
    """
    if len(reference) < MIN_TEXTS:
        return None
    similar = _all(reference, "cosine")
    distinct = np.flatnonzero(~np.any(np.tril(similar, -1) > _SAME_TEXT, axis=1))
    if len(distinct) < MIN_TEXTS:
        return None
    k = min(k, len(distinct) - 1)
    if by != "cosine":
        similar = _all(reference, by)
    similar = similar[np.ix_(distinct, distinct)]
    left, right = _neighbour_pairs(similar, k)
    return Neighbours(
        distinct=distinct,
        left=distinct[left],
        right=distinct[right],
        similarities=similar[left, right],
        k=k,
        by=by,
        num_texts=len(reference),
    )


def _all(embeddings: NDArray[Any], by: Similarity) -> NDArray[np.float64]:
    rows = comparable(embeddings, by)
    return all_pairs(by, rows, rows)


def _neighbour_pairs(similar: NDArray[np.float64], k: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Both ends of every pair of a text and one of its `k` nearest, each unordered pair once."""
    near = nearest(similar, k)
    left, right = np.nonzero(np.triu(near | near.T, 1))
    return left, right


def nearest(similar: NDArray[np.float64], k: int) -> NDArray[np.bool_]:
    """For each row of `similar`, `(num_texts, num_texts)`, which `k` others are most similar to it."""
    others = similar.copy()
    np.fill_diagonal(others, -np.inf)
    near = np.zeros(similar.shape, dtype=np.bool_)
    near[np.arange(len(similar))[:, None], np.argpartition(-others, k - 1, axis=1)[:, :k]] = True
    return near


def interval(losses: NDArray[np.float64], *values: float) -> tuple[float, float]:
    """The 95 % percentile interval of resampled losses, widened so that it holds `values`."""
    ends = (*np.quantile(losses, (0.025, 0.975)).tolist(), *values)
    return min(ends), max(ends)
