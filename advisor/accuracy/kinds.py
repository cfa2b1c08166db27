"""What each kind of model is compared by: one row for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from advisor.accuracy.estimate import Neighbours, neighbours
from advisor.accuracy.scores import ScoredPairs, scored_pairs
from advisor.types import ModelKind, Similarity

Comparison = Neighbours | ScoredPairs
"""What the baseline gave, ready for candidates to be compared with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBy:
    """How losses of one kind of model are estimated."""

    scores: bool
    """Whether a row is the scores of a pair of texts, and no embedding."""
    zeros: bool
    """Whether a row of zeros can be meant."""
    drift: bool
    """Whether it is also measured how far embeddings moved (`drift`)."""

    def prepare(self, reference: NDArray[Any], texts: Sequence[str], by: Similarity) -> Comparison | None:
        """From the baseline's rows of distinct `texts`, compared `by`; None where there are too few."""
        return scored_pairs(reference, texts) if self.scores else neighbours(reference, by=by)


COMPARED_BY: Mapping[ModelKind, ComparedBy] = {
    "embedding": ComparedBy(scores=False, zeros=False, drift=True),
    "cross-encoder": ComparedBy(scores=True, zeros=True, drift=False),
    "sparse-encoder": ComparedBy(scores=False, zeros=True, drift=False),
}
