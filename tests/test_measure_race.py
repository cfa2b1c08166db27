"""The race's decisions, with scripted laps and a fake clock: who is cut, who is not, and when it stops."""

from __future__ import annotations

import math
import random
import re
import statistics

import pytest

from advisor.errors import ChildFailed
from advisor.measure.control import Control
from advisor.measure.race.observer import NoSwitches, Observer
from advisor.measure.race.race import Entrant, Race
from advisor.measure.race.rounds import Lap, Round, estimate, log_speed
from advisor.objectives import FLOOR_ROUNDS, Limits

BASE = "torch-fp32"


class Scripted:
    """Runs laps that a function of (candidate, how often it ran before, the fake time) makes up, in fake time."""

    def __init__(self, lap):
        self.lap = lap
        self.now_s = 0.0
        self.order = []
        self.counts = {}
        self.num_blocks = 4

    def ready(self, candidate):
        """It is open."""

    def run(self, candidate, block):
        count = self.counts.get(candidate, 0)
        self.counts[candidate] = count + 1
        self.order.append(candidate)
        seconds = self.lap(candidate, count, self.now_s)
        self.now_s += seconds
        return Lap(seconds=seconds)

    def clock(self):
        return self.now_s


def race(
    runner, names, *, pick=None, may_not_win=(), seed=0, limits=None, deadline_s=math.inf, control=None, on_lap=None
):
    entrants = [
        Entrant(name=name, may_win=name not in may_not_win, protected=name in (BASE, pick)) for name in (BASE, *names)
    ]
    observer = Observer()
    if on_lap is not None:
        observer.lap = on_lap
    return Race(
        entrants=entrants,
        runner=runner,
        baseline=BASE,
        limits=limits or Limits(),
        seed=seed,
        clock=runner.clock,
        deadline_s=deadline_s,
        control=control or NoSwitches(),
        observer=observer,
    ).run()


def steady(speeds, *, noise=0.03, seed=1):
    """Laps of 1 / speed seconds with log-normal noise."""
    rng = random.Random(seed)
    return Scripted(lambda name, count, now: math.exp(rng.gauss(0, noise)) / speeds[name])


def exits(result):
    return {left.name: left.status for left in result.exits}


def speedup(result, name):
    return estimate(log_speed(result.rounds, name, BASE))


def test_a_clear_winner_settles_the_race_and_the_others_are_cut_with_the_reason():
    result = race(steady({BASE: 1, "onnx": 2, "openvino": 4}), ["onnx", "openvino"])
    assert result.leader == "openvino"
    assert result.ending == "settled"
    assert exits(result) == {"onnx": "cut"}
    assert re.fullmatch(r"cut after \d rounds: (1\.9|2\.0|2\.1)x slower than openvino", result.exits[0].reason)
    low, high = speedup(result, "openvino").ci95
    assert low < 4 < high
    assert high / low < 1.2


def test_nobody_is_cut_by_the_interval_before_the_minimum_and_a_slower_baseline_rests_after_ten_rounds():
    speeds = {BASE: 1, "onnx": 2.2, "onnx-O2": 3.9, "openvino": 4}
    result = race(steady(speeds), ["onnx", "onnx-O2", "openvino"], pick="onnx")
    laps = {name: sum(name in one.seconds for one in result.rounds) for name in speeds}
    assert laps["onnx"] == Limits().min_rounds < len(result.rounds)
    assert laps[BASE] == Limits().baseline_rounds < len(result.rounds)
    assert laps["openvino"] == laps["onnx-O2"] == len(result.rounds)
    assert exits(result) == {"onnx": "cut"}  # and the baseline has not left: it has its speed


def test_a_baseline_that_may_be_the_fastest_runs_to_the_end():
    result = race(steady({BASE: 1, "onnx": 1.01}), ["onnx"], pick="onnx")
    laps = {name: sum(name in one.seconds for one in result.rounds) for name in (BASE, "onnx")}
    assert laps == {BASE: len(result.rounds), "onnx": len(result.rounds)}
    assert len(result.rounds) > Limits().baseline_rounds


