"""The label-free loss: Spearman's rho done by hand, ties, intervals, and what cannot be estimated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.accuracy import MIN_TEXTS, MIN_TEXTS_FOR_INTERVAL, check_embeddings, neighbours
from advisor.accuracy.estimate import _neighbour_pairs
from advisor.accuracy.levels import level_out, levels_of
from advisor.accuracy.ranks import Ranked


def embeddings(num_texts, *, seed=0, dimension=32):
    """Clustered, so that neighbours have a structure."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, dimension))
    return (centres[rng.integers(0, 8, num_texts)] + rng.normal(size=(num_texts, dimension))).astype(np.float32)


def noisy(reference, scale, *, seed=1):
    rng = np.random.default_rng(seed)
    return (reference + scale * rng.normal(size=reference.shape)).astype(np.float32)


def estimate_loss(reference, candidate, *, by="cosine", seed=0):
    pairs = neighbours(reference, by=by)
    return None if pairs is None else pairs.loss(candidate, seed=seed)


def rho(x, y, weights=None):
    ranked = Ranked(np.array(x, dtype=float), np.array(y, dtype=float))
    return float(ranked.rho(np.ones((1, len(x))) if weights is None else np.array([weights], dtype=float))[0])


def test_rho_is_spearmans_worked_out_by_hand():
    # Ranks 1 2 3 4 5 against 2 1 4 3 5: 1 - 6 * (1 + 1 + 1 + 1 + 0) / (5 * 24) = 0.8
    assert rho([10, 20, 30, 40, 50], [0.2, 0.1, 0.4, 0.3, 0.5]) == pytest.approx(0.8)


def test_tied_values_share_their_average_rank():
    # x ranks 1.5 1.5 3 4, y ranks 1 2 3 4; Pearson of those: 4.5 / sqrt(4.5 * 5)
    assert rho([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_a_weight_counts_as_that_many_copies():
    x, y, copies = [3, 1, 2, 5], [2, 1, 4, 3], [2, 1, 3, 1]
    assert rho(x, y, copies) == pytest.approx(rho(np.repeat(x, copies), np.repeat(y, copies)))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
def test_rho_is_pearsons_correlation_of_average_ranks(pairs):
    x, y = np.array(pairs, dtype=float).T

    def average_ranks(values):
        return np.array([(values < value).sum() + (values == value).sum() / 2 for value in values])

    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert rho(x, y) == 0
    else:
        assert rho(x, y) == pytest.approx(np.corrcoef(average_ranks(x), average_ranks(y))[0, 1])


def test_the_pairs_are_every_text_with_its_nearest_each_pair_once():
    # On a line of angles, the nearest of 0 is 1, of 1 is 0, of 2 is 1, of 3 is 2.
    angles = np.array([0.0, 0.1, 0.3, 0.6])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    left, right = _neighbour_pairs(points @ points.T, 1)
    assert list(zip(left, right, strict=True)) == [(0, 1), (1, 2), (2, 3)]


def test_every_tenth_of_the_range_of_similarities_weighs_the_same():
    similarities = np.array([0.0, 0.01, 0.02, 0.55, 0.9, 0.95, 1.0])
    weights = level_out(np.array([[1, 1, 2, 5, 1, 0, 3]], dtype=float), levels_of(similarities))
    np.testing.assert_allclose(weights, [[0.25, 0.25, 0.5, 1, 0.25, 0, 0.75]])


def test_the_estimate_hardly_depends_on_how_many_texts_are_sampled():
    reference = embeddings(600)
    candidate = noisy(reference, 0.2)
    some = np.random.default_rng(0).choice(600, 150, replace=False)
    few, many = estimate_loss(reference[some], candidate[some]), estimate_loss(reference, candidate)
    assert 0.75 < few.value / many.value < 1.33


def test_the_same_embeddings_lose_nothing():
    loss = estimate_loss(embeddings(100), embeddings(100))
    assert loss.value == 0
    assert loss.ci95 == (0, 0)
    assert loss.method == "estimated"
    assert "10 nearest neighbours" in loss.metric
    assert loss.num_texts == 100


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_a_rotation_and_a_scale_lose_nothing_because_no_similarity_changes(scale, seed):
    reference = embeddings(40)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(32, 32)))
    assert estimate_loss(reference, (scale * reference @ rotation).astype(np.float32)).value < 1e-3


@pytest.mark.parametrize("by", ["dot", "euclidean", "manhattan"])
def test_where_the_model_compares_by_lengths_too_changing_them_alone_loses(by):
    reference = embeddings(100)
    scaled = (reference * np.random.default_rng(0).uniform(0.5, 2, (100, 1))).astype(np.float32)
    assert estimate_loss(reference, scaled).value < 1e-6
    assert estimate_loss(reference, scaled, by=by).value > 0.05
    assert estimate_loss(reference, reference, by=by).value < 1e-12


