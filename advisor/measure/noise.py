"""What else the machine did while it measured, and whether that could have changed the verdict."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import expm1
from statistics import median

from advisor.child.running import own_processes
from advisor.measure.race.intervals import median_interval
from advisor.measure.race.race import Ending
from advisor.measure.race.rounds import Round, log_speed
from advisor.probe.cgroup import group_folders, parse_mountinfo, parse_self_cgroup
from advisor.probe.sources import Sources

_WORTH_SAYING = 0.02
"""A disturbance smaller than this share of the time is within what interleaved rounds even out."""

_DISTORTS = 0.2
"""A disturbance of this share of the time distorts speedups even where it leaves the order alone. Interleaved rounds
even out what hits all alike, but runtimes do not bear it alike: with half of the time of two cores gone, two that tied
on the quiet machine were 8 to 14 % apart (docs/benchmarks.md). From here on no verdict rests on the rounds, unless the
gap is wider than the disturbance."""

_ROUNDS_IN_A_HALF = 3
"""Fewer do not tell a change between the first and the last rounds from chance."""

_OPEN_GAP = 0.1
"""A gap below this may still turn where the time budget, and not the evidence, ended the race."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Counters that only grow, read at one moment; seconds summed over all CPUs. None where there is no counter."""

    at_s: float
    num_cpus: int
    total_s: float
    busy_s: float
    """Without idle, waiting for I/O, and stolen time."""
    steal_s: float | None
    own_s: float
    """CPU seconds of this process and its workers, the ended ones too."""
    throttled_s: float | None
    mhz: float | None = None
    """The clock frequency now, the mean over CPUs; None where the system does not tell."""

    def without(self, start: Noise, end: Noise) -> Noise:
        """These counters as a beginning, where what they counted between `start` and `end` is of no concern."""
        return replace(
            self,
            at_s=self.at_s + end.at_s - start.at_s,
            total_s=self.total_s + end.total_s - start.total_s,
            busy_s=self.busy_s + end.busy_s - start.busy_s,
            steal_s=_grown(self.steal_s, start.steal_s, end.steal_s),
            own_s=self.own_s + end.own_s - start.own_s,
            throttled_s=_grown(self.throttled_s, start.throttled_s, end.throttled_s),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """How a race ended: its rounds, its leader, the rivals of the leader, and why it stopped."""

    rounds: tuple[Round, ...]
    leader: str
    rivals: tuple[str, ...]
    ending: Ending


def _grown(counter: float | None, start: float | None, end: float | None) -> float | None:
    return counter if counter is None or start is None or end is None else counter + end - start


def read_noise(sources: Sources | None = None) -> Noise:
    """Read the counters. The load average is none of them: it lags, and counts our own exports."""
    import psutil

    times = psutil.cpu_times()
    total_s = float(sum(times)) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)  # in user, nice
    steal_s = getattr(times, "steal", None)
    return Noise(
        at_s=time.monotonic(),
        num_cpus=psutil.cpu_count() or 1,
        total_s=total_s,
        busy_s=total_s - times.idle - getattr(times, "iowait", 0.0) - (steal_s or 0.0),
        steal_s=steal_s,
        own_s=_own_s(),
        throttled_s=read_throttled_s(sources or Sources()),
        mhz=_read_mhz(),
    )


def _own_s() -> float:
    import resource

    import psutil

    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(used.ru_utime + used.ru_stime for used in own)
    for process in own_processes():
        with contextlib.suppress(psutil.Error):  # it ended just now, and its parent reaps it
            used = process.cpu_times()
            seconds += used.user + used.system + used.children_user + used.children_system
    return seconds


def _read_mhz() -> float | None:
    import psutil

    try:
        frequency = psutil.cpu_freq()
    except (AttributeError, OSError, NotImplementedError):  # not on every system, not in every container
        return None
    return None if frequency is None or not frequency.current else float(frequency.current)


def read_throttled_s(sources: Sources) -> float | None:
    """CPU seconds for which a quota has held this process' control group, or one above it; None without counters.

    Two CPUs on which the group was held for a second are two seconds (`unthrottle_cfs_rq` in kernel/sched/fair.c).
    """
    try:
        entries = parse_self_cgroup(sources.text("/proc/self/cgroup"))
        mounts = parse_mountinfo(sources.text("/proc/self/mountinfo"))
    except OSError:
        return None
    found = []
    for entry in entries:
        for mount in mounts:
            if mount.version == 1 and not {"cpu"} & set(mount.controllers) & set(entry.controllers):
                continue
            if (mount.version == 2) != (entry.hierarchy == 0):
                continue
            for folder in group_folders(mount, entry.path):
                try:
                    throttled_s = parse_cpu_stat(sources.text(f"{folder}/cpu.stat"))
                except OSError:
                    continue
                if throttled_s is not None:
                    found.append(throttled_s)
    return max(found, default=None)


def parse_cpu_stat(text: str) -> float | None:
    """Throttled seconds in a control group's `cpu.stat`: `throttled_usec` (v2) or `throttled_time` in ns (v1)."""
    units = {"throttled_usec": 1e-6, "throttled_time": 1e-9}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in units and value.strip().isdigit():
            return int(value) * units[name]
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Disturbance:
    """`share` of the CPU time that the race should have had went elsewhere."""

    share: float
    what: str
    remedy: str


