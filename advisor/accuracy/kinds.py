"""What each kind of model is compared by: one row for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.estimate import neighbours
from advisor.accuracy.scores import scored_pairs
from advisor.types import Fidelity, ModelKind, Similarity


class Comparison(Protocol):
    """What the baseline gave, ready for candidates to be compared with it."""

    def loss(
        self,
        candidate: NDArray[Any],
        *,
        other: NDArray[Any] | None = None,
        among: NDArray[np.bool_] | None = None,
        seed: int = 0,
    ) -> Fidelity | None:
        """The estimated loss of a candidate's rows; `other` are its rows of the same texts in other batches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedBy:
    """How losses of one kind of model are estimated."""

    prepare: Callable[[NDArray[Any], Sequence[str], Similarity], Comparison | None]
    """From the baseline's rows of distinct texts, and what they are compared by; None where there are too few."""
    zeros: bool
    """Whether a row of zeros can be meant."""
    drift: bool
    """Whether it is also told how far embeddings moved (`drift`)."""


def _neighbours(reference: NDArray[Any], texts: Sequence[str], by: Similarity) -> Comparison | None:
    return neighbours(reference, by=by)


def _scores(reference: NDArray[Any], texts: Sequence[str], by: Similarity) -> Comparison | None:
    return scored_pairs(reference, texts)


COMPARED_BY: Mapping[ModelKind, ComparedBy] = {
    "embedding": ComparedBy(prepare=_neighbours, zeros=False, drift=True),
    "cross-encoder": ComparedBy(prepare=_scores, zeros=True, drift=False),
    "sparse-encoder": ComparedBy(prepare=_neighbours, zeros=True, drift=False),
}