def test_one_that_takes_over_twice_the_leaders_time_in_every_round_is_cut_after_three():
    result = race(steady({BASE: 1, "onnx": 1.5, "openvino": 4}), ["onnx", "openvino"])
    (left,) = result.exits
    assert left.reason.startswith("cut after 3 rounds: 2.")
    assert speedup(result, "onnx").ci95 is not None


def test_one_that_keeps_up_in_a_single_one_of_three_rounds_is_not_cut_early():
    def lap(name, count, now):
        return 0.2 if name == "openvino" and count != 1 else 0.6 if name == "onnx" else 0.5

    result = race(Scripted(lap), ["onnx", "openvino"], limits=Limits(max_rounds=5))
    assert exits(result) == {}


def test_every_round_runs_everyone_once_in_an_order_that_changes():
    runner = steady({BASE: 1, "onnx": 1, "openvino": 1})
    result = race(runner, ["onnx", "openvino"], limits=Limits(min_rounds=8, max_rounds=8))
    turns = [runner.order[index : index + 3] for index in range(0, len(runner.order), 3)]
    assert all(sorted(turn) == ["onnx", "openvino", BASE] for turn in turns)
    assert len({tuple(turn) for turn in turns}) > 2
    assert [one.block for one in result.rounds] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_the_same_seed_gives_the_same_order():
    orders = []
    for seed in (5, 5, 6):
        runner = steady({BASE: 1, "onnx": 1})
        race(runner, ["onnx"], seed=seed)
        orders.append(runner.order)
    assert orders[0] == orders[1] != orders[2]


def test_two_that_are_the_same_to_a_percent_are_tied_and_neither_is_cut():
    result = race(steady({BASE: 1, "onnx": 2, "onnx-O2": 2.005}, noise=0.003), ["onnx", "onnx-O2"])
    assert result.ending == "tied"
    assert exits(result) == {}
    assert len(result.rounds) < Limits().max_rounds


def test_what_noise_hides_runs_to_the_last_round_undecided():
    result = race(steady({BASE: 1, "onnx": 2, "onnx-O2": 2.1}, noise=0.15), ["onnx", "onnx-O2"])
    assert result.ending == "rounds"
    assert exits(result) == {}


def test_drift_of_the_whole_machine_picks_no_winner():
    """Everybody slows down threefold while the race runs; timed one after the other, the later would have lost."""
    rng = random.Random(4)
    drifting = Scripted(lambda name, count, now: (1 + now / 20) * math.exp(rng.gauss(0, 0.01)))
    result = race(drifting, ["onnx", "openvino"], limits=Limits(min_rounds=12, max_rounds=12))
    assert drifting.now_s > 40
    assert exits(result) == {}
    for name in ("onnx", "openvino"):
        assert speedup(result, name).median == pytest.approx(1, abs=0.06)


def test_a_slow_start_does_not_cost_the_win():
    rng = random.Random(5)

    def lap(name, count, now):
        warm = 3.0 if name == "openvino" and count == 0 else 1.0
        return warm * math.exp(rng.gauss(0, 0.02)) / {BASE: 1, "onnx": 2, "openvino": 3}[name]

    result = race(Scripted(lap), ["onnx", "openvino"])
    assert result.leader == "openvino"
    assert "openvino" not in exits(result)


def test_a_straggler_a_hundred_times_slower_is_gone_after_two_laps():
    result = race(steady({BASE: 1, "onnx": 0.01, "openvino": 2}, noise=0), ["onnx", "openvino"])
    assert sum("onnx" in one.seconds for one in result.rounds) == 2
    assert result.exits[0].reason == "cut after 2 rounds: 100x slower than torch-fp32"


