"""What the runtimes do where a container grants one core: how many of their threads run, and what advisor recommends.

    python benchmarks/quota.py [--model demo] [--texts SOURCE] [--seconds 5] [--out FILE]

Everything runs in a control group that grants one core's time. It is made below the present group, which needs root
(and on version 2 a group that may have children). Where that is refused, start this in a group with such a quota:

    systemd-run --scope --property=CPUQuota=100% python benchmarks/quota.py
    docker run --cpus 1 ...

First every candidate that can run here is loaded with one thread and encodes the sample for `--seconds`. Before and
after, the processor time of each thread of its process and the group's own counters of throttling are read: a runtime
that ran a second thread would show it in both, since two threads on one core's quota are held back. Then
`advisor.recommend` runs as a user would run it, told nothing about threads. Exit code 1 if any runtime's second
thread ran, or if the recommendation took more than one thread. Progress goes to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from common import Machine, Workers, environment, export, question_of, sample, say, write_json

import advisor
from advisor.errors import AdvisorError
from advisor.measure.contestant import Contestant
from advisor.measure.noise import read_throttled_s
from advisor.model import resolve_model
from advisor.probe.cgroup import group_folders, parse_mountinfo, parse_self_cgroup, read_limits
from advisor.probe.sources import Sources
from advisor.types import Request

PERIOD_US = 100_000
"""Over which the kernel counts the quota: its default, and Docker's."""

RAN = 0.02
"""From this share of the time on, a thread counts as one that ran: its time is counted in hundredths of a second."""

OTHERWISE = "Start this in a group with a quota of one core (see --help)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One candidate with one thread under the quota, over `wall_s` of encoding; shares are of that time."""

    candidate: str
    wall_s: float
    shares: tuple[float, ...]
    """The processor time of each thread that ran, the busiest one first."""
    threads: int
    """All that the process had, most of them asleep."""
    throttled: float
    """CPU seconds a second for which the quota held the group back."""

    @property
    def one(self) -> bool:
        return len(self.shares) == 1

    def line(self) -> str:
        shares = " + ".join(f"{share:.2f}" for share in self.shares) or "0"
        return (
            f"{self.candidate:22} {len(self.shares)} of {self.threads} threads ran, "
            f"{shares} CPU seconds a second, held back {self.throttled:.1%} of the time"
        )


@contextmanager
def one_core() -> Iterator[str]:
    """This process and its children in a group that grants one core. Gives the quota's source as the probe names it."""
    granted = read_limits(Sources()).cpu
    if granted.cores is not None and granted.cores <= 1:
        yield granted.source
        return
    parent, files = _own_group()
    group = parent / f"advisor-quota-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise AdvisorError(f"No group can be made in {parent}: {error.strerror}.", hint=OTHERWISE) from None
    try:
        try:
            for name, value in files.items():
                (group / name).write_text(value)
            (group / "cgroup.procs").write_text(str(os.getpid()))
        except OSError as error:
            raise AdvisorError(f"{error.filename} refuses the quota: {error.strerror}.", hint=OTHERWISE) from None
        yield read_limits(Sources()).cpu.source
    finally:
        with contextlib.suppress(OSError):
            (parent / "cgroup.procs").write_text(str(os.getpid()))
            group.rmdir()


def _own_group() -> tuple[Path, dict[str, str]]:
    """The folder of the present group, and what is written into a new one to grant one core."""
    sources = Sources()
    mounts = parse_mountinfo(sources.text("/proc/self/mountinfo"))
    for entry in parse_self_cgroup(sources.text("/proc/self/cgroup")):
        for mount in mounts:
            if mount.version == 1 and "cpu" in mount.controllers and "cpu" in entry.controllers:
                files = {"cpu.cfs_period_us": str(PERIOD_US), "cpu.cfs_quota_us": str(PERIOD_US)}
                return Path(group_folders(mount, entry.path)[0]), files
    for entry in parse_self_cgroup(sources.text("/proc/self/cgroup")):
        for mount in mounts:
            if mount.version == 2 and entry.hierarchy == 0:
                return Path(group_folders(mount, entry.path)[0]), {"cpu.max": f"{PERIOD_US} {PERIOD_US}"}
    raise AdvisorError("No control group with a cpu controller is mounted here.", hint="Run this on Linux.")


