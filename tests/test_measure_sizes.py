"""How many texts are probed and compared: as many as ever where the model is quick, fewer where it is slow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.accuracy.estimate import MIN_TEXTS_FOR_INTERVAL
from advisor.measure.workload.sizes import FIRST_PROBE, compared_size, first_probe_size, probe_size, unless_slow

seconds = st.floats(1e-6, 100)


@given(seconds, st.sampled_from([("cpu", 16), ("mps", 16), ("cuda", 256), ("cuda:1", 256)]))
def test_a_lap_over_the_probe_lasts_half_a_second_at_most_or_is_as_short_as_it_can_be(seconds_per_text, where):
    device, most = where
    size = probe_size(seconds_per_text, device=device)
    assert size * seconds_per_text <= 0.5 or size == FIRST_PROBE
    assert size == most or 2 * size * seconds_per_text > 0.5, "no fewer than there is time for"


def test_a_gpu_is_asked_for_more_texts_at_once_for_two_take_it_as_long_as_sixteen():
    assert first_probe_size("cpu") == first_probe_size("mps") == 2
    assert first_probe_size("cuda:1") == 16


@given(seconds, st.one_of(st.floats(0, 1e5), st.just(float("inf"))))
def test_losses_are_estimated_on_as_many_texts_as_there_is_time_for(seconds_per_text, time_s):
    size = compared_size(seconds_per_text, time_s=time_s)
    assert MIN_TEXTS_FOR_INTERVAL <= size <= 512
    assert size == MIN_TEXTS_FOR_INTERVAL or size * seconds_per_text <= max(4.0, 0.15 * time_s) + seconds_per_text
    if time_s == float("inf"):
        assert size >= 128


@pytest.mark.parametrize(
    ("seconds_per_text", "compared"),
    [(0.003, 512), (0.01, 400), (0.05, 128), (0.15, 45), (0.9, 32)],
    ids=["MiniLM on sentences", "on paragraphs", "on pages", "MPNet on pages", "BERT base on pages"],
)
def test_what_45_seconds_have_room_for(seconds_per_text, compared):
    assert compared_size(seconds_per_text, time_s=45) == compared


@given(st.integers(1, 100), seconds)
def test_the_fewest_are_halved_where_they_take_too_long(fewest, seconds_per_text):
    lowered, most = unless_slow((fewest, 200), seconds_per_text)
    assert most == 200
    assert lowered == (fewest if fewest * seconds_per_text <= 2 else max(1, fewest // 2))