def test_the_pick_gets_an_interval_even_as_a_straggler():
    result = race(steady({BASE: 1, "onnx": 0.01, "openvino": 2}), ["onnx", "openvino"], pick="onnx")
    assert exits(result)["onnx"] == "cut"
    assert sum("onnx" in one.seconds for one in result.rounds) == FLOOR_ROUNDS
    assert speedup(result, "onnx").ci95 is not None


def test_one_stalled_lap_costs_nobody_the_race():
    rng = random.Random(6)

    def lap(name, count, now):
        stall = 100 if name == "openvino" and count == 3 else 1
        return stall * math.exp(rng.gauss(0, 0.02)) / {BASE: 1, "onnx": 2, "openvino": 3}[name]

    result = race(Scripted(lap), ["onnx", "openvino"])
    assert result.leader == "openvino"
    assert "openvino" not in exits(result)
    assert speedup(result, "openvino").median == pytest.approx(3, rel=0.05)


def test_a_machine_with_two_speeds_does_not_decide_between_equals():
    rng = random.Random(7)
    two_speeds = Scripted(lambda name, count, now: rng.choice((1.0, 1.4)) * math.exp(rng.gauss(0, 0.01)))
    result = race(two_speeds, ["onnx"])
    assert exits(result) == {}
    assert result.ending == "rounds"


def test_a_crash_in_round_3_fails_that_candidate_and_keeps_its_laps():
    healthy = steady({BASE: 1, "onnx": 2, "openvino": 3})

    def lap(name, count, now):
        if name == "openvino" and count == 2:
            raise ChildFailed("the process was killed by SIGKILL", log="openvino.log", kind="killed")
        return healthy.lap(name, count, now)

    result = race(Scripted(lap), ["onnx", "openvino"])
    (left,) = result.exits
    assert (left.name, left.status, left.log) == ("openvino", "failed", "openvino.log")
    assert left.reason == "failed in round 3: the process was killed by SIGKILL"
    assert sum("openvino" in one.seconds for one in result.rounds) == 2
    assert result.leader == "onnx"
    assert len(result.rounds) >= Limits().min_rounds


def test_the_others_go_on_when_the_baseline_crashes():
    healthy = steady({BASE: 1, "onnx": 2, "openvino": 4})

    def lap(name, count, now):
        if name == BASE and count == 3:
            raise ChildFailed("gone")
        return healthy.lap(name, count, now)

    result = race(Scripted(lap), ["onnx", "openvino"])
    assert result.leader == "openvino"
    assert exits(result) == {BASE: "failed", "onnx": "cut"}
    assert speedup(result, "openvino").ci95 is not None


def test_one_that_may_not_win_cuts_nobody_and_rests_at_the_minimum():
    speeds = {BASE: 1, "onnx": 2, "onnx-O2": 2.02, "onnx-qint8": 5}
    result = race(steady(speeds), ["onnx", "onnx-O2", "onnx-qint8"], may_not_win=["onnx-qint8"])
    assert exits(result) == {}
    assert result.leader in ("onnx", "onnx-O2")
    assert sum("onnx-qint8" in one.seconds for one in result.rounds) == Limits().min_rounds


def test_a_spent_budget_ends_the_race_but_not_before_there_is_an_interval():
    spent = race(steady({BASE: 1, "onnx": 1.1}), ["onnx"], deadline_s=0.0)
    assert spent.ending == "time"
    assert len(spent.rounds) == FLOOR_ROUNDS
    assert speedup(spent, "onnx").ci95 is not None
    short = race(steady({BASE: 1, "onnx": 1.01}, noise=0.05), ["onnx"], deadline_s=10.0)
    assert short.ending == "time"
    assert sum(sum(one.seconds.values()) for one in short.rounds) <= 10.0


def test_fixed_rounds_cut_nobody():
    result = race(
        steady({BASE: 1, "onnx": 2, "openvino": 2.9}), ["onnx", "openvino"], limits=Limits(max_rounds=7, cuts=False)
    )
    assert result.ending == "rounds"
    assert len(result.rounds) == 7
    assert exits(result) == {}


