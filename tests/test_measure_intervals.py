"""The intervals cover what they promise, and the groups of texts are alike."""

from __future__ import annotations

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.measure.race.intervals import median_interval, sequential_interval
from advisor.measure.race.rounds import Round, estimate, fastest, log_speed
from advisor.measure.workload.blocks import MAX_BLOCKS, BlockShape, block_shape, neighbour_blocks, stratified
from advisor.measure.workload.durations import Durations

NOISES = {
    "normal": lambda rng: rng.gauss(0, 0.05),
    "heavy tails": lambda rng: rng.gauss(0, 0.03) / max(rng.random(), 0.02),
    "bimodal": lambda rng: rng.choice((-0.1, 0.1)) + rng.gauss(0, 0.02),
}


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("num_rounds", [6, 9, 15])
def test_the_medians_interval_covers_it_in_at_least_93_of_100_runs(name, num_rounds):
    rng = random.Random(1)
    runs = [median_interval([NOISES[name](rng) for _ in range(num_rounds)]) for _ in range(2000)]
    assert statistics.fmean(low <= 0 <= high for low, high in runs) >= 0.93


@pytest.mark.parametrize("num_rounds", [3, 4, 5])
def test_with_3_to_5_rounds_the_interval_covers_a_normal_median(num_rounds):
    rng = random.Random(2)
    runs = [median_interval([rng.gauss(0, 1) for _ in range(num_rounds)]) for _ in range(2000)]
    assert statistics.fmean(low <= 0 <= high for low, high in runs) >= 0.93


def test_the_interval_of_seven_values_is_interpolated_as_hettmansperger_and_sheather_say():
    # Depth 1 covers 1 - 2/128 = 0.984375, depth 2 covers 0.875; I = 0.019375 / 0.109375; weight = 6 I / (1 + 5 I).
    share = 0.019375 / 0.109375
    weight = 6 * share / (1 + 5 * share)
    low, high = median_interval([1, 2, 3, 4, 5, 6, 7])
    assert low == pytest.approx(1 + weight)
    assert high == pytest.approx(7 - weight)


def test_fewer_than_three_values_have_no_interval():
    assert median_interval([1.0, 2.0]) is None
    assert estimate([]) is None
    assert estimate([0.0, 0.0]).ci95 is None


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=25))
def test_the_interval_holds_the_median(values):
    low, high = median_interval(values)
    assert low - 1e-9 <= statistics.median(values) <= high + 1e-9


def test_a_stall_in_one_of_ten_rounds_does_not_reach_the_interval():
    quiet = [0.1, 0.11, 0.09, 0.1, 0.12, 0.1, 0.08, 0.1, 0.09, 0.11]
    low, high = median_interval([*quiet[:-1], 5.0])
    assert low >= 0.08
    assert high <= 0.13


@pytest.mark.parametrize("name", NOISES)
def test_the_sequential_interval_may_be_looked_at_after_every_round(name):
    """At 5 %, at most 5 of 100 runs of 30 paired laps ever exclude the truth, though each is looked at 30 times."""
    rng = random.Random(3)

    def ever_wrong():
        values = []
        for _ in range(30):
            values.append(NOISES[name](rng) - NOISES[name](rng))
            low, high = sequential_interval(values, alpha=0.05)
            if not low <= 0 <= high:
                return True
        return False

    assert statistics.fmean(ever_wrong() for _ in range(600)) <= 0.05


def test_the_sequential_interval_is_where_the_bayes_factor_reaches_one_over_alpha():
    values, alpha, g = [0.31, 0.28, 0.35, 0.3, 0.27, 0.33], 0.01, 30.0
    n = len(values)
    low, high = sequential_interval(values, alpha=alpha)
    for bound in (low, high):
        t2 = n * ((statistics.fmean(values) - bound) / statistics.stdev(values)) ** 2
        factor = (1 + n * g) ** -0.5 * ((1 + t2 / (n - 1)) / (1 + t2 / ((n - 1) * (1 + n * g)))) ** (n / 2)
        assert factor == pytest.approx(1 / alpha)


@given(st.lists(st.floats(-5, 5), min_size=0, max_size=3))
def test_three_rounds_decide_nothing_between_eleven_candidates(values):
    assert sequential_interval(values, alpha=0.005) == (-math.inf, math.inf)


def test_the_sequential_interval_narrows_with_rounds_and_widens_with_confidence():
    values = [0.1, 0.12, 0.09, 0.11] * 5

    def width(num_rounds, alpha):
        low, high = sequential_interval(values[:num_rounds], alpha=alpha)
        return high - low

    assert width(5, 0.05) > width(10, 0.05) > width(20, 0.05)
    assert width(10, 0.005) > width(10, 0.05)


# -- rounds --------------------------------------------------------------------------------------------------


def rounds_of(*seconds):
    return [Round(block=index % 2, seconds=each) for index, each in enumerate(seconds)]


def test_ratios_are_taken_inside_rounds_that_hold_both():
    rounds = rounds_of({"a": 1.0, "b": 2.0}, {"a": 3.0}, {"a": 4.0, "b": 2.0})
    assert log_speed(rounds, "a", "b") == pytest.approx([math.log(2), -math.log(2)])


def test_the_fastest_is_judged_on_rounds_that_all_have_run():
    rounds = rounds_of({"a": 10.0, "b": 0.1}, {"a": 1.0, "b": 2.0, "c": 3.0}, {"a": 1.0, "b": 2.0, "c": 3.0})
    assert fastest(rounds, ["c", "b", "a"]) == "a"
    assert fastest([], ["c", "b"]) == "c"


