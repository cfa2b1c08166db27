"""How far embeddings moved, in figures that need no statistics: neighbours kept, cosines, old vectors among new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.estimate import Neighbours, nearest
from advisor.accuracy.rows import comparable, unit_rows
from advisor.encode.similarity import all_pairs
from advisor.types import Drift, LengthLoss, Similarity

NUM_MOVED = 5
_K = 10


def drift(
    reference: NDArray[Any],
    candidate: NDArray[Any],
    pairs: Neighbours,
    *,
    alone: NDArray[Any] | None = None,
    ranges: Sequence[tuple[int, int | None, Sequence[int]]] = (),
    seed: int = 0,
) -> Drift:
    """What `candidate` did to the texts that `reference` embeds, both `(num_texts, dimension)` and row-aligned.

    `pairs` are the reference's neighbours. `alone` are the candidate's embeddings of the same texts, each in a batch of
    its own. `ranges` are ranges of lengths: characters from, to (None: no upper end), and the rows of their texts.

    Old vectors among new ones: a random half of the texts keeps the reference's vectors as stored ones, as an index
    does that is filled on with the candidate's, and all queries are the candidate's.
    """
    unit_reference, unit_candidate = (unit_rows(each)[pairs.distinct] for each in (reference, candidate))
    cosines = np.einsum("ij,ij->i", unit_reference, unit_candidate)
    ours, theirs = (comparable(each, pairs.by) for each in (reference, candidate))
    kept = _kept(ours[pairs.distinct], theirs[pairs.distinct], pairs.by)
    order = np.argsort(cosines, kind="stable")
    if alone is None:
        batch_cosine_min = None
    else:
        unit_alone = unit_rows(alone)[pairs.distinct]
        batch_cosine_min = _at_most_one(np.einsum("ij,ij->i", unit_candidate, unit_alone).min())
    mixed = None
    if reference.shape == candidate.shape:
        old = np.random.default_rng(seed).random(len(reference)) < 0.5
        mixed = pairs.loss(candidate, other=np.where(old[:, None], ours, theirs), seed=seed)
    return Drift(
        num_texts=len(pairs.distinct),
        top10_overlap=float(kept.mean()),
        top10_overlap_p05=float(np.quantile(kept, 0.05, method="lower")),
        cosine_median=_at_most_one(np.median(cosines)),
        cosine_min=_at_most_one(cosines.min()),
        batch_cosine_min=batch_cosine_min,
        mixed=mixed,
        by_length=_by_length(candidate, pairs, alone=alone, ranges=ranges, seed=seed),
        most_moved=tuple(int(pairs.distinct[row]) for row in order[:NUM_MOVED]),
    )


def _by_length(
    candidate: NDArray[Any],
    pairs: Neighbours,
    *,
    alone: NDArray[Any] | None,
    ranges: Sequence[tuple[int, int | None, Sequence[int]]],
    seed: int,
) -> tuple[LengthLoss, ...]:
    found = []
    for min_chars, max_chars, members in ranges:
        among = np.zeros(len(candidate), dtype=np.bool_)
        among[list(members)] = True
        loss = pairs.loss(candidate, other=alone, among=among, seed=seed)
        if loss is not None:
            share = len(members) / len(candidate)
            found.append(
                LengthLoss(min_chars=min_chars, max_chars=max_chars, share=share, value=loss.value, ci95=loss.ci95)
            )
    return tuple(found)


def _kept(reference: NDArray[np.float64], candidate: NDArray[np.float64], by: Similarity) -> NDArray[np.float64]:
    """The share of each text's nearest under the reference that are among its nearest under the candidate."""
    k = min(_K, len(reference) - 1)
    ours, theirs = (nearest(all_pairs(by, each, each), k) for each in (reference, candidate))
    shares: NDArray[np.float64] = (ours & theirs).sum(axis=1) / k
    return shares


def _at_most_one(cosine: Any) -> float:
    """A cosine without the last bits by which rounding lifts it over 1."""
    return min(float(cosine), 1.0)
