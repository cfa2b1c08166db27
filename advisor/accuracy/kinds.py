"""What each kind of model is compared by: one row for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from advisor.accuracy.estimate import neighbours, sparse_neighbours
from advisor.accuracy.scores import scored_pairs
from advisor.types import Fidelity, ModelKind


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

    prepare: Callable[[NDArray[Any], Sequence[str]], Comparison | None]
    """From the baseline's rows of distinct texts; None where there are too few."""
    zeros: bool
    """Whether a row of zeros can be meant."""
    drift: bool
    """Whether it is also told how far embeddings moved (`drift`)."""


COMPARED_BY: Mapping[ModelKind, ComparedBy] = {
    "embedding": ComparedBy(prepare=lambda reference, texts: neighbours(reference), zeros=False, drift=True),
    "cross-encoder": ComparedBy(prepare=scored_pairs, zeros=True, drift=False),
    "sparse-encoder": ComparedBy(
        prepare=lambda reference, texts: sparse_neighbours(reference), zeros=True, drift=False
    ),
}