@pytest.mark.parametrize("by", ["cosine", "dot", "euclidean", "manhattan"])
def test_the_pairs_are_the_most_similar_by_the_models_own_similarity_and_hold_it(by):
    torch = pytest.importorskip("torch")
    util = pytest.importorskip("sentence_transformers.util")
    reference = embeddings(60) * np.random.default_rng(0).uniform(0.5, 2, (60, 1)).astype(np.float32)
    theirs = util.SimilarityFunction.to_similarity_fn(by)(torch.from_numpy(reference), torch.from_numpy(reference))
    theirs = theirs.numpy().astype(float)
    found = neighbours(reference, by=by, k=3)
    np.testing.assert_allclose(found.similarities, theirs[found.left, found.right], rtol=1e-4)
    np.fill_diagonal(theirs, -np.inf)
    expected = {tuple(sorted((row, near))) for row in range(60) for near in np.argsort(-theirs[row])[:3].tolist()}
    assert set(zip(found.left.tolist(), found.right.tolist(), strict=True)) == expected


def test_rows_as_long_as_sparse_ones_are_compared_a_few_at_a_time(monkeypatch):
    reference = embeddings(60)
    whole = estimate_loss(reference, noisy(reference, 0.1))
    monkeypatch.setattr("advisor.accuracy.estimate._NUMBERS_AT_ONCE", 100)
    assert estimate_loss(reference, noisy(reference, 0.1)) == whole


def test_more_noise_loses_more_and_the_interval_holds_the_value():
    reference = embeddings(200)
    losses = [estimate_loss(reference, noisy(reference, scale)) for scale in (0.01, 0.05, 0.2, 1.0)]
    assert [loss.value for loss in losses] == sorted(loss.value for loss in losses)
    for loss in losses:
        low, high = loss.ci95
        assert 0 <= low <= loss.value <= high


def test_the_interval_covers_what_other_texts_of_the_same_kind_give():
    losses = [
        estimate_loss(reference, noisy(reference, 0.2, seed=seed + 1000), seed=seed)
        for seed in range(60)
        for reference in [embeddings(64, seed=seed)]
    ]
    truth = np.mean([loss.value for loss in losses])
    assert np.mean([loss.ci95[0] <= truth <= loss.ci95[1] for loss in losses]) >= 0.9


def test_the_same_seed_gives_the_same_interval():
    reference = embeddings(64)
    candidate = noisy(reference, 0.1)
    assert estimate_loss(reference, candidate, seed=3) == estimate_loss(reference, candidate, seed=3)


def test_texts_that_the_baseline_embeds_alike_count_once():
    reference = embeddings(50)
    candidate = noisy(reference, 0.1)
    doubled = estimate_loss(np.concatenate([reference, reference]), np.concatenate([candidate, candidate]))
    assert replace(doubled, num_texts=50) == estimate_loss(reference, candidate)


def test_a_collapsed_candidate_loses_everything():
    assert estimate_loss(embeddings(50), np.ones((50, 8), dtype=np.float32)).value == 1


@pytest.mark.parametrize(
    ("num_texts", "has_value", "has_interval"),
    [
        (1, False, False),
        (MIN_TEXTS - 1, False, False),
        (MIN_TEXTS, True, False),
        (MIN_TEXTS_FOR_INTERVAL - 1, True, False),
        (MIN_TEXTS_FOR_INTERVAL, True, True),
    ],
)
def test_few_texts_give_no_interval_and_very_few_no_estimate(num_texts, has_value, has_interval):
    reference = embeddings(num_texts)
    loss = estimate_loss(reference, noisy(reference, 0.1))
    assert (loss is not None) == has_value
    assert (loss is not None and loss.ci95 is not None) == has_interval


def test_different_numbers_of_rows_are_refused():
    with pytest.raises(ValueError, match="10 reference embeddings cannot be compared with 9"):
        estimate_loss(embeddings(10), embeddings(9))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda e: e[:-1], r"have the shape \(9, 4\), expected \(10, 4\)"),
        (lambda e: e[:, :-1], r"have the shape \(10, 3\), expected \(10, 4\)"),
        (lambda e: e.ravel(), r"have the shape \(40,\)"),
        (lambda e: e.astype(np.int64), "dtype int64"),
        (lambda e: np.where(np.arange(40).reshape(10, 4) == 7, np.nan, e), "1 of its 10 embeddings contain NaN"),
        (lambda e: np.where(np.arange(40).reshape(10, 4) < 8, -np.inf, e), "2 of its 10 embeddings contain Inf"),
        (lambda e: e * (np.arange(10) > 2)[:, None], "3 of its 10 embeddings contain only zeros"),
    ],
)
def test_embeddings_that_cannot_be_used_are_told_why(spoil, reason):
    good = embeddings(10, dimension=4)
    assert check_embeddings(good, num_texts=10, dimension=4) is None
    assert check_embeddings(good, num_texts=10, dimension=None) is None
    import re

    assert re.search(reason, check_embeddings(spoil(good), num_texts=10, dimension=4))