# -- blocks --------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 10_000), min_size=1, max_size=300),
    st.integers(1, 16),
    st.integers(1, 32),
    st.integers(1, 6),
)
def test_blocks_have_the_shape_asked_for_and_share_no_text(lengths, num_batches, batch_size, max_blocks):
    shape = BlockShape(num_batches=num_batches, batch_size=batch_size)
    blocks = neighbour_blocks(lengths, shape=shape, max_blocks=max_blocks, seed=0)
    assert 1 <= len(blocks) <= max_blocks
    assert all(len(block) == num_batches for block in blocks)
    assert all(len(batch) == batch_size for block in blocks for batch in block)
    dealt = [index for block in blocks for batch in block for index in batch]
    assert set(dealt) <= set(range(len(lengths)))
    if len(lengths) >= shape.num_texts:
        assert len(set(dealt)) == len(dealt)
    else:
        counts = [dealt.count(index) for index in range(len(lengths))]
        assert max(counts) - min(counts) <= 1


def log_uniform_lengths(number=512):
    rng = random.Random(0)
    return [int(10 ** rng.uniform(0, 4)) for _ in range(number)]


def padded(batch, lengths):
    return len(batch) * max(lengths[index] for index in batch)


def test_a_block_holds_hardly_more_padding_than_the_sorted_corpus():
    """Texts from 1 to 10,000 characters: eight neighbours of 512 are alike, eight texts of all lengths are not."""
    lengths = log_uniform_lengths()
    blocks = neighbour_blocks(lengths, shape=BlockShape(num_batches=8, batch_size=8), max_blocks=4, seed=0)
    for block in blocks:
        real = sum(lengths[index] for batch in block for index in batch)
        assert sum(padded(batch, lengths) for batch in block) < 1.2 * real
    mixed = stratified(lengths, size=8, max_groups=1, seed=0)[0]
    assert padded(mixed, lengths) > 2 * sum(lengths[index] for index in mixed)


def test_every_block_has_a_batch_of_each_part_of_the_lengths():
    lengths = log_uniform_lengths()
    quarters = [sorted(lengths)[position * 128] for position in range(4)]
    for block in neighbour_blocks(lengths, shape=BlockShape(num_batches=4, batch_size=32), max_blocks=4, seed=0):
        lowest = [min(lengths[index] for index in batch) for batch in block]
        assert all(low >= quarter for low, quarter in zip(lowest, quarters, strict=True))


def test_blocks_weigh_about_the_same_although_a_few_texts_are_much_longer():
    """271 texts make two blocks of four batches; dealt at random one was twice as heavy as the other."""
    rng = random.Random(1)
    lengths = [int(rng.lognormvariate(4.4, 0.8)) + 5 for _ in range(271)]
    blocks = neighbour_blocks(lengths, shape=BlockShape(num_batches=4, batch_size=32), max_blocks=4, seed=0)
    weights = [sum(lengths[index] for batch in block for index in batch) for block in blocks]
    assert len(weights) == 2
    assert max(weights) / min(weights) < 1.4


def test_groups_of_all_lengths_weigh_the_same():
    """Texts from 1 to 10,000 characters, log-uniform: the groups' totals differ by less than 3 %."""
    lengths = log_uniform_lengths()
    groups = stratified(lengths, size=128, max_groups=4, seed=0)
    totals = [sum(lengths[index] for index in group) for group in groups]
    assert len(groups) == 4
    assert max(totals) / min(totals) < 1.03


def test_the_same_seed_deals_the_same_blocks():
    shape = BlockShape(num_batches=5, batch_size=2)
    dealt = [neighbour_blocks(range(100), shape=shape, max_blocks=4, seed=seed) for seed in (1, 1, 2)]
    assert dealt[0] == dealt[1] != dealt[2]


def test_no_texts_are_refused():
    with pytest.raises(ValueError, match="no texts"):
        neighbour_blocks([], shape=BlockShape(num_batches=2, batch_size=4), max_blocks=MAX_BLOCKS, seed=0)


@given(st.floats(1e-6, 10))
def test_a_block_lasts_as_long_as_wanted_up_to_four_times_that_or_is_as_short_as_it_can_be(seconds_per_text):
    shape = block_shape(seconds_per_text, block_s=0.4)
    lasts_s = shape.num_texts * seconds_per_text
    assert shape.batch_size in {2, 4, 8, 16, 32}
    smallest = 8 if seconds_per_text <= 0.125 else 4 if seconds_per_text <= 1 else 2
    assert lasts_s <= 1.6 * (1 + 1e-9) or shape.num_texts == smallest
    assert lasts_s >= 0.24 or shape.num_batches == 128
    if seconds_per_text <= 0.4 / 32:
        assert shape.batch_size == 32, "whole batches of Sentence Transformers' default size"


@given(
    time_s=st.floats(min_value=5, max_value=600),
    num_candidates=st.integers(min_value=1, max_value=12),
    seconds_per_text=st.floats(min_value=1e-4, max_value=0.05),
)
def test_blocks_get_shorter_where_time_would_not_hold_eight_rounds_of_all_candidates(
    time_s, num_candidates, seconds_per_text
):
    durations = Durations().within(time_s, num_candidates=num_candidates)
    assert 0.05 <= durations.block_s <= Durations().block_s
    lap_s = block_shape(seconds_per_text, block_s=durations.block_s).num_texts * seconds_per_text
    smallest_s = 2 * 4 * seconds_per_text  # two batches of four texts: no block is shorter
    round_s = lap_s * (1 + 0.5 * (num_candidates - 1))
    assert 8 * round_s <= 0.45 * time_s * 1.01 or lap_s <= max(4 * 0.05, smallest_s) * 1.01


def test_blocks_are_as_long_as_ever_where_there_is_time():
    assert Durations().within(float("inf"), num_candidates=12) == Durations()
