"""The sample is uniform, drawn in one pass, in constant memory, and the same for the same seed."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.texts import builtin_texts, reference_texts, sample_texts
from advisor.texts.batches import MAX_TEXT_CHARS
from advisor.texts.lengths import CharLengths, histogram_of, stats_of
from advisor.texts.reservoir import Reservoir


@pytest.mark.parametrize(("num_texts", "stream"), [(1, 10), (5, 20), (19, 20), (10, 200)])
def test_every_text_is_sampled_with_the_same_probability(num_texts: int, stream: int) -> None:
    """Chi-square over many seeds; its distribution is about normal, and five sigma is allowed."""
    seeds = 4000
    texts = [str(index) for index in range(stream)]
    counts: Counter[str] = Counter()
    first: Counter[str] = Counter()
    for seed in range(seeds):
        reservoir = Reservoir(num_texts, seed)
        reservoir.extend(texts)
        sample = reservoir.sample()
        assert len(set(sample)) == num_texts
        counts.update(sample)
        first[sample[0]] += 1
    for seen, share in ((counts, num_texts / stream), (first, 1 / stream)):
        variance = seeds * share * (1 - share)
        chi_square = sum((seen[text] - seeds * share) ** 2 for text in texts) / variance * (1 - 1 / stream)
        freedom = stream - 1
        assert chi_square < freedom + 5 * (2 * freedom) ** 0.5 + 5


@given(
    sizes=st.lists(st.integers(0, 50), max_size=20),
    num_texts=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
def test_the_sample_does_not_depend_on_how_the_stream_is_batched(sizes: list[int], num_texts: int, seed: int) -> None:
    texts = [str(index) for index in range(sum(sizes))]
    whole, parts = Reservoir(num_texts, seed), Reservoir(num_texts, seed)
    whole.extend(texts)
    start = 0
    for size in sizes:
        parts.extend(texts[start : start + size])
        start += size
    assert parts.sample() == whole.sample()
    assert parts.num_seen == len(texts)
    assert len(whole.sample()) == min(num_texts, len(texts))
    assert set(whole.sample()) <= set(texts)


def test_the_same_seed_gives_the_same_sample_and_another_seed_another() -> None:
    texts = [f"text {index}" for index in range(5000)]
    assert sample_texts(texts, num_texts=50, seed=3) == sample_texts(iter(texts), num_texts=50, seed=3)
    assert sample_texts(texts, num_texts=50, seed=3).texts != sample_texts(texts, num_texts=50, seed=4).texts


def test_a_generator_is_consumed_once_and_to_its_end() -> None:
    drawn = 0

    def generator() -> Iterator[str]:
        nonlocal drawn
        for index in range(3000):
            drawn += 1
            yield f"text {index}"

    sample = sample_texts(generator(), num_texts=10)
    assert drawn == sample.profile.num_seen == 3000
    assert sample.profile.num_sampled == len(sample.texts) == 10


def test_memory_does_not_grow_with_the_stream() -> None:
    def peak_bytes(num_texts: int) -> int:
        texts = (f"this is text number {index}" for index in range(num_texts))
        tracemalloc.start()
        try:
            sample_texts(texts, num_texts=100)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(10_000)
    assert peak_bytes(1_000_000) < 1.2 * peak_bytes(100_000)


def test_memory_does_not_grow_with_a_line(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("w") as file:
        for _ in range(50):
            file.write("word " * 200_000)
    tracemalloc.start()
    try:
        sample = sample_texts(tmp_path / "a.txt")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sample.profile.chars.max == 50_000_000
    assert peak < 20 << 20


@given(st.lists(st.integers(1, MAX_TEXT_CHARS), min_size=1, max_size=200))
def test_character_statistics_equal_those_of_all_lengths(lengths: list[int]) -> None:
    chars = CharLengths()
    for start in range(0, len(lengths), 7):
        chars.add(np.array(lengths[start : start + 7], dtype=np.int64))
    assert chars.stats() == stats_of(np.array(lengths, dtype=np.int64))
    assert chars.fraction_short == pytest.approx(sum(length < 500 for length in lengths) / len(lengths))


def test_character_statistics_are_over_all_texts_not_the_sample() -> None:
    texts = ["x" * 10] * 899 + ["x" * 500] * 100 + ["x" * 1000]
    profile = sample_texts(texts, num_texts=1).profile
    assert (profile.chars.p50, profile.chars.p90, profile.chars.p99, profile.chars.max) == (10, 500, 500, 1000)
    assert profile.chars.mean == pytest.approx((8990 + 50_000 + 1000) / 1000)
    assert profile.fraction_under_500_chars == pytest.approx(0.899)


def test_a_percentile_beyond_the_cap_is_the_cap_and_the_maximum_is_exact() -> None:
    chars = CharLengths()
    chars.add(np.array([5, 10 * MAX_TEXT_CHARS], dtype=np.int64))
    assert chars.stats().p99 == MAX_TEXT_CHARS
    assert chars.stats().max == 10 * MAX_TEXT_CHARS


def test_the_built_in_sample_says_so_and_is_varied_prose() -> None:
    sample = sample_texts(None)
    assert sample.profile.builtin
    assert sample.profile.source == "built-in sample"
    assert sorted(sample.texts) == sorted(builtin_texts())
    assert len(set(builtin_texts())) == len(builtin_texts()) >= 240
    assert sample.profile.chars.max > 700
    assert min(map(len, builtin_texts())) < 25
    assert any(not text.isascii() for text in builtin_texts())
    assert all(text == text.strip() for text in builtin_texts())
    assert len(sample_texts(None, num_texts=20).texts) == 20


def test_eight_reference_texts_go_from_short_to_long() -> None:
    lengths = [len(text) for text in reference_texts()]
    assert len(set(reference_texts())) == 8
    assert lengths == sorted(lengths)
    assert lengths[0] < 25
    assert lengths[-1] > 700
    assert set(reference_texts()) <= set(builtin_texts())


@given(st.lists(st.integers(min_value=0, max_value=10_000), min_size=1, max_size=200))
def test_a_histogram_counts_every_text_once_in_ascending_bins(lengths):
    found = histogram_of(np.array(lengths, dtype=np.int64), unit="tokens")
    assert sum(found.counts) == len(lengths)
    assert len(found.edges) == len(found.counts) + 1
    assert list(found.edges) == sorted(set(found.edges))
    assert found.edges[-1] == max(*lengths, 1) + 1