def _held_s() -> float:
    """CPU seconds for which the quota has held the group back so far."""
    return read_throttled_s(Sources()) or 0.0


def _times(pid: int) -> dict[int, float]:
    return {thread.id: thread.user_time + thread.system_time for thread in psutil.Process(pid).threads()}


def encode(contestant: Contestant, blocks: list[tuple[int, ...]], seconds: float) -> Ran:
    """Let one worker encode for so long."""
    client = contestant.connection
    client.time_blocks(blocks[:1], wake=None, timeout_s=300)
    before, throttled = _times(client.pid), _held_s()
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        client.time_blocks(blocks, wake=None, timeout_s=300)
    wall_s = time.monotonic() - start
    after = _times(client.pid)
    shares = [(spent - before.get(thread, 0.0)) / wall_s for thread, spent in after.items()]
    return Ran(
        candidate=contestant.name,
        wall_s=wall_s,
        shares=tuple(sorted((share for share in shares if share >= RAN), reverse=True)),
        threads=len(after),
        throttled=(_held_s() - throttled) / wall_s,
    )


def run(model_name: str, texts: tuple[str, ...], machine: Machine, seconds: float, ran: list[Ran]) -> None:
    """Append to `ran`."""
    model = resolve_model(model_name)
    request = Request(max_loss=0.9, threads=1)
    with tempfile.TemporaryDirectory(prefix="advisor-quota-") as scratch:
        folder = Path(scratch)
        files = export(
            machine.candidates(),
            model=model,
            machine=machine,
            texts=texts,
            threads=request.threads,
            cache=folder / "cache",
            logs=folder,
        )
        question = question_of(model, texts, request, machine=machine)
        with Workers(files.exported, question, folder=folder) as workers:
            blocks = list(workers.workload.blocks)
            for contestant in workers.contestants.values():
                ran.append(encode(contestant, blocks, seconds))
                say(ran[-1].line())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo", help="a folder, an id, or `demo`")
    parser.add_argument("--texts", metavar="SOURCE", help="as for `advisor recommend`; default: the built-in sample")
    parser.add_argument("--field", help="the text column of a table")
    parser.add_argument("--seconds", type=float, default=5.0, help="for which each runtime encodes; default 5")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the figures to this JSON file")
    arguments = parser.parse_args()
    try:
        texts = sample(arguments.texts, field=arguments.field)
        with (
            one_core() as source,
            tempfile.TemporaryDirectory(prefix="advisor-quota-") as scratch,
            environment(ADVISOR_CACHE=str(Path(scratch) / "cache")),
        ):
            machine = Machine.here()
            ran: list[Ran] = []
            run(arguments.model, texts, machine, arguments.seconds, ran)
            say("advisor.recommend")
            start, throttled = time.monotonic(), _held_s()
            found = advisor.recommend(arguments.model, texts=texts, out=Path(scratch) / "artifact")
            wall_s = time.monotonic() - start
            held = (_held_s() - throttled) / wall_s
    except AdvisorError as error:
        say(str(error))
        return 1
    print(machine.describe())
    print(f"a quota of {machine.hardware.cpu.usable_cores:g} cores by {source}, on {os.cpu_count()} cores")
    for each in ran:
        print(each.line())
    threads = found.request.threads
    print(
        f"recommend: {found.winner} ({found.verdict}) in {wall_s:.0f} s with {threads} thread{'s'[: threads != 1]}, "
        f"held back {held:.0%} of the time; {len(found.warnings)} warnings"
    )
    for warning in found.warnings:
        print(f"  {warning}")
    if arguments.out is not None:
        outcome = {"winner": found.winner, "verdict": found.verdict, "threads": threads, "wall_s": wall_s, "held": held}
        rows = [asdict(each) for each in ran]
        write_json(
            arguments.out,
            {"machine": machine.facts(), "quota": source, "ran": rows, "recommend": outcome},
        )
    return 0 if threads == 1 and all(each.one for each in ran) else 1


if __name__ == "__main__":
    sys.exit(main())
