"""Speeds of whole models from rounds at two depths: exact where layers cost the same, never below what was timed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.measure.race.rounds import Round
from advisor.screen import Depths
from advisor.screen.predict import MARGIN, WHOLE, check, predictions, seat
from advisor.types import BASELINE, Predicted

DEPTHS = Depths(shallow=1, deep=3, num_layers=12)


def linear(name, fixed, layer, *, depths=DEPTHS):
    """Seconds of both depths where every layer takes the same."""
    return {seat(name, depth): fixed + layer * depth for depth in (depths.shallow, depths.deep)}


def a_round(*times, whole=None, block=0):
    """One round of these seats; `whole` is what the whole baseline took."""
    seconds = {name: value for one in times for name, value in one.items()}
    return Round(block=block, seconds=seconds if whole is None else {**seconds, seat(BASELINE, WHOLE): whole})


def speedups(rounds, *names, depths=DEPTHS):
    return {name: found.speedup for name, found in predictions(rounds, names, depths).items()}


SECONDS = st.floats(1e-4, 1e2)


@given(
    baseline=st.tuples(SECONDS, SECONDS),
    other=st.tuples(SECONDS, SECONDS),
    shallow=st.integers(1, 6),
    lever=st.integers(2, 6),
    more=st.integers(1, 60),
    machine=st.lists(st.floats(0.5, 2.0), min_size=1, max_size=7),
)
def test_where_layers_cost_the_same_predictions_are_exact(baseline, other, shallow, lever, more, machine):
    """Whatever the time that no layer takes, and however fast the machine is in each round."""
    depths = Depths(shallow=shallow, deep=shallow + lever, num_layers=shallow + lever + more)
    whole, own = (fixed + layer * depths.num_layers for fixed, layer in (baseline, other))
    rounds = [
        a_round(
            linear(BASELINE, *(factor * each for each in baseline), depths=depths),
            linear("onnx", *(factor * each for each in other), depths=depths),
            whole=factor * whole,
        )
        for factor in machine
    ]
    assert speedups(rounds, "onnx", depths=depths)["onnx"] == pytest.approx(whole / own, rel=1e-6)
    assert check(rounds, depths).baseline_error == pytest.approx(0, abs=1e-6)


def test_a_prediction_says_what_it_rests_on():
    rounds = [a_round(linear(BASELINE, 1, 1), linear("onnx", 1, 0.5), whole=13)]
    assert predictions(rounds, ["onnx"], DEPTHS) == {
        "onnx": Predicted(speedup=pytest.approx(13 / 7), depths=(1, 3), num_layers=12)
    }


def test_the_least_time_of_each_counts_and_not_a_stall():
    fine = a_round(linear(BASELINE, 0, 1), linear("onnx", 0, 0.5), whole=12)
    stalled = a_round(linear(BASELINE, 0, 1), {seat("onnx", 1): 0.6, seat("onnx", 3): 90.0}, whole=15)
    late = a_round(linear(BASELINE, 0, 2), {seat("onnx", 1): 70.0, seat("onnx", 3): 1.5}, whole=20)
    assert speedups([stalled, fine, late], "onnx") == {"onnx": pytest.approx(2)}


def test_the_least_is_of_the_same_texts_and_all_texts_count():
    short = a_round(linear(BASELINE, 0, 1), linear("onnx", 0, 0.5), whole=12, block=0)
    long = a_round(linear(BASELINE, 0, 10), linear("onnx", 0, 2.5), whole=120, block=1)
    assert speedups([short, long], "onnx") == {"onnx": pytest.approx(132 / (6 + 30))}


def test_the_depths_may_be_of_different_rounds_and_one_that_lacks_a_depth_is_not_foretold():
    whole = a_round(linear(BASELINE, 0, 1), whole=12)
    shallow = a_round({seat("onnx", 1): 0.5})
    deep = a_round({seat("onnx", 3): 1.5})
    assert speedups([whole, shallow, deep], "onnx") == {"onnx": pytest.approx(2)}
    assert speedups([whole, shallow], "onnx") == speedups([shallow, deep], "onnx") == {}
    elsewhere = a_round({seat("onnx", 3): 1.5}, block=1)
    assert speedups([whole, shallow, elsewhere], "onnx") == {}


def test_one_that_ran_no_round_costs_the_others_nothing():
    rounds = [a_round(linear(BASELINE, 0, 1), linear("onnx", 0, 0.5), whole=12)]
    assert speedups(rounds, "openvino", "onnx") == {"onnx": pytest.approx(2)}


@given(shallow=st.floats(1.0, 100.0), deep=st.floats(1.0, 100.0))
def test_noise_that_turns_the_line_around_gives_at_least_the_deeper_time(shallow, deep):
    """All layers take no less than some of them did."""
    rounds = [a_round({seat("onnx", 1): shallow, seat("onnx", 3): deep}, whole=12)]
    (speedup,) = speedups(rounds, "onnx").values()
    assert 0 < speedup <= 12 / deep * (1 + 1e-9)
    if deep <= shallow:
        assert speedup == pytest.approx(12 / deep)


def test_the_check_is_the_baselines_error_by_its_least_times():
    rounds = [a_round(linear(BASELINE, 0, 1), whole=whole) for whole in (16.0, 12.0, 13.0)]
    found = check(rounds, DEPTHS)
    assert (found.depths, found.num_layers) == ((1, 3), 12)
    assert found.baseline_error == pytest.approx(0)
    late = check([a_round(linear(BASELINE, 0, 1), whole=12 / 1.05)], DEPTHS)
    assert late.baseline_error == pytest.approx(0.05)
    assert late.fell_back is None


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_its_margin_the_check_says_that_nothing_was_foretold(sign):
    within = check([a_round(linear(BASELINE, 0, 1), whole=12 / (1 + sign * (MARGIN - 0.01)))], DEPTHS)
    beyond = check([a_round(linear(BASELINE, 0, 1), whole=12 / (1 + sign * (MARGIN + 0.01)))], DEPTHS)
    assert within.fell_back is None
    assert beyond.fell_back == f"its predicted time misses the measured one of torch-fp32 by {sign * 16:+d}%"
    assert beyond.baseline_error == pytest.approx(sign * (MARGIN + 0.01))


def test_without_the_whole_baseline_there_is_no_check():
    for rounds in ([], [a_round(linear(BASELINE, 0, 1))], [a_round({seat(BASELINE, 1): 1.0}, whole=12)]):
        with pytest.raises(ValueError, match="no round holds the baseline whole"):
            check(rounds, DEPTHS)