def warnings(before: Noise, after: Noise, contest: Contest, *, threads: int) -> tuple[str, ...]:
    """Sentences with a cause and a remedy, for what could have changed the answer; usually none.

    A disturbance that took a share s of the CPU time may have slowed one candidate by as much. So it could have changed
    the winner where s is at least the gap between the leader and its closest rival. From a fifth of the CPU time on it
    is named anyway: PyTorch's threads spin while they wait for one that lost its core, so that the baseline suffers far
    more than s, and the speedups come out too high.
    """
    duel = _duel(contest)
    if duel is None:
        return ()
    rival, ahead, gap = duel.rival, duel.ahead, duel.gap
    apart = f"{contest.leader} and {rival} are {gap:.0%} apart"
    found = []
    for one in _disturbances(before, after, threads):
        if one.share >= max(_WORTH_SAYING, gap):
            found.append(f"{one.what}, and {apart}: {one.remedy}.")
        elif one.share >= _DISTORTS:
            found.append(f"{one.what}: who is fastest holds, but by how much may not; {one.remedy}.")
    if _changed_places(ahead):
        found.append(
            f"{contest.leader} and {rival} changed places between the first and the last rounds: "
            "let the machine cool down or come to rest, and run again."
        )
    if contest.ending == "time" and gap < _OPEN_GAP:
        found.append(
            f"The time budget ended the race after {len(ahead)} rounds, and {apart}: give it more (--time-budget)."
        )
    return tuple(found)


def disturbed(before: Noise, after: Noise, contest: Contest, *, threads: int) -> str | None:
    """What took so much of the CPU time that no verdict rests on this race, without a full stop; None if nothing did.

    That is a disturbance of a fifth of the time or more, which is not smaller than the gap.
    """
    duel = _duel(contest)
    disturbances = [] if duel is None else _disturbances(before, after, threads)
    worst = max(disturbances, key=lambda one: one.share, default=None)
    if duel is None or worst is None or worst.share < max(_DISTORTS, duel.gap):
        return None
    return f"{worst.what}, and {contest.leader} and {duel.rival} are {duel.gap:.0%} apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Duel:
    """The leader and its closest rival: by how much it was ahead, in logs and round by round, and in the median."""

    rival: str
    ahead: tuple[float, ...]
    gap: float


def _duel(contest: Contest) -> _Duel | None:
    if not contest.rivals:
        return None
    rival = max(contest.rivals, key=lambda name: median(log_speed(contest.rounds, name, contest.leader) or [-9.0]))
    ahead = log_speed(contest.rounds, contest.leader, rival)
    return _Duel(rival=rival, ahead=tuple(ahead), gap=expm1(max(0.0, median(ahead)))) if ahead else None


def _changed_places(ahead: Sequence[float]) -> bool:
    """Whether the leader was beyond doubt ahead in one half of the rounds, and behind in the other.

    Two that are about as fast change places by chance all the time, and that is a tie, no disturbance.
    """
    half = len(ahead) // 2
    if half < _ROUNDS_IN_A_HALF:
        return False
    halves = [median_interval(ahead[:half]), median_interval(ahead[-half:])]
    ends = [end for interval in halves if interval is not None for end in interval]
    return len(ends) == 4 and ((ends[0] > 0 > ends[3]) or (ends[1] < 0 < ends[2]))


def _disturbances(before: Noise, after: Noise, threads: int) -> tuple[_Disturbance, ...]:
    total_s = max(after.total_s - before.total_s, 1e-9)
    others = max(0.0, (after.busy_s - before.busy_s) - (after.own_s - before.own_s)) / total_s
    ours = min(1.0, threads / after.num_cpus)
    found = [
        _Disturbance(
            share=max(0.0, others + ours - 1) / ours,
            what=f"Other programs used {others * after.num_cpus:.1f} of {after.num_cpus} cores while measuring",
            remedy="close them and run again",
        )
    ]
    if before.steal_s is not None and after.steal_s is not None:
        stolen = (after.steal_s - before.steal_s) / total_s
        found.append(
            _Disturbance(
                share=stolen,
                what=f"The hypervisor withheld {stolen:.0%} of the CPU time (steal)",
                remedy="run again when the host is quieter, or on a dedicated machine",
            )
        )
    if before.throttled_s is not None and after.throttled_s is not None:
        # The kernel adds up what each CPU's queue was held for, and no more queues than threads have work.
        queues = max(1, min(threads, after.num_cpus))
        held = (after.throttled_s - before.throttled_s) / (queues * max(after.at_s - before.at_s, 1e-9))
        found.append(
            _Disturbance(
                share=held,
                what=f"The container's CPU quota held the runtimes back for {held:.0%} of the time",
                remedy=f"use fewer than {threads} threads (--threads), or raise the quota",
            )
        )
    if before.mhz and after.mhz and after.mhz < before.mhz:
        slower = 1 - after.mhz / before.mhz
        found.append(
            _Disturbance(
                share=slower,
                what=f"The clock frequency fell by {slower:.0%}, from {before.mhz:,.0f} to {after.mhz:,.0f} MHz",
                remedy="let the machine cool down, or fix the frequency (cpupower frequency-set), and run again",
            )
        )
    return tuple(found)
