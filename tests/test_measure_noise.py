"""Noise speaks only where it could have changed the verdict, and names a remedy."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from advisor.measure.noise import Contest, Noise, disturbed, parse_cpu_stat, read_noise, read_throttled_s, warnings
from advisor.measure.race.rounds import Round
from advisor.probe.sources import Sources

BEFORE = Noise(at_s=0, num_cpus=2, total_s=1000, busy_s=500, steal_s=10, own_s=5, throttled_s=1)
QUIET = Noise(at_s=60, num_cpus=2, total_s=1120, busy_s=610, steal_s=10, own_s=115, throttled_s=1)
"""A minute later: 120 CPU seconds passed, of which our own processes used 110."""


def contest(gap=0.04, *, rounds=8, ending="settled", turned=False):
    seconds = [
        {"openvino": 1.0, "onnx": 1 / (1 + gap) if turned and index >= rounds / 2 else 1 + gap, "torch-fp32": 4.0}
        for index in range(rounds)
    ]
    return Contest(
        rounds=tuple(Round(block=0, seconds=each) for each in seconds),
        leader="openvino",
        rivals=("onnx", "torch-fp32"),
        ending=ending,
    )


def after(**changes):
    return dataclasses.replace(QUIET, **changes)


def test_a_quiet_machine_gives_no_warning():
    assert warnings(BEFORE, QUIET, contest(), threads=2) == ()


def test_other_programs_are_named_with_the_gap_and_a_remedy():
    (warning,) = warnings(BEFORE, after(busy_s=620, own_s=65), contest(), threads=2)
    assert warning == (
        "Other programs used 1.0 of 2 cores while measuring, and openvino and onnx are 4% apart: "
        "close them and run again."
    )


def test_other_programs_on_cores_that_nobody_needed_are_not_named():
    assert warnings(BEFORE, after(busy_s=560, own_s=35), contest(), threads=1) == ()


def test_a_disturbance_is_not_named_where_the_gap_is_wider_than_it_could_close():
    assert len(warnings(BEFORE, after(busy_s=614, own_s=107), contest(gap=0.04), threads=2)) == 1
    assert warnings(BEFORE, after(busy_s=614, own_s=107), contest(gap=0.5), threads=2) == ()


def test_a_great_disturbance_is_named_even_so_because_the_speedups_suffer():
    (warning,) = warnings(BEFORE, after(busy_s=620, own_s=65), contest(gap=0.9), threads=2)
    assert warning == (
        "Other programs used 1.0 of 2 cores while measuring: who is fastest holds, but by how much may not; "
        "close them and run again."
    )


def test_so_great_a_disturbance_leaves_no_verdict_unless_the_gap_is_greater_still():
    busy = after(busy_s=620, own_s=65)  # others had half of the time
    assert disturbed(BEFORE, busy, contest(gap=0.04), threads=2) == (
        "Other programs used 1.0 of 2 cores while measuring, and openvino and onnx are 4% apart"
    )
    assert disturbed(BEFORE, busy, contest(gap=0.9), threads=2) is None
    assert disturbed(BEFORE, after(busy_s=614, own_s=107), contest(gap=0.0), threads=2) is None  # they had 6 %
    assert disturbed(BEFORE, busy, dataclasses.replace(contest(), rivals=()), threads=2) is None


@pytest.mark.parametrize("is_worker", [True, False])
def test_the_time_of_workers_that_still_run_is_our_own_and_that_of_other_children_is_not(is_worker):
    program = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
    named = ["advisor.child.fake"] if is_worker else []
    before = read_noise()
    child = subprocess.Popen([sys.executable, "-c", program, *named], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        running = read_noise()
    finally:
        child.communicate(b"\n")
    own_s = running.own_s - before.own_s
    assert own_s > 0.4 if is_worker else own_s < 0.4  # clocks tick in hundredths


def test_stolen_time_is_named():
    (warning,) = warnings(BEFORE, after(steal_s=22), contest(), threads=2)
    assert "withheld 10% of the CPU time (steal)" in warning
    assert "dedicated machine" in warning


def test_a_quota_that_throttles_is_named():
    (warning,) = warnings(BEFORE, after(throttled_s=13), contest(), threads=2)
    assert "CPU quota held the runtimes back for 10% of the time" in warning
    assert "--threads" in warning


def test_what_each_cpu_was_held_for_is_not_taken_for_the_time_of_all():
    counters = after(throttled_s=1 + 8 * 0.06 * 60, num_cpus=16)
    assert warnings(BEFORE, counters, contest(gap=0.1), threads=8) == ()
    assert len(warnings(BEFORE, counters, contest(gap=0.1), threads=1)) == 1


def test_what_was_counted_during_a_pause_is_left_out():
    start, end = after(at_s=100.0), after(at_s=160.0, total_s=QUIET.total_s + 120, busy_s=QUIET.busy_s + 120)
    busy = dataclasses.replace(QUIET, total_s=QUIET.total_s + 120, busy_s=QUIET.busy_s + 120)
    assert warnings(BEFORE, busy, contest(), threads=2)
    assert warnings(BEFORE.without(start, end), busy, contest(), threads=2) == ()
    blind = dataclasses.replace(BEFORE, steal_s=None).without(start, end)
    assert blind.steal_s is None


def test_missing_counters_are_not_read_as_noise():
    blind = {"steal_s": None, "throttled_s": None}
    assert warnings(dataclasses.replace(BEFORE, **blind), after(**blind), contest(), threads=2) == ()


def test_two_that_changed_places_during_the_race_are_named():
    (warning,) = warnings(BEFORE, QUIET, contest(turned=True), threads=2)
    assert warning.startswith("openvino and onnx changed places")


def test_two_that_take_the_lead_in_turns_tie_and_are_not_named():
    gaps = [1.1, 0.9, 1.2, 1.1, 0.9, 0.95, 1.1, 0.9]  # ahead in most of the first rounds, behind in most of the last
    rounds = tuple(Round(block=0, seconds={"openvino": 1.0, "onnx": gap, "torch-fp32": 4.0}) for gap in gaps)
    assert warnings(BEFORE, QUIET, dataclasses.replace(contest(), rounds=rounds), threads=2) == ()


def test_a_budget_that_ended_a_close_race_is_named_and_a_clear_one_is_not():
    (warning,) = warnings(BEFORE, QUIET, contest(ending="time", rounds=4), threads=2)
    assert "ended the race after 4 rounds" in warning
    assert "--time-budget" in warning
    assert warnings(BEFORE, QUIET, contest(gap=0.5, ending="time", rounds=4), threads=2) == ()


def test_a_race_without_rivals_has_nothing_to_warn_of():
    alone = dataclasses.replace(contest(), rivals=())
    assert warnings(BEFORE, after(steal_s=100), alone, threads=2) == ()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("usage_usec 5\nnr_periods 10\nnr_throttled 2\nthrottled_usec 2500000\n", 2.5),
        ("nr_periods 10\nnr_throttled 2\nthrottled_time 2500000000\n", 2.5),
        ("usage_usec 5\nuser_usec 3\n", None),
        ("throttled_usec none\n", None),
        ("", None),
    ],
)
def test_both_versions_of_cpu_stat_are_read(text, seconds):
    assert parse_cpu_stat(text) == seconds


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_throttling_is_read_from_the_groups_above_too(tmp_path):
    write(tmp_path, "proc/self/cgroup", "0::/outer/inner\n")
    write(tmp_path, "proc/self/mountinfo", "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    write(tmp_path, "sys/fs/cgroup/outer/inner/cpu.stat", "throttled_usec 0\n")
    write(tmp_path, "sys/fs/cgroup/outer/cpu.stat", "throttled_usec 3000000\n")
    assert read_throttled_s(Sources(root=tmp_path)) == 3.0


def test_version_1_is_read_from_the_cpu_controllers_mount(tmp_path):
    write(tmp_path, "proc/self/cgroup", "5:memory:/box\n3:cpu,cpuacct:/box\n")
    write(
        tmp_path,
        "proc/self/mountinfo",
        "1 1 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "2 1 0:2 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
    )
    write(tmp_path, "sys/fs/cgroup/cpu,cpuacct/box/cpu.stat", "throttled_time 1500000000\n")
    assert read_throttled_s(Sources(root=tmp_path)) == 1.5


def test_a_machine_without_control_groups_has_no_throttling(tmp_path):
    assert read_throttled_s(Sources(root=tmp_path)) is None


def test_the_counters_of_this_machine_grow():
    first = read_noise()
    sum(index * index for index in range(3_000_000))
    second = read_noise()
    assert second.own_s > first.own_s
    assert second.total_s >= first.total_s
    assert second.at_s > first.at_s


def test_a_clock_that_slowed_down_by_more_than_the_gap_is_named_in_mhz():
    cooler = dataclasses.replace(BEFORE, mhz=3400.0)
    (warning,) = warnings(cooler, after(mhz=2890.0), contest(gap=0.04), threads=2)
    assert warning.startswith("The clock frequency fell by 15%, from 3,400 to 2,890 MHz, and openvino and onnx are 4%")
    assert warnings(cooler, after(mhz=3390.0), contest(gap=0.04), threads=2) == ()
    assert warnings(cooler, after(mhz=None), contest(gap=0.04), threads=2) == ()
