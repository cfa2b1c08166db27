"""Which texts static int8 is calibrated on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from advisor.export.calibration import CALIBRATION, choose_calibration

COUNTS = st.lists(st.integers(min_value=1, max_value=8192), min_size=1, max_size=700)
PARAMETERS = st.integers(min_value=0, max_value=10**10)
MINILM = 10_646_784


def tokens(counts, chosen) -> int:
    return sum(min(counts[index], chosen.max_tokens) for index in chosen.indices)


@given(COUNTS, PARAMETERS)
def test_the_set_is_distinct_texts_within_every_bound(counts, parameters):
    chosen = choose_calibration(counts, num_parameters=parameters)
    assert len(set(chosen.indices)) == len(chosen.indices) <= CALIBRATION.max_texts
    assert len(chosen.indices) >= min(len(counts), CALIBRATION.min_texts)
    assert tokens(counts, chosen) <= CALIBRATION.max_tokens
    assert chosen.max_tokens >= 1


@given(COUNTS, PARAMETERS)
def test_the_set_is_the_same_every_time_and_ordered_by_length(counts, parameters):
    chosen = choose_calibration(counts, num_parameters=parameters)
    assert chosen == choose_calibration(counts, num_parameters=parameters)
    lengths = [counts[index] for index in chosen.indices]
    assert lengths == sorted(lengths)


def test_short_texts_are_all_taken_whole():
    chosen = choose_calibration([12] * 200, num_parameters=MINILM)
    assert len(chosen.indices) == 200
    assert chosen.max_tokens == 12


def test_long_texts_are_fewer_rather_than_cut():
    chosen = choose_calibration([256] * 300, num_parameters=MINILM)
    assert chosen.max_tokens == 256
    assert CALIBRATION.min_texts < len(chosen.indices) < 100


def test_very_long_texts_of_a_large_model_are_cut_so_that_enough_of_them_fit():
    chosen = choose_calibration([8192] * 300, num_parameters=300_000_000)
    assert len(chosen.indices) == CALIBRATION.min_texts
    assert chosen.max_tokens == CALIBRATION.min_tokens // CALIBRATION.min_texts


def test_every_length_is_there_in_proportion():
    counts = [10] * 300 + [100] * 100
    chosen = choose_calibration(counts, num_parameters=MINILM)
    share = sum(counts[index] == 100 for index in chosen.indices) / len(chosen.indices)
    assert abs(share - 0.25) < 0.02