def test_stop_ends_before_the_next_lap_and_keeps_what_is_measured():
    control = Control()
    runner = steady({BASE: 1, "onnx": 1, "openvino": 1})

    def stop_in_round_4(name, round_index, block, seconds):
        if round_index == 4:
            control.stop()

    result = race(runner, ["onnx", "openvino"], control=control, on_lap=stop_in_round_4)
    assert result.ending == "stopped"
    assert len(runner.order) == 3 * 3 + 1
    assert len(result.rounds) == 4


def test_a_candidate_that_the_user_skips_runs_no_more_and_the_baseline_cannot_be_skipped():
    control = Control()
    control.skip("onnx")
    control.skip(BASE)
    result = race(steady({BASE: 1, "onnx": 1, "openvino": 2}), ["onnx", "openvino"], control=control)
    assert exits(result) == {"onnx": "skipped"}
    assert all("onnx" not in one.seconds and BASE in one.seconds for one in result.rounds)


def test_a_pause_holds_the_race_until_resume_and_does_not_count():
    import threading

    control = Control()
    control.pause()
    assert control.paused
    resumer = threading.Timer(0.05, control.resume)
    resumer.start()
    assert control.wait() > 0
    assert not control.paused
    assert control.wait() == 0


# -- rounds of an earlier race --------------------------------------------------------------------------------


class Forbidden:
    """A runner for races that should need none."""

    num_blocks = 4

    def ready(self, candidate):
        raise AssertionError(f"{candidate} was opened")

    def run(self, candidate, block):
        raise AssertionError(f"{candidate} was run")


def continued(runner, replay, names=("onnx", "openvino"), *, deadline_s=math.inf, limits=None):
    kept = []
    observer = Observer()
    observer.round = lambda index, one: kept.append((index, one))
    result = Race(
        entrants=[Entrant(name=name, protected=name == BASE) for name in (BASE, *names)],
        runner=runner,
        baseline=BASE,
        limits=limits or Limits(),
        seed=0,
        clock=lambda: 0.0,
        deadline_s=deadline_s,
        observer=observer,
        replay=replay,
    ).run()
    return result, kept


def test_a_finished_race_is_decided_again_from_its_rounds_alone():
    first = race(steady({BASE: 1, "onnx": 2, "openvino": 4}), ["onnx", "openvino"])
    again, kept = continued(Forbidden(), first.rounds)
    assert again.rounds == first.rounds
    assert (again.leader, again.ending, again.exits) == (first.leader, first.ending, first.exits)
    assert again.num_replayed == len(first.rounds)
    assert kept == []


def test_an_interrupted_race_goes_on_after_its_last_finished_round():
    first = race(steady({BASE: 1, "onnx": 2, "openvino": 2.1}), ["onnx", "openvino"])
    runner = steady({BASE: 1, "onnx": 2, "openvino": 2.1}, seed=2)
    again, kept = continued(runner, first.rounds[:4])
    assert again.num_replayed == 4
    assert again.rounds[:4] == first.rounds[:4]
    assert [index for index, _ in kept] == list(range(4, len(again.rounds)))
    assert runner.counts["openvino"] == len(again.rounds) - 4


def test_where_the_time_is_over_a_race_ends_with_the_rounds_that_it_replays():
    first = race(steady({BASE: 1, "onnx": 2, "openvino": 2.1}), ["onnx", "openvino"])
    result, _ = continued(Forbidden(), first.rounds[:FLOOR_ROUNDS], deadline_s=-math.inf)
    assert (result.ending, result.num_replayed) == ("time", FLOOR_ROUNDS)


