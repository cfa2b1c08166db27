"""How far embeddings moved: neighbours kept, cosines, batches, old vectors beside new ones, lengths."""

from __future__ import annotations

import numpy as np
import pytest

from advisor.accuracy import drift, neighbours


def embeddings(num_texts: int, *, seed: int = 0, dimension: int = 32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, dimension))
    return (centres[rng.integers(0, 8, num_texts)] + rng.normal(size=(num_texts, dimension))).astype(np.float32)


def noisy(reference: np.ndarray, scale: float, *, seed: int = 1) -> np.ndarray:
    return (reference + scale * np.random.default_rng(seed).normal(size=reference.shape)).astype(np.float32)


def test_the_same_embeddings_did_not_move():
    reference = embeddings(100)
    found = drift(reference, reference, neighbours(reference))
    assert (found.top10_overlap, found.top10_overlap_p05) == (1, 1)
    assert found.cosine_min == pytest.approx(1)
    assert found.cosine_min <= 1
    assert found.mixed.value == 0
    assert found.batch_cosine_min is None


def test_a_rotation_loses_nothing_but_old_vectors_are_worthless_beside_new_ones():
    reference = embeddings(200)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(32, 32)))
    turned = (reference @ rotation).astype(np.float32)
    assert neighbours(reference).loss(turned).value < 1e-4
    found = drift(reference, turned, neighbours(reference))
    assert found.top10_overlap > 0.99
    assert found.mixed.value > 0.2


def test_embeddings_that_all_shrink_towards_another_place_cannot_be_mixed_either():
    """Similarities among new vectors keep their order, and so do those with old ones: only together they do not."""
    reference = embeddings(200)
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    other_side = np.concatenate([reference, np.zeros_like(reference)], axis=1)
    moved = np.concatenate([0.8 * reference, 0.6 * np.ones_like(reference) / np.sqrt(32)], axis=1)
    pairs = neighbours(other_side)
    assert pairs.loss(moved).value < 1e-6
    assert drift(other_side, moved, pairs).mixed.value > 0.02


def test_where_lengths_count_neighbours_and_old_vectors_are_compared_by_them_too():
    reference = embeddings(200)
    longer = 3 * reference
    found = drift(reference, longer, neighbours(reference, by="dot"))
    assert found.top10_overlap == 1
    assert found.mixed.value > 0.02
    assert drift(reference, longer, neighbours(reference)).mixed.value < 1e-9
    scaled = (reference * np.random.default_rng(0).uniform(0.5, 2, (200, 1))).astype(np.float32)
    assert drift(reference, scaled, neighbours(reference, by="dot")).top10_overlap < 0.8
    assert drift(reference, scaled, neighbours(reference)).top10_overlap == 1


def test_the_texts_that_moved_most_are_named_and_the_share_of_neighbours_kept_is_counted():
    reference = embeddings(100)
    moved = reference.copy()
    moved[[7, 40]] = embeddings(2, seed=9)
    found = drift(reference, moved, neighbours(reference))
    assert set(found.most_moved[:2]) == {7, 40}
    assert len(found.most_moved) == 5
    assert found.cosine_min < 0.9
    assert found.cosine_median == pytest.approx(1)
    assert 0.9 < found.top10_overlap < 1


def test_what_batches_change_counts_as_loss():
    reference = embeddings(200)
    alone, in_batch = noisy(reference, 0.05, seed=1), noisy(reference, 0.05, seed=2)
    assert neighbours(reference).loss(in_batch, other=alone).value > 0
    assert neighbours(reference).loss(reference, other=noisy(reference, 0.2)).value > 0.001
    found = drift(reference, in_batch, neighbours(reference), alone=alone)
    assert found.batch_cosine_min < 0.999


def test_a_loss_of_long_texts_alone_is_found_in_their_range():
    reference = embeddings(300)
    candidate = reference.copy()
    candidate[200:] = noisy(reference, 0.5)[200:]
    ranges = [(0, 99, range(200)), (100, None, range(200, 300))]
    short, long = drift(reference, candidate, neighbours(reference), ranges=ranges).by_length
    assert (short.min_chars, short.max_chars, long.max_chars) == (0, 99, None)
    assert (short.share, long.share) == pytest.approx((2 / 3, 1 / 3))
    assert long.value > 1.5 * short.value
    assert long.ci95[0] <= long.value <= long.ci95[1]


def test_a_range_of_too_few_texts_is_left_out():
    reference = embeddings(60)
    ranges = [(0, 9, range(5)), (10, None, range(5, 60))]
    (only,) = drift(reference, noisy(reference, 0.1), neighbours(reference), ranges=ranges).by_length
    assert only.min_chars == 10
