"""How many texts are probed and compared, and in which portions."""

from __future__ import annotations

import pytest
from fake_workers import HARDWARE, REFERENCE, model_in
from hypothesis import given
from hypothesis import strategies as st

from advisor.measure.workload.durations import Durations
from advisor.measure.workload.sizes import FIRST_PROBE, Sizes, first_probe_size, probe_size, unless_slow
from advisor.measure.workload.workload import full_workload
from advisor.question import Question
from advisor.types import Request

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


@pytest.mark.parametrize(
    ("num_texts", "portions"),
    [(20, [20]), (32, [32]), (80, [32, 32, 16]), (512, [32, 32, 64, 128, 256]), (600, [32, 32, 64, 128, 256])],
)
def test_distinct_texts_are_compared_in_portions_each_of_which_doubles_their_number(tmp_path, num_texts, portions):
    texts = tuple(f"text {index}" for index in range(num_texts))
    question = Question(
        model=model_in(tmp_path),
        texts=texts + texts[:7],
        reference_texts=tuple(REFERENCE),
        request=Request(),
        hardware=HARDWARE,
        packages=(),
    )
    sizes = Sizes(probe=2, latency_s=0.01, block_s=0.1)
    plan = full_workload(question, sizes, s_per_text=0.01, durations=Durations())
    assert [plan.size(portion) for portion in plan.compared] == portions
    compared = plan.texts(*plan.compared)
    assert len(set(compared)) == sum(portions)
    assert compared != tuple(sorted(compared, key=texts.index)), "drawn at random"


@given(st.integers(1, 100), seconds)
def test_the_fewest_are_halved_where_they_take_too_long(fewest, seconds_per_text):
    lowered, most = unless_slow((fewest, 200), seconds_per_text)
    assert most == 200
    assert lowered == (fewest if fewest * seconds_per_text <= 2 else max(1, fewest // 2))
