"""The losses of a cross-encoder, 1 - rho of its scores, and of a sparse encoder, of its dot products."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from advisor.accuracy import COMPARED_BY
from advisor.accuracy.scores import ScoredPairs, scored_pairs
from advisor.pairs import join
from advisor.types import Fidelity, ModelKind, Similarity

RNG = np.random.default_rng(0)


def pairs(num: int, *, queries: int | None = None) -> list[str]:
    return [join(f"query {index % (queries or num)}", f"document {index}") for index in range(num)]


def scores(num: int, labels: int = 1) -> NDArray[np.float32]:
    return RNG.normal(0, 3, (num, labels)).astype(np.float32)


def prepared(reference: NDArray[np.float32], texts: list[str]) -> ScoredPairs:
    found = scored_pairs(reference, texts)
    assert found is not None
    return found


def loss(reference: NDArray[np.float32], candidate: NDArray[np.float32], **options: object) -> Fidelity:
    found = prepared(reference, pairs(len(reference))).loss(candidate, **options)  # type: ignore[arg-type]  # by name
    assert found is not None
    return found


@pytest.mark.parametrize("labels", [1, 3])
def test_the_same_scores_lose_nothing_and_reversed_ones_everything(labels: int) -> None:
    reference = scores(200, labels)
    same = loss(reference, reference)
    assert same.value == pytest.approx(0, abs=1e-12)
    assert same.ci95 == pytest.approx((0, 0), abs=1e-12)
    assert loss(reference, -reference).value > 1.5


def test_a_monotone_change_of_one_score_loses_nothing() -> None:
    reference = scores(200)
    assert loss(reference, np.tanh(reference / 10) * 7 + 2).value == pytest.approx(0, abs=1e-12)


def test_what_all_labels_of_a_pair_have_in_common_says_nothing() -> None:
    reference = scores(200, 3)
    assert loss(reference, reference + RNG.normal(0, 9, (200, 1)).astype(np.float32)).value < 1e-6


def test_noise_loses_what_it_takes_from_the_rank_correlation() -> None:
    reference = scores(4000)
    noisy = reference + RNG.normal(0, 3, reference.shape).astype(np.float32)
    found = loss(reference, noisy)
    # Noise as large as the signal leaves a Pearson correlation of 1/sqrt(2), over levels weighted alike a larger one.
    assert 0.1 < found.value < 0.3
    assert found.ci95 is not None
    assert found.ci95[0] < found.value < found.ci95[1]


def test_what_batches_change_counts_as_loss() -> None:
    reference = scores(200)
    alone = reference + RNG.normal(0, 1, reference.shape).astype(np.float32)
    assert loss(reference, reference, other=alone).value > 0.005


def test_the_interval_is_over_queries_and_needs_32_of_them() -> None:
    reference = scores(320)
    noisy = reference + RNG.normal(0, 1, reference.shape).astype(np.float32)
    by_query = prepared(reference, pairs(320, queries=31)).loss(noisy)
    assert by_query is not None
    assert by_query.ci95 is None
    by_query = prepared(reference, pairs(320, queries=32)).loss(noisy)
    assert by_query is not None
    assert by_query.ci95 is not None


def test_too_few_pairs_give_no_estimate() -> None:
    assert scored_pairs(scores(7), pairs(7)) is None
    among = np.arange(100) < 7
    assert prepared(scores(100), pairs(100)).loss(scores(100), among=among) is None


def test_rows_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(ValueError, match="9 rows of scores do not fit 10 pairs"):
        scored_pairs(scores(9), pairs(10))


def test_every_kind_has_its_comparison() -> None:
    reference = scores(64)
    found = COMPARED_BY["cross-encoder"].prepare(reference, pairs(64), "cosine")
    assert found is not None
    fidelity = found.loss(reference)
    assert fidelity is not None
    assert fidelity.metric.startswith("1 - Spearman rho of the scores of pairs of texts")
    assert fidelity.num_texts == 64


def test_the_length_of_a_sparse_vector_counts() -> None:
    reference = np.abs(RNG.normal(0, 1, (100, 50))).astype(np.float32) * (RNG.random((100, 50)) < 0.3)
    scaled = (reference * RNG.uniform(0.5, 2, (100, 1))).astype(np.float32)

    def lost(kind: ModelKind, candidate: NDArray[np.float32], by: Similarity = "cosine") -> float:
        prepared = COMPARED_BY[kind].prepare(reference, [], by)
        found = None if prepared is None else prepared.loss(candidate)
        assert found is not None
        return found.value

    assert lost("sparse-encoder", reference, "dot") == pytest.approx(0, abs=1e-12)
    assert lost("sparse-encoder", scaled, "dot") > 0.05
    assert lost("embedding", scaled, "dot") > 0.05
    assert lost("embedding", scaled) < 1e-6
