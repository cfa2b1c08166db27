"""Batches are cut by a budget of padded tokens."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from advisor.encode.batching import plan_batches

LENGTHS = st.lists(st.integers(0, 600), min_size=1, max_size=200).map(lambda values: np.array(values, np.int64))


@given(LENGTHS, st.integers(1, 4096), st.one_of(st.none(), st.integers(1, 64)), st.integers(1, 8))
def test_every_text_is_in_exactly_one_batch(
    lengths: np.ndarray, budget: int, max_texts: int | None, streams: int
) -> None:
    batches = plan_batches(lengths, tokens_per_batch=budget, max_texts=max_texts, streams=streams)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))


@given(LENGTHS, st.integers(1, 4096), st.one_of(st.none(), st.integers(1, 64)), st.integers(1, 8))
def test_a_batch_keeps_the_budgets_or_holds_one_text(
    lengths: np.ndarray, budget: int, max_texts: int | None, streams: int
) -> None:
    for batch in plan_batches(lengths, tokens_per_batch=budget, max_texts=max_texts, streams=streams):
        assert len(batch) == 1 or lengths[batch].max() * len(batch) <= budget
        assert max_texts is None or len(batch) <= max_texts


@given(LENGTHS, st.integers(1, 4096))
def test_batches_go_from_long_to_short(lengths: np.ndarray, budget: int) -> None:
    order = np.concatenate(plan_batches(lengths, tokens_per_batch=budget))
    assert (np.diff(lengths[order]) <= 0).all()


@given(LENGTHS, st.integers(1, 4096))
def test_no_batch_could_take_the_first_text_of_the_next(lengths: np.ndarray, budget: int) -> None:
    batches = plan_batches(lengths, tokens_per_batch=budget)
    for batch in batches[:-1]:
        assert (len(batch) + 1) * max(1, int(lengths[batch].max())) > budget


@given(st.integers(1, 200), st.integers(1, 50), st.integers(1, 8))
def test_equal_texts_are_shared_out_between_the_streams(num_texts: int, length: int, streams: int) -> None:
    lengths = np.full(num_texts, length, np.int64)
    batches = plan_batches(lengths, tokens_per_batch=10**9, streams=streams)
    sizes = [len(batch) for batch in batches]
    assert len(batches) >= min(streams, num_texts) / 2
    assert max(sizes) <= -(-num_texts // streams)


@given(LENGTHS, st.integers(16, 4096), st.integers(2, 8))
def test_every_stream_gets_the_same_number_of_batches_and_the_largest_is_no_larger(
    lengths: np.ndarray, budget: int, streams: int
) -> None:
    alone = plan_batches(lengths, tokens_per_batch=budget)
    shared = plan_batches(lengths, tokens_per_batch=budget, streams=streams)

    def largest(batches: list[np.ndarray]) -> int:
        return max(len(batch) * max(1, int(lengths[batch].max())) for batch in batches)

    assert largest(shared) <= largest(alone)
    assert len(shared) <= -(-len(alone) // streams) * streams


def test_five_batches_on_two_streams_become_six_of_equal_work() -> None:
    lengths = np.full(40, 64, np.int64)
    assert [len(batch) for batch in plan_batches(lengths, tokens_per_batch=512)] == [8] * 5
    assert [len(batch) for batch in plan_batches(lengths, tokens_per_batch=512, streams=2)] == [7] * 5 + [5]


def test_many_batches_are_as_large_as_they_may_be() -> None:
    lengths = np.full(8 * 33, 64, np.int64)
    assert [len(batch) for batch in plan_batches(lengths, tokens_per_batch=512, streams=2)] == [8] * 33