def test_a_candidate_is_opened_before_its_first_lap_that_is_run_and_not_for_those_that_are_replayed():
    first = race(steady({BASE: 1, "onnx": 2, "openvino": 2.1}), ["onnx", "openvino"])
    runner = steady({BASE: 1, "onnx": 2, "openvino": 2.1}, seed=2)
    opened = []
    runner.ready = lambda name: opened.append((name, len(runner.order)))
    continued(runner, first.rounds[:4])
    assert {name for name, _ in opened[:3]} == {BASE, "onnx", "openvino"}
    assert [before for _, before in opened[:3]] == [0, 1, 2]


def test_rounds_that_lack_somebody_who_is_still_running_end_the_replay():
    """The first race cut `onnx`; now it may not be cut so early, and its missing laps cannot be made up."""
    rounds = [Round(block=index % 4, seconds={BASE: 1.0, "onnx": 0.5, "openvino": 0.5}) for index in range(3)]
    rounds += [Round(block=index % 4, seconds={BASE: 1.0, "openvino": 0.5}) for index in range(3, 8)]
    runner = steady({BASE: 1, "onnx": 2, "openvino": 2})
    again, kept = continued(runner, rounds, limits=Limits(min_rounds=8, max_rounds=8))
    assert again.num_replayed == 3
    assert kept[0][0] == 3
    assert set(kept[0][1].seconds) == {BASE, "onnx", "openvino"}


# -- simulations ---------------------------------------------------------------------------------------------

LAP_NOISES = {
    "normal": lambda rng: rng.gauss(0, 0.04),
    "spikes": lambda rng: rng.gauss(0, 0.02) + (rng.expovariate(3) if rng.random() < 0.1 else 0.0),
    "two speeds": lambda rng: rng.choice((0.0, 0.25)) + rng.gauss(0, 0.01),
}


def simulated(speeds, noise, seed):
    rng = random.Random(seed)

    def lap(name, count, now):
        return math.exp(LAP_NOISES[noise](rng)) / speeds[name]

    return race(Scripted(lap), [name for name in speeds if name != BASE], seed=seed)


@pytest.mark.parametrize("noise", LAP_NOISES)
def test_the_same_candidate_twice_is_told_apart_in_at_most_5_of_100_races_and_the_interval_holds_1(noise):
    results = [simulated({BASE: 1, "onnx": 1}, noise, seed) for seed in range(400)]
    assert statistics.fmean(bool(result.exits) for result in results) <= 0.05
    intervals = [speedup(result, "onnx").ci95 for result in results]
    assert statistics.fmean(low <= 1 <= high for low, high in intervals) >= 0.93


@pytest.mark.parametrize("noise", LAP_NOISES)
def test_eleven_equal_candidates_lose_none_in_95_of_100_races(noise):
    speeds = {BASE: 1.0, **{f"candidate-{index}": 1.0 for index in range(10)}}
    results = [simulated(speeds, noise, seed) for seed in range(60)]
    assert statistics.fmean(bool(result.exits) for result in results) <= 0.05


@pytest.mark.parametrize("noise", LAP_NOISES)
def test_the_fastest_is_hardly_ever_cut_and_its_interval_survives_early_stopping(noise):
    speeds = {BASE: 1, "onnx": 1.5, "onnx-O2": 1.55, "onnx-qint8": 2.4, "openvino": 3.0}
    results = [simulated(speeds, noise, seed) for seed in range(200)]
    assert statistics.fmean("openvino" in exits(result) for result in results) <= 0.05
    intervals = [speedup(result, "openvino").ci95 for result in results]
    assert statistics.fmean(low <= 3 <= high for low, high in intervals) >= 0.93


def test_a_race_with_a_clear_winner_takes_half_of_the_laps():
    speeds = {BASE: 1, "onnx": 1.5, "onnx-O2": 1.55, "onnx-qint8": 2.0, "openvino": 3.0}
    laps = [sum(len(one.seconds) for one in simulated(speeds, "normal", seed).rounds) for seed in range(50)]
    assert statistics.fmean(laps) < 0.55 * Limits().max_rounds * len(speeds)
