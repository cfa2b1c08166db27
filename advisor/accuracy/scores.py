"""The relative accuracy loss of a cross-encoder without labels: one minus a rank correlation of its scores.

The argument is that of `estimate`: noise that is independent of a gold standard scales the rank correlation with it by
rho, here between the scores that fp32 gives to pairs of texts and those that the candidate gives. The pairs are the
user's, so none need be searched for. They are weighted so that every tenth of the range of scores counts the same: most
pairs that a first search finds are of one kind, and a correlation over a narrow range comes out too low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.estimate import MIN_TEXTS, MIN_TEXTS_FOR_INTERVAL, RESAMPLES, RESAMPLES_AT_ONCE, interval
from advisor.accuracy.levels import level_out, levels_of
from advisor.accuracy.ranks import Ranked
from advisor.pairs import split
from advisor.types import Fidelity


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPairs:
    """The reference's scores of pairs."""

    reference: NDArray[np.float64]
    """`(num_pairs, num_labels)`, as `_comparable` makes them."""
    group: NDArray[np.intp]
    """`(num_pairs,)`: pairs with the same first text are of one group, for they are scored alike."""
    num_groups: int

    def loss(
        self,
        candidate: NDArray[Any],
        *,
        other: NDArray[Any] | None = None,
        among: NDArray[np.bool_] | None = None,
        seed: int = 0,
    ) -> Fidelity | None:
        """The estimated loss of `candidate`'s logits, `(num_pairs, num_labels)`: 1 - rho, the mean of all labels' rho.

        `other` are its logits of the same pairs in other batches: both are ranked together, so that what batches change
        counts as loss. `among`, `(num_pairs,)`, leaves only these pairs; the result is None where they are fewer than
        `MIN_TEXTS`.

        The 95 % interval is the percentile interval of a bootstrap over the distinct first texts (the queries), each
        with all its pairs. There is none where they are fewer than `MIN_TEXTS_FOR_INTERVAL`.
        """
        reference, group, scores = self.reference, self.group, [_comparable(candidate)]
        if other is not None:
            scores.append(_comparable(other))
            reference, group = np.concatenate([reference] * 2), np.concatenate([group] * 2)
        ours = np.concatenate(scores)
        if among is not None:
            wanted = np.concatenate([among] * len(scores))
            reference, group, ours = reference[wanted], group[wanted], ours[wanted]
        num_pairs = len(ours) // len(scores)
        if num_pairs < MIN_TEXTS:
            return None
        labels = [(Ranked(theirs, own), levels_of(theirs)) for theirs, own in zip(reference.T, ours.T, strict=True)]

        def losses(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            rhos = [ranked.rho(level_out(weights, levels)) for ranked, levels in labels]
            found: NDArray[np.float64] = 1.0 - np.mean(rhos, axis=0)
            return found

        value = float(losses(np.ones((1, len(ours))))[0])
        ci95 = None
        present = np.unique(group)
        if len(present) >= MIN_TEXTS_FOR_INTERVAL:
            counts = np.zeros((RESAMPLES, self.num_groups))
            even = np.full(len(present), 1 / len(present))
            counts[:, present] = np.random.default_rng(seed).multinomial(len(present), even, size=RESAMPLES)
            drawn = np.concatenate(
                [losses(part[:, group]) for part in np.split(counts, RESAMPLES // RESAMPLES_AT_ONCE)]
            )
            ci95 = interval(drawn, value)
        mean = "" if len(labels) == 1 else f", mean of {len(labels)} labels"
        return Fidelity(
            value=value,
            ci95=ci95,
            method="estimated",
            metric=f"1 - Spearman rho of the scores of pairs of texts, all levels of score weighted the same{mean}",
            num_texts=num_pairs,
        )


def scored_pairs(reference: NDArray[Any], pairs: Sequence[str]) -> ScoredPairs | None:
    """What losses are estimated on, from the baseline's logits of distinct `pairs` (as `advisor.pairs` writes them).

    None for fewer than `MIN_TEXTS` pairs. Raises ValueError if the numbers of rows differ.
    """
    if len(reference) != len(pairs):
        raise ValueError(f"{len(reference)} rows of scores do not fit {len(pairs)} pairs")
    if len(pairs) < MIN_TEXTS:
        return None
    groups: dict[str, int] = {}
    group = [groups.setdefault(split(pair)[0], len(groups)) for pair in pairs]
    return ScoredPairs(reference=_comparable(reference), group=np.array(group, dtype=np.intp), num_groups=len(groups))


def _comparable(logits: NDArray[Any]) -> NDArray[np.float64]:
    """A single logit as it is; of several their log-probabilities, since what all have in common says nothing."""
    wide: NDArray[np.float64] = logits.astype(np.float64)
    if wide.shape[1] == 1:
        return wide
    shifted = wide - wide.max(axis=1, keepdims=True)
    comparable: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return comparable
