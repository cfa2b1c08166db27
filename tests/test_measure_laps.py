"""What a lap asks of a worker: which texts, and what is encoded before them without being timed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from advisor.measure.heat.laps import _LONGEST_WAKE_S, BlockLaps, Seat
from advisor.measure.workload.durations import Durations
from advisor.measure.workload.workload import Workload

WORKLOAD = Workload(batches=(("a", "b"), ("reference",), ("c", "d"), ("e",)), blocks=((2, 3), (3,)))


class Worker:
    def __init__(self):
        self.asked = []

    def time_blocks(self, blocks, *, wake, timeout_s, setting):
        self.asked.append((blocks, wake, setting))
        return (0.5,) * len(blocks)


def laps(s_per_text, **kwargs):
    worker = Worker()
    one = SimpleNamespace(connection=worker, s_per_text=s_per_text)
    pool = SimpleNamespace(workload=WORKLOAD, durations=Durations())
    return BlockLaps({"onnx": Seat(contestant=one, setting="own")}, pool, **kwargs), worker


def test_a_lap_is_a_block_after_an_untimed_encode_of_the_probe():
    runner, worker = laps(0.001)
    assert runner.num_blocks == 2
    assert runner.run("onnx", 0).seconds == 0.5
    assert worker.asked == [([(2, 3)], Workload.probe, "own")]


@pytest.mark.parametrize(("s_per_text", "wake"), [(0.4, Workload.probe), (0.6, None)])
def test_one_that_takes_long_over_the_probe_needs_no_wake(s_per_text, wake):
    runner, worker = laps(s_per_text * _LONGEST_WAKE_S)
    runner.run("onnx", 1)
    assert worker.asked == [([(3,)], wake, "own")]


def test_over_blocks_that_it_was_not_warmed_up_on_the_first_wake_is_their_own_batch():
    runner, worker = laps(1.0, blocks=[(3, 2)])
    runner.run("onnx", 0)
    runner.run("onnx", 0)
    assert [wake for _, wake, _ in worker.asked] == [3, None]
